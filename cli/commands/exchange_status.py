"""``sameair exchange status``: how the other parties' nodes and the way to them stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, instant_of, make_settings
from cli.output import print_json, print_lines, print_table

LATE = 3
"""Exit code: something is late, or our chain may not go on."""


def register(app: typer.Typer) -> None:
    """Add the command of this file to the group."""
    app.command()(status)


def status(
    world: World = None,
    at: Instant = None,
    days: Annotated[
        int, typer.Option("--days", min=1, help="Days back of which forecasts are compared.")
    ] = 90,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what was heard, what is late or missing, what waits, and their forecasts beside ours."""
    from flows.exchange_lines import COLUMNS, forecast_notes, forecast_rows, status_lines
    from flows.exchange_status import exchange_status
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    if at is not None:
        when = instant_of(at)
        ws = replace(ws, clock=lambda: when)
    found = exchange_status(ws, world or MEASURED, days)
    if as_json:
        print_json(found)
    else:
        print_lines(status_lines(found), styles={"  LATE": "bold red"})
        print_lines([""])
        rows = forecast_rows(found["forecasts"])
        if rows:
            print_table("forecasts of the same days [ug m-3]", COLUMNS, rows)
            print_lines(forecast_notes(found["forecasts"]))
        else:
            print_lines(["no day yet that both have forecast and that was measured"])
    if any(peer["late"] or peer["stopped"] for peer in found["peers"]):
        raise typer.Exit(LATE)
