"""What gridded winds and trajectories look like: the two datasets between winds, paths and origins.

After CF Conventions 1.11 §4.3 (vertical coordinate), §5.6 (grid mapping) and §H.4 (trajectories).
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import xarray as xr

from pipeline.errors import ContractError

WindKind = Literal["analysis", "forecast", "surrogate"]
"""``surrogate`` winds are no gridded weather: they follow from measured sea-level pressure alone."""

VERTICALS: Final = {"pressure": "hPa", "sigma": "1", "height": "m"}
"""Kinds of levels and their units; ``height`` is above ground, ``sigma`` pressure over surface pressure."""

IMPOSSIBLE: Final = 500.0
"""No wind of the lower hundred kilometres is as fast as this [m s-1]."""

WIND_CONTRACT: Final = {
    "dims": "(time, level, latitude, longitude), or (time, level, y, x) with the grid mapping `crs`",
    "time": "instants [UTC, datetime64[ns]], one at least, ascending, none twice",
    "level": "values with attributes `vertical` (pressure, sigma or height) and units (hPa, 1 or m); "
    "above 0, any order, none twice; one level only: winds without a vertical",
    "latitude, longitude": "regular, ascending [degree]; a full circle of longitudes joins at its ends",
    "x, y": "regular, ascending [m] in the projection of `crs`, whose attributes are those of CF Appendix F",
    "eastward_wind, northward_wind": "[m s-1]; on a projection x_wind and y_wind, along its axes",
    "lagrangian_tendency_of_air_pressure": "optional vertical motion [Pa s-1]",
    "upward_air_velocity": "optional vertical motion [m s-1]",
    "air_temperature, geopotential_height": "optional, of the levels [K], [m above sea]",
    "surface_air_pressure, surface_altitude, atmosphere_boundary_layer_thickness": "optional, "
    "(time, latitude, longitude), the altitude also without time [Pa], [m], [m above ground]",
    "attributes": "source (who made the winds), kind (analysis, forecast or surrogate), world",
    "NaN": "no wind known there: a path that comes there ends",
}

TRAJECTORY_CONTRACT: Final = {
    "dims": "(trajectory, age)",
    "age": "hours since the start, from 0, negative and falling for paths back in time [h]",
    "start_time": "(trajectory) [UTC, datetime64[ns]]; the instant of a point is start_time + age",
    "latitude, longitude": "(trajectory, age) [degree]; NaN after the path has ended",
    "height": "(trajectory, age) above ground [m]; NaN where the winds do not tell",
    "air_pressure": "(trajectory, age) [Pa]; NaN where the winds do not tell",
    "ended": "(trajectory) why a path is shorter than asked: `left the field`, `before the winds begin`, "
    "`after the winds end`, `no wind`, or empty",
    "more": "further variables over (trajectory) or (trajectory, age), such as member, city, "
    "atmosphere_boundary_layer_thickness [m]",
    "attributes": "source and kind of the winds, world, method",
}

_HORIZONTAL: Final = {
    ("latitude", "longitude"): ("eastward_wind", "northward_wind"),
    ("y", "x"): ("x_wind", "y_wind"),
}


def check_winds(winds: xr.Dataset) -> xr.Dataset:
    """Check gridded winds against WIND_CONTRACT and return them.

    Raises
    ------
    ContractError
        naming what is wrong and what should be there

    Examples
    --------
    >>> grid = {"latitude": [30.0, 31.0], "longitude": [110.0, 111.0]}
    >>> still = (("time", "level", "latitude", "longitude"), np.zeros((1, 1, 2, 2)))
    >>> ds = xr.Dataset({"eastward_wind": still, "northward_wind": still},
    ...     {"time": np.array(["2025-01-01"], "M8[ns]"), **grid,
    ...      "level": ("level", [850.0], {"vertical": "pressure", "units": "hPa"})},
    ...     {"source": "X", "kind": "analysis", "world": "measured"})
    >>> check_winds(ds) is ds
    True
    """
    places, names = horizontal(winds)
    dims = ("time", "level", *places)
    for name in names:
        if name not in winds or set(winds[name].dims) != set(dims):
            raise ContractError(f"winds need {name}{dims} [m s-1]")
    _check_axes(winds, places)
    vertical = winds["level"].attrs.get("vertical")
    if VERTICALS.get(str(vertical)) != winds["level"].attrs.get("units"):
        raise ContractError(f"level of winds needs the attributes vertical and units as in {VERTICALS}")
    if winds.attrs.get("kind") not in ("analysis", "forecast", "surrogate"):
        raise ContractError("winds need the attribute kind: analysis, forecast or surrogate")
    for attribute in ("source", "world"):
        if attribute not in winds.attrs:
            raise ContractError(f"winds lack the attribute {attribute}")
    return winds


def check_speeds(winds: xr.Dataset) -> xr.Dataset:
    """Check that checked winds hold no undeclared mark for missing values, and return them.

    Raises
    ------
    ContractError
        a wind that cannot be
    """
    for name in horizontal(winds)[1]:
        fastest = float(np.nanmax(np.abs(winds[name].to_numpy()), initial=0.0))
        if fastest > IMPOSSIBLE:
            raise ContractError(
                f"{name} reaches {fastest:.3g} m/s; mark missing values as NaN or by _FillValue"
            )
    return winds


def horizontal(winds: xr.Dataset) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the horizontal dimensions of winds and the names of their two components.

    Raises
    ------
    ContractError
        there are neither latitude and longitude nor y and x with `crs`
    """
    for places, names in _HORIZONTAL.items():
        if set(places) <= set(winds.dims) and (places[0] == "latitude" or "crs" in winds.variables):
            return places, names
    raise ContractError("winds need the dims latitude and longitude, or y and x with the variable crs")


def check_trajectories(paths: xr.Dataset) -> xr.Dataset:
    """Check trajectories against TRAJECTORY_CONTRACT and return them; raises ContractError."""
    for name in ("latitude", "longitude", "height", "air_pressure"):
        if name not in paths or paths[name].dims != ("trajectory", "age"):
            raise ContractError(f"trajectories need {name}(trajectory, age)")
    age = paths["age"].to_numpy() if "age" in paths.coords else np.empty(0)
    if not age.size or age[0] != 0 or len(set(np.sign(np.diff(age)))) > 1:
        raise ContractError("age of trajectories must start at 0 and run one way [h]")
    for name in ("start_time", "ended"):
        if name not in paths.variables or paths[name].dims != ("trajectory",):
            raise ContractError(f"trajectories need {name}(trajectory)")
    for attribute in ("source", "kind", "world", "method"):
        if attribute not in paths.attrs:
            raise ContractError(f"trajectories lack the attribute {attribute}")
    return paths


def _check_axes(winds: xr.Dataset, places: tuple[str, str]) -> None:
    times = winds["time"].to_numpy()
    if not len(times):
        raise ContractError("winds hold no time")
    if times.dtype != np.dtype("datetime64[ns]") or (np.diff(times) <= np.timedelta64(0, "ns")).any():
        raise ContractError("time of winds must be datetime64[ns] and ascend, none twice")
    for name in places:
        steps = np.diff(winds[name].to_numpy().astype(np.float64))
        if not len(steps) or (steps <= 0).any() or not np.allclose(steps, steps[0], rtol=1e-3):
            raise ContractError(f"{name} of winds must be regular and ascend, two values at least")
    if places[0] == "latitude" and np.abs(winds["latitude"].to_numpy()).max() > 90.0 + 1e-6:
        raise ContractError("latitude of winds reaches beyond a pole")
    levels = winds["level"].to_numpy().astype(np.float64)
    if len(np.unique(levels)) != len(levels) or not (np.isfinite(levels) & (levels > 0)).all():
        raise ContractError("level of winds holds a value twice, or one that is not above 0")
