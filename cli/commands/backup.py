"""``sameair backup`` and ``sameair restore``: everything of a data folder elsewhere, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    from flows.backup.manifest import Manifest
    from pipeline.settings import Settings

Which = Annotated[
    str | None,
    typer.Option("--backup", metavar="INSTANT", help="Another than the newest.", show_default=False),
]
PLACE = "a folder on another disk, or s3://bucket/prefix; else SAMEAIR_BACKUP_TO"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    to: Annotated[str | None, typer.Option("--to", help=f"Where: {PLACE}.", show_default=False)] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Make none; check one in all its parts.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Make none; list what there is.")] = False,
    which: Which = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Back up the ledger and every file, while everything runs; what is there already is not copied again."""
    settings = make_settings(data_dir)
    place = named(to, settings, "--to")
    if list_:
        listed(settings, place, as_json)
    elif verify:
        verified(settings, place, which, as_json)
    else:
        made(settings, place, as_json)


def restore(
    source: Annotated[str | None, typer.Option("--from", help=f"Where: {PLACE}.", show_default=False)] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Empty folder; else the data folder of the settings.", show_default=False),
    ] = None,
    which: Which = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty folder; nothing works there before it is whole."""
    from flows.backup.restoring import restore_backup
    from flows.workspace import reporter
    from pipeline.times import system_clock

    settings = make_settings(data_dir)
    target = to or settings.data_dir
    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        done = restore_backup(settings, named(source, settings, "--from"), target, which, system_clock())
    if as_json:
        print_json({**told(done.manifest), "to": str(target), "messages_held": done.held_messages})
        return
    lines = [f"restored {summary(done.manifest)} into {target}", *left_out_lines(done.manifest)]
    if done.held_messages:
        lines.append(
            f"{done.held_messages} messages may have left since and wait for a person's word:"
            " `sameair outbox list --state unknown`"
        )
    lines.append("next: put the keys back, then `sameair audit verify`, `sameair doctor` (docs/backup.md)")
    lines.append("a node of one party: `sameair exchange sync --once`, then `sameair exchange recover PEER`")
    print_lines(lines)


def named(given: str | None, settings: Settings, option: str) -> str:
    """Return the place of backups, of the option or the settings."""
    from pipeline.errors import UsageError

    if not (given or settings.backup_to):
        raise UsageError(f"say where with {option} or SAMEAIR_BACKUP_TO: {PLACE.partition(';')[0]}")
    return given or settings.backup_to


def made(settings: Settings, to: str, as_json: bool) -> None:
    """Make a backup and say what it holds."""
    from flows.backup.keeping import Keep
    from flows.backup.making import make_backup
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        done = make_backup(open_workspace(settings), to, Keep(*settings.backup_keep))
    if as_json:
        more = {"to": done.place, "new_bytes": done.new_bytes, "removed": list(done.removed)}
        print_json({**told(done.manifest), **more})
        return
    new = f"{done.new_bytes / 1e6:.1f} MB"
    lines = [
        f"backed up {summary(done.manifest)} to {done.place}, checked; {new} were new",
        *left_out_lines(done.manifest),
    ]
    if done.removed:
        lines.append(f"{len(done.removed)} older backups were not to be kept and are gone")
    print_lines(lines)


def verified(settings: Settings, to: str, which: str | None, as_json: bool) -> None:
    """Check a backup in all its parts."""
    from tempfile import TemporaryDirectory

    from flows.backup.restoring import verify_backup
    from flows.workspace import reporter

    with TemporaryDirectory() as scratch, progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        manifest = verify_backup(settings, to, which, Path(scratch) / "ledger")
    if as_json:
        print_json({**told(manifest), "verified": True})
        return
    end = manifest.audit_end or (0, "")
    print_lines(
        [
            f"{summary(manifest)}: every part, row and listed batch is there",
            f"the audit trail is whole: {end[0]} rows, the last {end[1] or 'none'}",
        ]
    )


def listed(settings: Settings, to: str, as_json: bool) -> None:
    """List the backups of a place."""
    from flows.backup.place import place_of

    place = place_of(settings, to)
    rows = [told(place.read(name)) for name in place.names()]
    if as_json:
        print_json(rows)
    else:
        names = ("backup", "files", "bytes", "ledger_rows", "audit_rows", "revision")
        print_table("backups", list(names), [[row[name] for name in names] for row in rows])


def told(manifest: Manifest) -> dict[str, Any]:
    """Return what is said of a backup as data."""
    end = manifest.audit_end or (0, "")
    return {
        "backup": manifest.id,
        "files": len(manifest.files),
        "bytes": manifest.size,
        "ledger_rows": sum(manifest.rows.values()),
        "audit_rows": end[0],
        "audit_digest": end[1],
        "revision": manifest.revision,
        "left_out": [path for path, _ in manifest.left_out],
    }


def summary(manifest: Manifest) -> str:
    """Return a backup in a few words."""
    size = f"{manifest.size / 1e6:.1f} MB"
    return f"{manifest.id}: {len(manifest.files)} files, {size}, {sum(manifest.rows.values())} rows"


def left_out_lines(manifest: Manifest) -> list[str]:
    """Return what people must keep themselves."""
    return [f"NOT in it: {path} ({why})" for path, why in manifest.left_out]
