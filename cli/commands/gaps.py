"""``sameair gaps``: what the sources can no longer give."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("gaps")(gaps)


def gaps(
    days: Annotated[int, typer.Option("--days", min=1, max=30_000, help="How far back to look.")] = 30,
    data_dir: DataDir = None,
    world: World = None,
    as_json: AsJson = False,
) -> None:
    """List what was found to be gone for good: an outage outlasted what the source keeps."""
    from flows.gaps import gap_rows
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    rows = gap_rows(ws, world or MEASURED, ws.clock() - timedelta(days=days))
    if as_json:
        print_json(rows)
    else:
        print_table("gone for good", list(rows[0]) if rows else [], [list(row.values()) for row in rows])
