"""``sameair origin``: where the air of a cycle's expected peak comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, Cycle, DataDir, OneCity, World, cycle_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from pipeline.origin_panel import CityOrigin


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("origin")(origin)


def origin(
    cycle: Cycle = None,
    world: World = None,
    city: OneCity = None,
    language: Annotated[str, typer.Option("--language", help="Of names: en, ko or zh.")] = "en",
    party: Annotated[
        str | None,
        typer.Option("--party", help="Name regions as this party's table does.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell over which regions air passes, how long it stays near its city, and what was measured upwind."""
    from flows.origins import asked_origins
    from flows.workspace import open_workspace
    from pipeline.names import is_simulated
    from pipeline.times import iso

    _check(language, party, city)
    ws = open_workspace(make_settings(data_dir))
    run, panel = asked_origins(ws, world, cycle_of(cycle) if cycle else None)
    told = [one for one in panel.cities if city in (None, one.city)]
    if as_json:
        document = panel.to_dict()
        document["cities"] = [one for one in document["cities"] if city in (None, one["city"])]
        print_json({"run": run.id, **document})
        return
    simulated = " (SIMULATED DATA)" if is_simulated(run.world) else ""
    print_lines([f"{run.world}{simulated}, cycle {iso(run.cycle)}, run {run.id}"])
    if panel.kind != "none":
        print_lines(
            [f"winds: {panel.winds} ({panel.kind}); {panel.method}; members differ in {panel.spread}"]
        )
        print_lines(["Hours of paths over a region are no amounts of dust and no share of anybody's."])
    for one in told:
        _print_city(one, language, party)


def _check(language: str, party: str | None, city: str | None) -> None:
    """Refuse what there is not."""
    from forecasting.reasons.words import LANGUAGES
    from pipeline.cities import all_parties
    from pipeline.cities import city as known_city
    from pipeline.errors import UsageError

    parties = all_parties()
    if language not in LANGUAGES:
        raise UsageError(f"--language {language}: there are {', '.join(LANGUAGES)}")
    if party not in (None, *parties):
        raise UsageError(f"--party {party}: there are {', '.join(parties)}")
    if city is not None:
        known_city(city)


def _named(place: str, language: str, party: str | None) -> str:
    from pipeline.place_names import name_of
    from pipeline.regions import ELSEWHERE, all_regions, region_name

    if place == ELSEWHERE or place in all_regions():
        return region_name(place, language, party)
    return name_of(place, language)


def _print_city(one: CityOrigin, language: str, party: str | None) -> None:
    name = _named(one.city, language, party)
    if one.missing:
        print_lines(["", f"{name}: {one.missing}"])
        return
    local = one.local
    print_lines(
        [
            "",
            f"{name}: {one.members} paths back {one.hours:g} h, arriving {one.arrivals[0]} to "
            f"{one.arrivals[1]}; {one.lost} ended early",
            f"local air: {local.word}, {local.hours:.1f} h ({local.low:.1f}-{local.high:.1f}) of the last "
            f"24 h within {local.within_km:g} km",
        ]
    )
    rows = [
        (_named(r.region, language, party), f"{r.hours:.1f}", f"{r.low:.1f}-{r.high:.1f}",
         f"{r.share_of_paths:.0%}")
        for r in one.regions
    ]  # fmt: skip
    print_table("Hours over regions", ("region", "mean h", "10-90 %", "of the paths"), rows)
    passed = [
        (_named(w.place, language, party), w.first, w.last, f"{w.lag_hours:.0f}", f"{w.share:.0%}")
        for w in one.windows
    ]
    print_table("Arrival of air that had passed", ("place", "from", "to", "h before", "of the paths"), passed)
    readings = [
        (_named(u.place, language, party), f"{u.hours_before:.0f}", u.passed_at, _amount(u.value),
         _amount(u.latest), u.latest_at)
        for u in one.upwind
    ]  # fmt: skip
    columns = ("place", "h before", "passed at", "PM2.5 then", "newest", "hour ending")
    print_table("Measured upwind [ug m-3]", columns, readings)


def _amount(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
