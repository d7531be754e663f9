"""``sameair bulletin``: our own bulletins; ``sameair bulletins``: what other agencies said."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, Cycle, DataDir, Instant, OneCity, World, instant_of, make_settings
from cli.output import print_json, print_table

LONGEST = 160


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("bulletin")(bulletin)
    app.command("bulletins")(bulletins)


def bulletin(
    cycle: Cycle = None,
    city: OneCity = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="PDFs of one language only: ko, zh or en.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    world: World = None,
    as_json: AsJson = False,
) -> None:
    """Write the bulletins of a cycle anew and say where they lie: one page and three PDFs of each."""
    from flows.bulletin import bulletin_files, write_bulletin
    from flows.runview import find_run
    from flows.workspace import open_workspace

    known = _checked(city, language)
    ws = open_workspace(make_settings(data_dir))
    run = find_run(ws, world, instant_of(cycle) if cycle else None)
    write_bulletin(ws, run.id)
    rows = [
        {"of": f.city or "joint", "language": f.language or "all", "kind": f.kind, "path": str(f.path)}
        for f in bulletin_files(ws, run)
        if (known is None or f.city == known) and (language is None or f.language == language)
    ]
    if as_json:
        print_json(rows)
    else:
        print_table("bulletins of the run", list(rows[0]), [list(row.values()) for row in rows])


def _checked(city: str | None, language: str | None) -> str | None:
    """Return the city asked for, empty for the joint bulletin; refuse what there is not."""
    from alerts.vocabulary import LANGUAGES
    from pipeline.cities import all_cities
    from pipeline.errors import UsageError

    if language is not None and language not in LANGUAGES:
        raise UsageError(f"--language {language} is none; there are {', '.join(LANGUAGES)}")
    if city is not None and city != "joint" and city not in all_cities():
        raise UsageError(f"--city {city} is none; there are joint, {', '.join(all_cities())}")
    return "" if city == "joint" else city


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
