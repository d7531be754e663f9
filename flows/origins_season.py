"""The source-receptor summary of seasons: tables, maps and a text that says what they cannot tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from alerts.map import region_features
from flows.season_paths import Winds, concentration_of, season_arrivals
from flows.workspace import Workspace, reporter
from forecasting.transport.season_map import Lines, season_map
from forecasting.transport.season_text import season_lines
from forecasting.transport.seasonal import SCHEMES, Season, summarise
from pipeline.asof import AsOfPanel
from pipeline.cities import City, city
from pipeline.errors import UsageError
from pipeline.files import write_atomic, write_with
from pipeline.names import MEASURED, is_simulated
from pipeline.series import load_panel

TABLES: Final = ("regions", "groups")
LONGEST_HOURS: Final = 120


@dataclass(frozen=True)
class SeasonPlan:
    """What to summarise.

    Parameters
    ----------
    first, last : UTC days of the first and last arrival
    winds : ``stored`` forecasts, or ``surrogate``: estimated from measured pressure
    scheme : how the year is divided, see ``seasonal.SCHEMES``
    hours : length of the paths back in time
    seed : of the resamples
    """

    city: City
    first: date
    last: date
    world: str = MEASURED
    winds: Winds = "stored"
    scheme: str = "quarters"
    hours: int = 72
    seed: int = 0

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Return the first instant, and that before which the last arrival lies."""
        first, last = (datetime.combine(day, time(), UTC) for day in (self.first, self.last))
        return first, last + timedelta(days=1)


@dataclass(frozen=True)
class SeasonSummary:
    """What a summary found, what is printed of it, and the files that hold it."""

    seasons: list[Season]
    lines: list[str]
    facts: dict[str, Any]
    files: dict[str, Path]


def plan_seasons(  # noqa: PLR0913 - one argument per option
    first: str,
    last: str,
    city_id: str,
    *,
    world: str = MEASURED,
    winds: str = "stored",
    scheme: str = "quarters",
    hours: int = 72,
    seed: int = 0,
) -> SeasonPlan:
    """Check what was asked for on the command line.

    Raises
    ------
    UsageError
        a date that is none, dates reversed, an unknown city, kind of winds or division of the year

    Examples
    --------
    >>> plan_seasons("2019-12-01", "2020-02-29", "seoul", winds="station")
    Traceback (most recent call last):
    ...
    pipeline.errors.UsageError: --winds station: there are stored, surrogate
    """
    begin, end = _day("--from", first), _day("--to", last)
    if end < begin:
        raise UsageError(f"--to {last} lies before --from {first}")
    if winds not in get_args(Winds):
        raise UsageError(f"--winds {winds}: there are {', '.join(get_args(Winds))}")
    if scheme not in SCHEMES:
        raise UsageError(f"--seasons {scheme}: there are {', '.join(SCHEMES)}")
    if not 12 <= hours <= LONGEST_HOURS:
        raise UsageError(f"--hours {hours}: paths can be 12 to {LONGEST_HOURS} hours long")
    kind: Winds = "surrogate" if winds == "surrogate" else "stored"
    return SeasonPlan(city(city_id), begin, end, world, kind, scheme, hours, seed)


def summarise_seasons(ws: Workspace, plan: SeasonPlan, out: Path) -> SeasonSummary:
    """Summarise seasons and write tables, maps and text into a folder.

    Raises
    ------
    UsageError
        nothing was measured in the city, or no winds are there
    StorageError
        a file cannot be written
    """
    as_of = ws.clock()
    panel = _panel(ws, plan, as_of)
    arrivals, attributes = season_arrivals(
        ws, panel, plan.city, plan.span, winds=plan.winds, hours=plan.hours, as_of=as_of
    )
    concentration = concentration_of(panel, plan.city, arrivals.times, as_of)
    rng = np.random.default_rng(plan.seed)
    tell = reporter.get()
    tell("what chance would show", 0, 1)
    seasons = summarise(arrivals, concentration, plan.scheme, rng, {**attributes, "city": plan.city.id})
    tell("what chance would show", 1, 1)
    facts = _facts(plan, attributes)
    lines = season_lines(seasons, plan.city, facts)
    return SeasonSummary(seasons, lines, facts, _write(plan, seasons, lines, facts, out))


def _panel(ws: Workspace, plan: SeasonPlan, as_of: datetime) -> AsOfPanel:
    start, end = plan.span
    before = timedelta(hours=plan.hours + 24)
    panel = load_panel(
        ws.store,
        [plan.city],
        plan.world,
        start=start - before,
        end=end + timedelta(days=1),
        as_of=as_of,
        around=plan.winds == "surrogate",
    )
    if f"{plan.city.id}.pm2p5.reference" not in panel:
        raise UsageError(f"no PM2.5 of {plan.city.id} is stored in world '{plan.world}' for these days")
    return panel


def _facts(plan: SeasonPlan, attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "city": plan.city.id,
        "from": plan.first.isoformat(),
        "to": plan.last.isoformat(),
        "world": plan.world,
        "simulated": is_simulated(plan.world),
        "winds": attributes["source"],
        "kind": attributes["kind"],
        "seasons": plan.scheme,
        "hours": plan.hours,
        "seed": plan.seed,
    }


def _write(
    plan: SeasonPlan, seasons: list[Season], lines: list[str], facts: dict[str, Any], out: Path
) -> dict[str, Path]:
    files = {"summary.txt": write_atomic(out / "summary.txt", ("\n".join(lines) + "\n").encode())}
    for name in TABLES:
        files[f"{name}.csv"] = write_atomic(out / f"{name}.csv", table_of(seasons, name).encode())
    document = {**facts, "of_season": [season_facts(s) for s in seasons]}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    files["summary.json"] = write_atomic(out / "summary.json", text.encode())
    for season in seasons:
        if season.maps is not None:
            files |= _maps(plan, season, facts, out)
    return files


def _maps(plan: SeasonPlan, season: Season, facts: dict[str, Any], out: Path) -> dict[str, Path]:
    fields, name = season.maps, season.name
    if fields is None:
        return {}
    simulated = "SIMULATED: nothing of this happened. " if facts["simulated"] else ""
    surrogate = facts["kind"] == "surrogate"
    png = season_map(
        fields,
        f"{plan.city.name['en']}, {name}, {season.first} to {season.last}: {season.arrivals} arrivals",
        f"{simulated}Winds: {facts['winds']}. What passing air arrived with, not where its dust came from.",
        place=(plan.city.latitude, plan.city.longitude),
        coast=_coast(),
        paths=None if surrogate else season.paths,
    )
    return {
        f"map-{name}.png": write_atomic(out / f"map-{name}.png", png),
        f"cells-{name}.nc": write_with(
            out / f"cells-{name}.nc", lambda beside: fields.to_netcdf(beside, engine="h5netcdf")
        ),
    }


def table_of(seasons: list[Season], name: str) -> str:
    """Return a table of all seasons that have it as CSV: ``regions`` or ``groups``."""
    parts = [s.regions if name == "regions" else s.groups for s in seasons]
    labelled = [
        part.assign(season=s.name)[["season", *part.columns]]
        for s, part in zip(seasons, parts, strict=True)
        if len(part)
    ]
    if not labelled:
        return "season\n"
    return str(pd.concat(labelled, ignore_index=True).to_csv(index=False, float_format="%.4g"))


def season_facts(season: Season) -> dict[str, Any]:
    """Return what is known of a season, ready for JSON; its tables stand beside."""
    numbers = {
        name: None if np.isnan(value) else round(value, 2)
        for name, value in (
            ("mean", season.mean),
            ("threshold", season.threshold),
            ("known_hours", season.known_hours),
        )
    }
    return {
        "season": season.name,
        "arrivals": season.arrivals,
        "independent": season.independent,
        "first": season.first,
        "last": season.last,
        **numbers,
        "refused": season.refused,
    }


def _coast() -> Lines:
    """Return the outlines of land, without borders."""
    lines = []
    for feature in region_features():
        if feature["properties"]["kind"] == "land":
            for polygon in feature["geometry"]["coordinates"]:
                lines += [(np.array(ring)[:, 0], np.array(ring)[:, 1]) for ring in polygon]
    return lines


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no date; write it like 2019-12-01") from None
