"""``sameair bulletins``: forecasts and advisories of other agencies."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, instant_of, make_settings
from cli.output import print_json, print_table

LONGEST = 160


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("bulletins")(bulletins)


def bulletins(
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="forecast, outlook, over50, advisory or dust.", show_default=False),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Only of this source.", show_default=False)
    ] = None,
    in_force: Annotated[
        bool, typer.Option("--in-force", help="Only those that speak of that instant.")
    ] = False,
    at: Instant = None,
    data_dir: DataDir = None,
    world: World = None,
    as_json: AsJson = False,
) -> None:
    """List what other agencies have said, as known at an instant (default: now)."""
    from flows.statements import bulletin_rows, said_in_words
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    as_of = ws.clock() if at is None else instant_of(at)
    rows = bulletin_rows(ws, world or MEASURED, as_of, kind=kind, source=source, in_force=in_force)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        del row["key"]
        row["content"] = _short(said_in_words(row["content"]))
    print_table("bulletins", list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def _short(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
