"""Winds at one height as many issues knew them, for air that is on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.arriving import KnownWinds, Times
from forecasting.transport.point_winds import SMOOTHING, SPACING
from forecasting.transport.profiles import at_heights
from forecasting.transport.splines import Grid, Spline, grid_over
from pipeline.previous_runs import ASSUMED_RUN_DELAY
from pipeline.times import HOUR

HEIGHT_M: Final = 500.0
"""Height above the ground whose wind carries the mixed layer."""

AROUND: Final = (25.0, 50.0, 95.0, 135.0)
"""Within these latitudes and longitudes winds are wanted [degree]: three days from the cities."""

DAY_HOURS: Final = 24.0
_PRESSURE_HPA: Final = 950.0
"""About 500 m above the sea in the standard atmosphere."""

Winds = npt.NDArray[np.float32]


def winds_of_runs(previous: Sequence[xr.Dataset], height: float = HEIGHT_M) -> KnownWinds:
    """Return what previous runs had said of the wind at a height, one layer a day of lead.

    Parameters
    ----------
    previous : months of previous runs with winds aloft at the same points (PREVIOUS_CONTRACT)
    height : above the ground [m]
    """
    joined = xr.concat(previous, "time", join="inner", combine_attrs="override", data_vars="all")
    joined = joined.sortby("time")
    joined = joined.isel(time=np.flatnonzero(~joined.indexes["time"].duplicated(keep="last")))
    latitude, longitude = (previous[-1][name].to_numpy().astype(float) for name in ("latitude", "longitude"))
    grid = _cut(grid_over(latitude, longitude, SPACING))
    spline = Spline(latitude, longitude, grid, SMOOTHING)
    layers = [_layer(joined.isel(lead_day=n), spline, height) for n in range(joined.sizes["lead_day"])]
    times = joined["time"].to_numpy()
    every, values = _even(times, np.stack(layers))
    return KnownWinds(
        every, grid.latitude, grid.longitude, values,
        layer_hours=DAY_HOURS, delay_hours=ASSUMED_RUN_DELAY / HOUR,
    )  # fmt: skip


def winds_of_fields(winds: xr.Dataset, height: float = HEIGHT_M) -> KnownWinds:
    """Return gridded winds (WIND_CONTRACT, on heights or pressure levels) as one layer at a height [m]."""
    level = winds["level"]
    if level.attrs.get("vertical") == "height":
        at = winds.interp(level=height) if winds.sizes["level"] > 1 else winds.isel(level=0)
    else:
        at = winds.isel(level=int(np.abs(level.to_numpy() - _PRESSURE_HPA).argmin()))
    parts = [
        at[name].transpose("time", "latitude", "longitude").to_numpy()
        for name in ("eastward_wind", "northward_wind")
    ]
    every, values = _even(winds["time"].to_numpy(), np.stack(parts, -1)[None])
    latitude, longitude = (winds[name].to_numpy().astype(float) for name in ("latitude", "longitude"))
    return KnownWinds(every, latitude, longitude, values)


def _cut(grid: Grid) -> Grid:
    south, north, west, east = AROUND
    rows = (grid.latitude >= south) & (grid.latitude <= north)
    columns = (grid.longitude >= west) & (grid.longitude <= east)
    return Grid(grid.latitude[rows], grid.longitude[columns])


def _layer(known: xr.Dataset, spline: Spline, height: float) -> Winds:
    """Return the wind of one lead day at a height, (time, latitude, longitude, 2)."""
    east, north, _ = at_heights(known.drop_vars("lead_day"), (height,))
    both = [spline.to_grid(part[:, 0]) for part in (east, north)]
    return np.stack(both, -1).astype(np.float32)


def _even(times: Times, values: Winds) -> tuple[Times, Winds]:
    """Return times at even steps and (layer, time, …) values at them, NaN at those that were not there."""
    step = np.diff(times).min() if len(times) > 1 else np.timedelta64(1, "h").astype("m8[ns]")
    every = np.arange(times[0], times[-1] + step, step)
    every = every if len(every) > 1 else times[0] + np.arange(2) * step
    out = np.full((len(values), len(every), *values.shape[2:]), np.nan, np.float32)
    out[:, np.searchsorted(every, times)] = values
    return every, out
