"""``sameair store`` and ``sameair outbox``: looking after what is stored and what is to be sent."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

store = typer.Typer(help="Look after the observation store.")
outbox = typer.Typer(help="Messages on their way, and those whose fate is unknown.")


@store.command()
def repair(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Remove what killed writers left and name listed files that are gone (exit code 6 if any is)."""
    from flows.upkeep import repair_store
    from flows.workspace import open_workspace

    rows = repair_store(open_workspace(make_settings(data_dir)), world)
    shown("repaired", rows, as_json)
    if any(row["missing"] for row in rows):
        raise typer.Exit(6)


@store.command()
def compact(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Merge small batches older than two days; what is read as of any instant stays the same."""
    from flows.upkeep import compact_store
    from flows.workspace import open_workspace

    shown("compacted", compact_store(open_workspace(make_settings(data_dir)), world), as_json)


@store.command()
def copy(
    to: Annotated[str, typer.Option("--to", help="s3://bucket/prefix, or a data folder.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy batches, fields, models and products elsewhere, verified (exit code 6 if a listed one lacks)."""
    from flows.storage_copy import copy_store
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        rows, missing = copy_store(open_workspace(make_settings(data_dir)), to)
    shown("copied", rows, as_json)
    if missing:
        if not as_json:
            print_lines([f"listed, but not there: {key}" for key in missing])
        raise typer.Exit(6)


@store.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, only count.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove by age what the packaged table of retention names; nothing observed, published or decided."""
    from flows.retention import prune as prune_store
    from flows.retention import retention_rules
    from flows.workspace import open_workspace

    rows = prune_store(open_workspace(make_settings(data_dir)), retention_rules(), dry_run=dry_run)
    shown("to be removed" if dry_run else "removed", rows, as_json)


@outbox.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option("--state", help="Only messages in this state.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List messages: to whom, state (pending, sending, sent, failed, unknown), attempts, last error."""
    from flows.upkeep import listed_messages
    from flows.workspace import open_workspace

    shown("messages", listed_messages(open_workspace(make_settings(data_dir)), state), as_json)


@outbox.command()
def resolve(
    message: Annotated[str, typer.Argument(help="Id of a message whose fate is unknown.")],
    resend: Annotated[bool, typer.Option("--resend/--sent", help="Send it again, or count it as sent.")],
    person: Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Decide about a message that may or may not have left when a mail server broke off."""
    from flows.upkeep import resolve_message
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    resolve_message(ws, message, resend=resend, person=person, reason=reason)
    said = "will be sent again by the next `sameair deliver`" if resend else "counts as sent"
    if as_json:
        print_json({"message": message, "resend": resend})
    else:
        print_lines([f"{message} {said}"])


def shown(title: str, rows: list[dict[str, object]], as_json: bool) -> None:
    """Print rows as a table or as JSON."""
    if as_json:
        print_json(rows)
    else:
        cells = [[", ".join(map(str, v)) if isinstance(v, list) else v for v in r.values()] for r in rows]
        print_table(title, list(rows[0]) if rows else [], cells)
