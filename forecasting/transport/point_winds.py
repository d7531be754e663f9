"""Gridded winds from a forecast at scattered points."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.profiles import HEIGHTS, at_heights
from forecasting.transport.splines import FEWEST_POINTS, Grid, Spline, grid_over, inside_hull
from pipeline.errors import ContractError
from pipeline.weather_schema import ALOFT
from pipeline.wind_fields import check_winds

Floats = npt.NDArray[np.float64]
Fields = dict[str, tuple[tuple[str, ...], Floats]]

SPACING: Final = 1.0
"""Spacing of the grid [degree]; the points lie 200 km apart and more."""

SMOOTHING: Final = 0.1
"""Of the spline: the least error on analyses of 10-m wind sampled at the points (docs/links.md)."""

MARGIN: Final = 1.0
"""Cells so far beyond the hull of the points are still told [degree]: within it the error is half as much
again, farther out as great as the wind (docs/links.md)."""

NEEDED: Final = tuple(f"{name}{ALOFT}" for name in ("eastward_wind", "northward_wind"))
_BESIDE: Final = {"atmosphere_boundary_layer_thickness": 20.0, "surface_air_pressure": 45_000.0}
_PLACE: Final = ("latitude", "longitude")


def has_winds_aloft(points: xr.Dataset) -> bool:
    """Tell whether a forecast at points holds winds on levels, at enough of them."""
    return all(name in points for name in NEEDED) and points.sizes.get("station", 0) >= FEWEST_POINTS


def point_winds(points: xr.Dataset, grid: Grid | None = None) -> xr.Dataset:
    """Return the winds of a forecast at points on a regular grid, at heights above the ground.

    Parameters
    ----------
    points : over (time, [level,] station) with ``latitude`` and ``longitude`` of the stations: winds on
        pressure levels (names end in _aloft), 10-m wind, heights of the levels, surface pressure and mixing
        height, as far as they are there
    grid : where; by default 1 degree over the points

    Returns
    -------
    Dataset
        after WIND_CONTRACT with levels of kind ``height``, NaN a degree and more outside the convex hull
        of the points, also of those that are silent at an instant; no vertical motion: points so far
        apart do not tell it

    Raises
    ------
    ContractError
        no winds aloft, or fewer than six points

    Examples
    --------
    >>> where = {"latitude": ("station", [30.0, 30, 34, 34, 31, 33]),
    ...     "longitude": ("station", [110.0, 114, 110, 114, 112, 112])}
    >>> ds = xr.Dataset({name: (("time", "level", "station"), np.full((1, 1, 6), 7.0)) for name in NEEDED},
    ...     {"time": np.array(["2025-01-01"], "M8[ns]"), "level": [850.0], **where},
    ...     {"source": "X", "kind": "forecast", "world": "measured"})
    >>> winds = point_winds(ds)
    >>> winds.sizes["latitude"], round(float(winds.eastward_wind.sel(level=2000)[0, 2, 2]), 6)
    (7, 7.0)
    """
    if not has_winds_aloft(points):
        raise ContractError(f"winds at points need {' and '.join(NEEDED)} at {FEWEST_POINTS} points at least")
    latitude, longitude = (points[name].to_numpy().astype(np.float64) for name in _PLACE)
    grid = grid or grid_over(latitude, longitude, SPACING, MARGIN)
    spline = Spline(latitude, longitude, grid, SMOOTHING)
    outside = ~inside_hull(latitude, longitude, grid, MARGIN)
    east, north, ground = at_heights(points)
    fields: Fields = {
        "eastward_wind": (("time", "level", *_PLACE), spline.to_grid(east)),
        "northward_wind": (("time", "level", *_PLACE), spline.to_grid(north)),
        "surface_altitude": (_PLACE, np.maximum(spline.to_grid(ground), 0.0)),
    }
    fields |= _beside(points, spline)
    for _, values in fields.values():
        values[..., outside] = np.nan
    return check_winds(_dataset(fields, points, grid))


def ground_beside(points: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Return mixing height [m] and surface pressure [Pa] of a forecast at points on a grid, as far as known.

    They are made as :func:`point_winds` makes them, for gridded winds of another source that lack them.
    """
    latitude, longitude = (points[name].to_numpy().astype(np.float64) for name in _PLACE)
    fields = _beside(points, Spline(latitude, longitude, grid, SMOOTHING))
    outside = ~inside_hull(latitude, longitude, grid, MARGIN)
    for _, values in fields.values():
        values[..., outside] = np.nan
    return _dataset(fields, points, grid).drop_vars("level")


def _beside(points: xr.Dataset, spline: Spline) -> Fields:
    found: Fields = {}
    for name, lowest in _BESIDE.items():
        if name in points:
            known = points[name].transpose("time", "station").to_numpy().astype(np.float64)
            found[name] = (("time", *_PLACE), _bounded(spline.to_grid(known), known, lowest))
    return found


def _bounded(field: Floats, known: Floats, lowest: float) -> Floats:
    """Keep a spline within what the points say: it may swing beyond at steep places."""
    there = np.isfinite(known)
    low = np.where(there, known, np.inf).min(axis=-1)[:, None, None]
    high = np.where(there, known, -np.inf).max(axis=-1)[:, None, None]
    bounded: Floats = np.clip(field, np.maximum(low, lowest), high)
    return bounded


def _dataset(fields: Fields, points: xr.Dataset, grid: Grid) -> xr.Dataset:
    attributes = {name: points.attrs.get(name, "") for name in ("source", "kind", "world")}
    heights = xr.Variable("level", np.array(HEIGHTS), {"vertical": "height", "units": "m", "positive": "up"})
    found = xr.Dataset(
        {name: (dims, values.astype(np.float32)) for name, (dims, values) in fields.items()},
        {
            "time": points["time"].to_numpy(),
            "level": heights,
            "latitude": grid.latitude,
            "longitude": grid.longitude,
        },
        attributes,
    )
    units = {"surface_air_pressure": "Pa"}
    for name in found.data_vars:
        speed = str(name).endswith("_wind")
        found[name].attrs = {"standard_name": name, "units": "m s-1" if speed else units.get(str(name), "m")}
    return found
