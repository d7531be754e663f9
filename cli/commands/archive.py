"""``sameair import-archive`` and ``import-files``: measured archives into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    from ingest.published.report import FilesReport

INCOMPLETE, HELD = 5, 3
"""Exit codes: a file could not be read as a whole; values of unknown stations were held back."""

MOST_NAMED = 5
"""How many held stations a line names."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import-archive")(import_archive)
    app.command("import-files")(import_files)


def import_archive(
    folder: Annotated[Path, typer.Argument(help="Folder laid out like ../shared/data, or a part of it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load measured archives: PM2.5, PM10, weather and stations; a second import adds nothing.

    Values count as received one hour after their interval's end, and are flagged so.
    """
    from flows.ingest import ingest_archive
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        found = ingest_archive(open_workspace(make_settings(data_dir)), folder)
    if as_json:
        print_json(found.as_dict())
    else:
        columns = ("file", "values", "new", "failed QC", "suspect")
        print_table(
            f"imported {folder}",
            columns,
            [
                (f.file, f"{f.values:,}", f"{f.written:,}", f"{f.failed:,}", f"{f.suspect:,}")
                for f in found.files
            ],
        )
        for skipped in found.skipped:
            print_lines([f"skipped {skipped.file}: {skipped.reason}"], styles={"skipped": "yellow"})
        print_lines(
            [f"{found.cells:,} cells, {found.values:,} values, {found.written:,} new, {found.seconds:.0f} s"]
        )
    if found.damaged:
        raise typer.Exit(5)


def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files as published, or folders of such files.")],
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help="TOML file that describes the tables.", show_default=False),
    ] = None,
    accept_unknown: Annotated[
        bool, typer.Option("--accept-unknown", help="Also store values of stations that no list has.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load archives as their publishers wrote them; a second import adds nothing.

    Values of stations that no list has are held back until a list is imported with them.
    """
    from flows.published import import_published
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        ws = open_workspace(make_settings(data_dir))
        found = import_published(ws, paths, mapping, accept_unknown=accept_unknown)
    if as_json:
        print_json(found.as_dict())
    else:
        _print_files(found)
    if found.incomplete:
        raise typer.Exit(INCOMPLETE)
    if found.held:
        raise typer.Exit(HELD)


def _print_files(found: FilesReport) -> None:
    """Print what was read and stored, and what was not."""
    columns = ("source", "files", "values", "new", "duplicates", "failed QC", "suspect", "held")
    rows = [
        (
            source,
            str(sum(f.source == source for f in found.files)),
            *(
                f"{n:,}"
                for n in (t.values, t.written, t.duplicates, t.failed, t.suspect, sum(t.held.values()))
            ),
        )
        for source, t in found.sources.items()
    ]
    print_table("imported files", columns, rows)
    for file in found.files:
        if file.left_out:
            first = file.notes[0] if file.notes else file.file
            print_lines(
                [f"left out {file.left_out:,} rows or cells; first: {first}"], styles={"left": "yellow"}
            )
    for unread in found.unread:
        print_lines([f"skipped {unread.file}: {unread.reason}"], styles={"skipped": "yellow"})
    if found.held:
        some = sorted(found.held)
        more = f" and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
        line = (
            f"held {sum(found.held.values()):,} values of {len(some)} stations that no list has "
            f"({', '.join(some[:MOST_NAMED])}{more}): import a station list with the files again, "
            "or use --accept-unknown"
        )
        print_lines([line], styles={"held": "yellow"})
    missing, derived = (sum(getattr(f, name) for f in found.files) for name in ("missing", "not_kept"))
    print_lines([f"{missing:,} cells missing, {derived:,} derived cells not kept, {found.seconds:.1f} s"])
