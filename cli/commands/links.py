"""``sameair links``: how far one city's exceedances follow the other's where the air's paths agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, instant_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from forecasting.transport.link_evidence import LinkMeasurement
    from forecasting.transport.link_test import Excess

COLUMNS = ("", "days", "hits", "rate", "chance", "excess", "90 % interval", "p")
TITLES = {
    "path": "paths agree, by season",
    "placebo": "placebo: upwind as long after the air arrived, by season",
    "lag": "paths agree, by hours since passing",
    "association": "association alone, whatever the paths",
}


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("links")(links)


def links(
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure now, and keep it; else show what was last measured.")
    ] = False,
    winds: Annotated[
        str | None,
        typer.Option(
            "--winds",
            help="'stored' forecasts, or 'surrogate': estimated from sea-level pressure, no weather model.",
            show_default=False,
        ),
    ] = None,
    at: Instant = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure on a world's own history how far the cities' episodes are linked, beyond chance."""
    from alerts.policy import load_policy
    from flows.links import measure_links, measured_links
    from flows.workspace import open_workspace
    from flows.worlds import present_of
    from pipeline.errors import UsageError
    from pipeline.names import MEASURED
    from pipeline.times import iso

    if winds not in (None, "stored", "surrogate"):
        raise UsageError(f"--winds {winds}: there are stored and surrogate")
    ws = open_workspace(make_settings(data_dir))
    name = world or MEASURED
    as_of = instant_of(at) if at else present_of(ws, name)
    if measure:
        found = measure_links(ws, name, load_policy(ws.settings.policy_file), as_of, winds)  # type: ignore[arg-type]
    else:
        found = measured_links(ws, name, as_of)
    if not found:
        when = f" on what was known at {iso(as_of)}" if at else ""
        which = "" if name == MEASURED else f" --world {name}"
        raise UsageError(
            f"the links of {name} were not measured yet{when}; call `sameair links --measure{which}`"
        )
    if as_json:
        print_json([one.to_dict() | {"confidence": _words(one)} for one in found])
        return
    for one in found:
        _show(one)


def _words(one: LinkMeasurement) -> dict[str, str]:
    from forecasting.transport.link_evidence import SEASONS, WHOLE_YEAR

    return {season: one.word(season) for season in (WHOLE_YEAR, *SEASONS)}


def _show(one: LinkMeasurement) -> None:
    words = ", ".join(f"{season} {word}" for season, word in _words(one).items())
    print_lines(
        [
            f"{one.upwind} then {one.downwind}, {one.world}, {one.first_day} to {one.last_day}",
            f"winds      {one.winds}",
            f"method     {one.method}",
            f"confidence {words}",
        ]
    )
    for kind, rows in one.rows.items():
        print_table(TITLES[kind], COLUMNS, [_row(row) for row in rows])


def _row(row: Excess) -> list[str]:
    interval = "" if row.low is None else f"{row.low:+.1%} to {row.high:+.1%}"
    figures = [
        "" if v is None else f"{v:{sign}.1%}"
        for v, sign in ((row.rate, ""), (row.chance, ""), (row.excess, "+"))
    ]
    return [row.label, str(row.days), str(row.hits), *figures, interval, f"{row.p_value:.3f}"]
