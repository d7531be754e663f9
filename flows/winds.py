"""Gridded winds of a stretch of time, from the stored forecasts as they were known at an instant."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from flows.live import forecasts_of
from flows.wind_files import Slice, slices_of
from flows.workspace import Workspace
from forecasting.transport.point_winds import MARGIN, SPACING, ground_beside, has_winds_aloft, point_winds
from forecasting.transport.splines import Grid, grid_over
from pipeline.forecast_store import ForecastStore
from pipeline.times import iso, to_ns
from pipeline.weather_schema import ALOFT
from pipeline.wind_fields import check_winds

log = logging.getLogger(__name__)

POINTS: Final = ("open_meteo.forecast", "open_meteo.single_runs", "open_meteo.previous_runs")
"""Forecasts at scattered points that may hold winds aloft."""

GRIDDED: Final = ("ecmwf.winds",)
"""Forecasts on a grid, with vertical motion: preferred where they cover the time as well."""

STEP_HOURS: Final = {POINTS: 3, GRIDDED: 6}
LONGEST_GAP: Final = {POINTS: np.timedelta64(6, "h"), GRIDDED: np.timedelta64(12, "h")}
"""Over a longer gap nothing is interpolated: no wind is known there."""

WORSE: Final = 2
"""So many steps less than the points may a gridded source cover and still be preferred."""

Times = npt.NDArray[np.datetime64]


def winds_for(
    ws: Workspace, world: str, *, start: datetime, end: datetime, as_of: datetime
) -> xr.Dataset | None:
    """Return the best gridded winds over a stretch of time, as known at an instant.

    For every instant the stored forecast with the shortest lead of those that had been received by
    ``as_of``: for hours past the one made just before them, for hours ahead the newest. ECMWF's gridded
    winds where they cover the time, else Open-Meteo's points brought to a grid.

    Returns
    -------
    Dataset
        after WIND_CONTRACT, attributes also ``as_of``, ``greatest_lead`` [h] and ``skipped`` (files that
        could not be read; they are in the log too); None where nothing usable is stored. Its times may
        begin later or end earlier than asked
    """
    store = forecasts_of(ws)
    span = (start, end)
    gridded = _known(store, world, GRIDDED, span, as_of)
    points = _known(store, world, POINTS, span, as_of)
    if not gridded and not points:
        return None
    enough = STEP_HOURS[GRIDDED] * (_count(gridded) + WORSE) >= STEP_HOURS[POINTS] * _count(points)
    winds = _from_grid(gridded, points) if gridded and enough else _from_points(points)
    used = gridded if gridded and enough else points
    steps = GRIDDED if used is gridded else POINTS
    found = _with_gaps(winds.sortby("time"), LONGEST_GAP[steps], STEP_HOURS[steps])
    names = sorted({part.source for part in used})
    skipped = sorted({name for part in (*gridded, *points) for name in part.skipped})
    found.attrs |= {
        "source": "; ".join(sorted({str(part.dataset.attrs.get("source", part.source)) for part in used})),
        "feeds": ", ".join(names),
        "kind": "forecast",
        "world": world,
        "as_of": iso(as_of),
        "greatest_lead": max(int(part.leads.max()) for part in used),
        "skipped": "; ".join(skipped),
    }
    return check_winds(found)


def _known(
    store: ForecastStore,
    world: str,
    sources: tuple[str, ...],
    span: tuple[datetime, datetime],
    as_of: datetime,
) -> list[Slice]:
    """Return what the stored files of some sources say of a stretch of time, cut to what is needed."""
    step = np.timedelta64(STEP_HOURS[sources], "h").astype("m8[ns]")
    first, last = (to_ns(when) for when in span)
    zero = np.datetime64(0, "ns")
    low, high = (first - zero) // step, -((zero - last) // step)
    wanted: Times = zero + np.arange(int(low), int(high) + 1) * step
    listed = [one for name in sources for one in store.listed(world, source=name, as_of=as_of)]
    usable = has_winds_aloft if sources is POINTS else _has_grid
    return slices_of(listed, wanted, as_of, store.read, usable)


def _has_grid(dataset: xr.Dataset) -> bool:
    return {"latitude", "longitude", "level"} <= set(dataset.dims) and f"eastward_wind{ALOFT}" in dataset


def _count(parts: Sequence[Slice]) -> int:
    return sum(part.dataset.sizes["time"] for part in parts)


def _from_points(parts: Sequence[Slice]) -> xr.Dataset:
    """Return the winds of points on one grid, the ground from the first part that tells its pressure."""
    grid = _grid_of(parts)
    first = sorted(parts, key=lambda part: "surface_air_pressure" not in part.dataset)
    fields = [point_winds(part.labelled(), grid) for part in first]
    return xr.concat(
        fields, "time", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override"
    )


def _grid_of(parts: Sequence[Slice]) -> Grid:
    latitude, longitude = (
        np.concatenate([part.dataset[name].to_numpy() for part in parts])
        for name in ("latitude", "longitude")
    )
    return grid_over(latitude, longitude, SPACING, MARGIN)


def _from_grid(parts: Sequence[Slice], points: Sequence[Slice]) -> xr.Dataset:
    """Return gridded winds, with mixing height and surface pressure of the points where these tell them."""
    fields = [_renamed(part.dataset) for part in parts]
    winds = xr.concat(fields, "time", combine_attrs="override", join="inner").sortby("time")
    if not points:
        return winds
    grid = Grid(*(winds[name].to_numpy().astype(np.float64) for name in ("latitude", "longitude")))
    beside = xr.concat(
        [ground_beside(part.labelled(), grid) for part in points], "time", combine_attrs="override"
    ).sortby("time")
    return winds.assign(beside.reindex(time=winds["time"]).data_vars) if beside.data_vars else winds


def _renamed(dataset: xr.Dataset) -> xr.Dataset:
    aloft = {str(n): str(n).removesuffix(ALOFT) for n in dataset.data_vars if str(n).endswith(ALOFT)}
    found = dataset[list(aloft)].rename(aloft).sortby(["latitude", "longitude"])
    found = found.transpose("time", "level", "latitude", "longitude")
    level = xr.Variable(
        "level",
        found["level"].to_numpy().astype(np.float64),
        {"vertical": "pressure", "units": "hPa", "positive": "down"},
    )
    return found.assign_coords(level=level)


def _with_gaps(winds: xr.Dataset, longest: np.timedelta64, step_hours: int) -> xr.Dataset:
    """Put a field of NaN into every gap that is too long to be interpolated over."""
    times = winds["time"].to_numpy()
    long = np.flatnonzero(np.diff(times) > longest)
    if not len(long):
        return winds
    step = np.timedelta64(step_hours, "h")
    empty = np.unique(np.concatenate([times[long] + step, times[long + 1] - step]))
    return winds.reindex(time=np.union1d(times, empty))
