"""Receptor methods measured on a simulated world, whose air knows its origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from flows.origins_season import SeasonPlan
from flows.season_paths import HEIGHTS, arrival_times, stretches
from flows.workspace import reporter
from forecasting.transport.ensembles import ensemble
from forecasting.transport.known_origin import Sources, across_regions, by_region
from forecasting.transport.residence import joined, residence
from forecasting.transport.seasonal import season_names
from forecasting.transport.significance import independent_arrivals
from forecasting.transport.trajectories import trajectories
from ingest.simulated.analysed_winds import analysed_winds
from ingest.simulated.origin_truth import origin_shares
from pipeline.cities import City
from pipeline.errors import UsageError
from pipeline.files import write_atomic

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

OUTSIDE: Final = "inflow"
OWN: Final = "own"
AT_HOME: Final = {"seoul": "seoul_metropolitan", "beijing": "beijing_tianjin"}
"""The source around each city; a city's own streets count to it, since paths cannot tell them apart."""

AROUND: Final = timedelta(hours=3)
"""The concentration of an arrival is the mean of so long before and after it."""


@dataclass(frozen=True)
class Known:
    """Arrivals of known origin: hours over each source and outside [h], and the dust from there [ug m-3]."""

    names: tuple[str, ...]
    times: Times
    hours: Floats
    parts: Floats


@dataclass(frozen=True)
class Agreement:
    """Tables of every season: methods ranked across regions, and each region; refusals by season."""

    methods: pd.DataFrame
    regions: pd.DataFrame
    refused: dict[str, str]
    files: dict[str, Path]


def seed_of(world: str) -> int:
    """Return the seed of a simulated world.

    Raises
    ------
    UsageError
        it is no simulated world

    Examples
    --------
    >>> seed_of("simulated-7")
    7
    """
    found = re.match(r"simulated-(\d+)", world)
    if not found:
        raise UsageError(
            f"--against-truth: the origin of the air of world '{world}' is not known; give a simulated-N"
        )
    return int(found[1])


def known_arrivals(seed: int, city: City, span: tuple[datetime, datetime], hours: float) -> Known:
    """Return the 6-hourly arrivals of a span with the paths of analysed winds and the tagged truth.

    Paths see the 1-degree analyses of the weather service; the truth was carried on half a degree, with
    eddies that no service sees.
    """
    first, before = span
    truth = origin_shares(seed, first - AROUND, before + AROUND, [city.id]).isel(city=0)
    sources = Sources(*_sources(truth))
    tell, parts = reporter.get(), []
    cut = list(stretches(first, before))
    for done, (begin, end) in enumerate(cut):
        tell("paths of known origin", done, len(cut))
        winds = analysed_winds(seed, begin - timedelta(hours=hours + 6), end + timedelta(hours=6))
        starts = ensemble(city.latitude, city.longitude, arrival_times(begin, end), HEIGHTS, (0.0,))
        paths = trajectories(winds, starts, -hours)
        parts.append((residence(paths, sources), _left(paths, hours)))
    tell("paths of known origin", len(cut), len(cut))
    found = joined([one for one, _ in parts])
    outside = np.concatenate([left for _, left in parts])
    return Known(
        (*sources.names, OUTSIDE),
        found.times,
        np.column_stack([found.hours, outside]),
        _dust(truth, found.times, (*sources.names, OUTSIDE), AT_HOME[city.id]),
    )


def agreement(plan: SeasonPlan, out: Path) -> Agreement:
    """Compare methods with the truth, season by season, and write two tables ``truth-….csv``.

    Raises
    ------
    UsageError
        the world is not simulated, or the span lies outside the simulated hours
    """
    known = known_arrivals(seed_of(plan.world), plan.city, plan.span, plan.hours)
    methods, regions, refused = compared(known, plan.scheme, np.random.default_rng(plan.seed))
    files = {
        f"truth-{name}.csv": write_atomic(
            out / f"truth-{name}.csv", table.to_csv(index=False, float_format="%.4g").encode()
        )
        for name, table in (("methods", methods), ("regions", regions))
    }
    return Agreement(methods, regions, refused, files)


def compared(
    known: Known, scheme: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Return tables of methods and regions for every season that has arrivals enough, and the refusals."""
    seasons = season_names(known.times, scheme)
    methods, regions, refused = [], [], {}
    for name in dict.fromkeys(seasons.tolist()):
        mine = seasons == name
        times, hours, parts = known.times[mine], known.hours[mine], known.parts[mine]
        said: dict[str, Any] = {"season": name, "independent": independent_arrivals(times)}
        try:
            ranked = across_regions(hours, parts, times, rng, what=name)
        except UsageError as error:
            refused[name] = str(error)
            continue
        methods.append(ranked.assign(**said))
        regions.append(by_region(known.names, hours, parts, times, rng).assign(**said))
    return _together(methods), _together(regions), refused


def agreement_lines(found: Agreement, city: City, world: str) -> list[str]:
    """Return what is printed of a comparison."""
    lines = [
        f"{city.name['en']}, world {world} (SIMULATED): receptor methods against the known origin of its air"
    ]
    lines += [f"Refused: {why}" for why in found.refused.values()]
    for season, methods in found.methods.groupby("season", sort=False):
        ranks = "; ".join(
            f"{r['method']} {r['rank_correlation']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
            for r in methods.to_dict("records")
        )
        lines += ["", f"{season}: regions ranked by their part, rank correlation with the truth: {ranks}"]
        lines.append(
            f"{'source':<22}{'true share':>12}{'bias of hours':>26}"
            f"{'of weighted hours':>26}{'days ranked':>24}"
        )
        rows = found.regions[found.regions["season"] == season]
        lines += [_line(row) for row in rows.to_dict("records")]
    return lines


def _line(row: dict[Any, Any]) -> str:
    def of(name: str, sign: str) -> str:
        ends = f"({row[f'{name}_low']:{sign}.2f} to {row[f'{name}_high']:{sign}.2f})"
        return f"{row[name]:{sign}.2f} {ends}"

    return (
        f"{row['region']:<22}{row['true_share']:>12.2f}{of('hours_bias', '+'):>26}"
        f"{of('weighted_bias', '+'):>26}{of('days', ''):>24}"
    )


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"season": []})


def _sources(truth: xr.Dataset) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    """Return names, places and sizes of the sources that have a place."""
    placed = np.isfinite(truth["latitude"].to_numpy())
    names = tuple(str(tag) for tag in truth["tag"].to_numpy()[placed])
    return names, *(truth[name].to_numpy()[placed] for name in ("latitude", "longitude", "size"))


def _left(paths: xr.Dataset, hours: float) -> Floats:
    """Return for each arrival how long its paths had been outside the field of the winds [h]."""
    known = np.isfinite(paths["latitude"].to_numpy()).sum(axis=1) - 1
    _, arrival = np.unique(paths["start_time"].to_numpy(), return_inverse=True)
    return np.asarray(hours - np.bincount(arrival, known) / np.bincount(arrival), np.float64)


def _dust(truth: xr.Dataset, times: Times, names: tuple[str, ...], home: str) -> Floats:
    """Return the dust of each source around each arrival, (arrival, name) [ug m-3]."""
    parts = (truth["share"] * truth["pm2p5"]).transpose("time", "tag")
    columns = {str(tag): parts.sel(tag=tag).to_numpy() for tag in truth["tag"].to_numpy()}
    columns[home] = columns[home] + columns.pop(OWN)
    hourly = np.column_stack([columns[name] for name in names])
    width = int(AROUND / timedelta(hours=1))
    at = np.searchsorted(truth["time"].to_numpy(), times)
    return np.stack([hourly[i - width + 1 : i + width + 1].mean(axis=0) for i in at])
