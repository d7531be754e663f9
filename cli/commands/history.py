"""``sameair import-history`` and ``sameair fields``: archives of the web, and other agencies' forecasts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, instant_of, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

INCOMPLETE = 5
MOST_NAMED = 5
"""How many things that do not read are named; all of them are with --json."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import-history")(import_history)
    app.command("fields")(fields)


def import_history(
    kind: Annotated[str, typer.Argument(help="openaq, previous-runs or single-runs.")],
    first: Annotated[str, typer.Option("--from", help="First day, UTC.")],
    last: Annotated[str, typer.Option("--to", help="Last day, UTC.")],
    location: Annotated[
        list[int] | None, typer.Option("--location", help="OpenAQ location; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fetch history for training, without a key; a second import adds nothing, a stopped one goes on.

    Exit code 5 says that something could not be read, or that a service refused to go on.
    """
    from flows import history
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        ws = open_workspace(make_settings(data_dir))
        found = history.import_history(ws, kind, _day(first), _day(last), location or ())
    if as_json:
        print_json(vars(found))
    else:
        print_lines([f"{kind}: {found.new:,} new; {found.asked} parts fetched, {found.there} were there"])
        for line in found.unread[:MOST_NAMED]:
            print_lines([f"skipped {line}"], styles={"skipped": "yellow"})
        if len(found.unread) > MOST_NAMED:
            more = f"skipped {len(found.unread) - MOST_NAMED} more; --json names them all"
            print_lines([more], styles={"skipped": "yellow"})
        if found.stopped:
            print_lines([f"stopped: {found.stopped}; the same command goes on"], styles={"stopped": "yellow"})
    if found.unread or found.stopped:
        raise typer.Exit(INCOMPLETE)


def _day(text: str) -> datetime:
    from pipeline.errors import UsageError
    from pipeline.times import parse_instant

    try:
        return parse_instant(text)
    except ValueError:
        raise UsageError(f"'{text}' is no day; write it as 2024-01-31") from None


def fields(
    at: Instant = None, world: World = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show the newest forecast of each other agency, as it was known at an instant."""
    from flows.history import newest_fields
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    found = newest_fields(ws, world or MEASURED, None if at is None else instant_of(at))
    if as_json:
        print_json([vars(row) for row in found])
        return
    columns = ("source", "files", "reference", "it is the", "until", "at", "variables")
    rows = [
        (f.source, f.files, f.reference_time, f.kind_of_reference, f.until, f.places, len(f.variables) or "")
        for f in found
    ]
    print_table("other agencies' forecasts", columns, rows)
