"""``sameair sharing`` and ``sameair measures``: what may leave, marks of what came, emergency measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.workspace import Workspace
    from pipeline.sharing import Sharing

app = typer.Typer(help="Emergency measures: declare those of an own city, list all that are known.")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("sharing")(sharing)


def sharing(
    party: Annotated[
        str | None, typer.Option("--party", help="One party only; else all.", show_default=False)
    ] = None,
    station: Annotated[
        str | None,
        typer.Option("--station", help="Explain why values of a station leave or stay.", show_default=False),
    ] = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the rules let leave, and under which marks data of other parties came.

    With --station: why values of that station leave or stay, and when the newest does.
    """
    from dataclasses import asdict

    from flows.exchange_data import received_marks
    from flows.node import parties
    from flows.workspace import open_workspace
    from pipeline.errors import UsageError
    from pipeline.sharing import sharing_of

    if party is not None and party not in parties():
        raise UsageError(f"--party {party}: there are {', '.join(parties())}")
    ws = open_workspace(make_settings(data_dir))
    if station is not None:
        _explain(ws, station, world, as_json=as_json)
        return
    held = [sharing_of(p, ws.settings.sharing_file) for p in ([party] if party else parties())]
    marks = received_marks(ws)
    if as_json:
        print_json({"sharing": [asdict(one) for one in held], "received": marks})
        return
    _print_rules(held)
    names = ["source", "licence", "attribution", "redistribution", "embargo_hours"]
    print_table("marks of what came", names, [[row[name] for name in names] for row in marks])


def _print_rules(held: Sequence[Sharing]) -> None:
    """Print what parties share, and what of it stays."""
    columns = ["party", "rule", "world", "stations", "quantities", "delay h", "embargo h", "redistribution"]
    rows = [
        [
            one.party,
            r.name,
            r.world,
            " ".join(r.stations),
            " ".join(r.quantities),
            r.delay_hours,
            r.mark.embargo_hours,
            r.mark.redistribution,
        ]
        for one in held
        for r in one.rules
    ]
    print_table("measurements that may leave", columns, rows)
    print_lines(
        [f"{one.party}: {kind} of {' and '.join(w)}" for one in held for kind, w in one.statements.items()]
    )
    for one in held:
        quotes = [f"{w}: {' '.join(p)}" for w, p in one.quotes.items() if p]
        print_lines([f"{one.party}: joint texts repeat readings of others at {'; '.join(quotes) or 'none'}"])
    print_lines(["what stands here under no rule stays on its node"])


def _explain(ws: Workspace, station: str, world: str | None, *, as_json: bool) -> None:
    """Print why values of a station leave or stay."""
    from flows.sharing_explained import decisions
    from pipeline.names import MEASURED

    rows = decisions(ws, station, world or MEASURED)
    if as_json:
        print_json({"station": station, "decisions": rows})
    else:
        names = ["party", "quantity", "newest", "source", "decision", "leaves"]
        print_table(f"values of {station}", names, [[row[name] for name in names] for row in rows])


@app.command()
def declare(  # noqa: PLR0913 - one argument per option
    name: Annotated[str, typer.Argument(help="Id of the measures; the same again changes them.")],
    city: Annotated[str, typer.Option("--city", help="seoul or beijing.")],
    level: Annotated[str, typer.Option("--level", help="As the party calls it, such as orange.")],
    area: Annotated[str, typer.Option("--area", help="Where they run.")],
    start: Annotated[str, typer.Option("--start", help="Instant, ISO 8601.")],
    because: Annotated[str, typer.Option("--because", help="Legal basis.")],
    person: Annotated[str, typer.Option("--person", help="Who declares them here.")],
    stop: Annotated[
        str | None, typer.Option("--stop", help="Instant; left out: open.", show_default=False)
    ] = None,
    state: Annotated[str, typer.Option("--state", help="in_force, lifted or cancelled.")] = "in_force",
    note: Annotated[str, typer.Option("--note", help="What else a reader must know.")] = "",
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Keep emergency measures of an own city; the exchange tells the other parties."""
    from flows.measures import Measures, declare
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    begins, ends = _instant("--start", start), None if stop is None else _instant("--stop", stop)
    said = Measures(name, city, level, area, begins, ends, because, state, note)
    ws = open_workspace(make_settings(data_dir))
    new = declare(ws, world or MEASURED, said, person)
    if as_json:
        print_json({"id": name, "new": new})
    else:
        print_lines([f"{name}: {'kept' if new else 'known already'}"])


@app.command("list")
def list_measures(world: World = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List emergency measures, own ones and those that other parties told, newest first."""
    from flows.measures import known_measures
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED
    from pipeline.times import iso

    ws = open_workspace(make_settings(data_dir))
    rows = [
        {
            "id": m.bulletin.key,
            **{n: m.bulletin.content[n] for n in ("city", "level", "area")},
            "start": iso(m.bulletin.valid_from),
            "stop": "" if m.bulletin.valid_until is None else iso(m.bulletin.valid_until),
            "state": m.bulletin.content["state"],
            "legal basis": m.bulletin.content["legal_basis"],
            "known from": iso(m.received_at),
        }
        for m in known_measures(ws, world or MEASURED, ws.clock())
    ]
    if as_json:
        print_json({"measures": rows})
    else:
        print_table("emergency measures", list(rows[0]) if rows else [], [list(r.values()) for r in rows])


def _instant(option: str, text: str) -> str:
    """Return an instant as envelopes write it; UsageError where it is none."""
    from pipeline.errors import UsageError
    from pipeline.times import iso, parse_instant

    try:
        return iso(parse_instant(text))
    except ValueError:
        raise UsageError(f"{option} {text}: write ISO 8601, such as 2026-01-15T00:00+08:00") from None
