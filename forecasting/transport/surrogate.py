"""Winds estimated from measured sea-level pressure; no weather model stands behind them.

For archives that hold no gridded winds. They serve links and what was measured upwind, never a path that a
warning shows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.splines import Grid, Spline, grid_over, inside_hull
from pipeline.asof import AsOfPanel
from pipeline.surroundings import AROUND, all_places
from pipeline.times import from_ns, iso, to_ns
from pipeline.wind_fields import check_winds

SOURCE: Final = "wind estimated from sea-level pressure; no weather model"
STEP_HOURS: Final = 6
SPACING: Final = 1.0
SMOOTHING: Final = 30.0
"""Of the spline of pressure: winds at buoys agree best with it (docs/links.md)."""

BETWEEN: Final = (100.0, 135.0)
"""Only places between these longitudes count [degree]: farther west mountains stand between."""

FEWEST_PLACES: Final = 20
POSSIBLE_HPA: Final = (960.0, 1070.0)
DEPARTS_HPA: Final = 5.0
"""A reading this far from what all others say is left out [hPa]; the median departure is 0.7."""

WORST_ROUNDS: Final = 3
"""So many readings of an instant may be left out, the worst first."""

SLOWED: Final = 0.75
TURNED_DEG: Final = 15.0
"""Mixed-layer mean over geostrophic wind, and its turn towards low pressure: between the free air (1, 0) and
10 m over sea, where the buoys measure 0.5 to 0.7 and 18 to 33 degrees; rounded, not fitted."""

STRONGEST: Final = 30.0
"""Geostrophic winds are cut at this speed [m s-1]: steep pressure beside mountains is no wind."""

PERSISTS: Final = np.timedelta64(24, "h")
"""An analysis older than this at the instant of knowledge does not stand for the hours after it."""

HEIGHT_M: Final = 500.0
_SEA_LEVEL: Final = "air_pressure_at_mean_sea_level"
_SURFACE: Final = "surface_air_pressure"
_EARTH_M: Final = 6_371_000.0
_OMEGA: Final = 7.2921e-5
_DENSITY: Final = 1.2

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]


class Barometers(NamedTuple):
    """Sea-level pressure at places: (n,) latitude, longitude [degree], (time, n) pressure [hPa]."""

    latitude: Floats
    longitude: Floats
    pressure: Floats


def surrogate_winds(
    panel: AsOfPanel, *, start: datetime, end: datetime, as_of: datetime, step_hours: int = STEP_HOURS
) -> xr.Dataset | None:
    """Return the wind that measured sea-level pressure alone lets one estimate, as known at an instant.

    Parameters
    ----------
    panel : series of the world; those of sea-level pressure around, and of buoys, are read
    start, end : the winds reach from the step at or before the first to that at or after the second
    step_hours : from analysis to analysis [h]

    Returns
    -------
    Dataset
        after WIND_CONTRACT, one level of kind ``height``, kind ``surrogate``; NaN outside the hull of the
        places. After ``persisted_from`` the last analysis stands, if it was younger than PERSISTS at
        ``as_of``; else nothing is known after it (NaN). None where too few places are known

    Notes
    -----
    A thin-plate smoothing spline of pressure over each instant; its geostrophic wind, slowed by SLOWED and
    turned by TURNED_DEG towards low pressure for the friction of the mixed layer (Holton 2004, §5.3).
    """
    times = _instants(start, end, step_hours)
    found = barometers(panel, times, as_of)
    if found is None:
        return None
    known = np.isfinite(found.pressure).sum(axis=1) >= FEWEST_PLACES
    if not known.any():
        return None
    grid = grid_over(found.latitude, found.longitude, SPACING)
    east, north = np.full((2, len(times), *grid.shape), np.nan)
    east[known], north[known] = friction(*geostrophic(_analysed(found, known, grid), grid))
    outside = ~inside_hull(found.latitude, found.longitude, grid)
    east[:, outside], north[:, outside] = np.nan, np.nan
    last = int(np.flatnonzero(known)[-1])
    if to_ns(as_of) - times[last] <= PERSISTS:
        east[last + 1 :], north[last + 1 :] = east[last], north[last]
    kept = known.copy()
    kept[last + 1 :] = True
    winds = _dataset(east[kept], north[kept], times[kept], grid)
    winds.attrs |= {"world": panel.world, "as_of": iso(as_of), "persisted_from": iso(from_ns(times[last]))}
    return check_winds(winds)


def barometers(panel: AsOfPanel, times: Times, as_of: datetime) -> Barometers | None:
    """Return possible sea-level pressures at instants; None where too few places are there."""
    rows = []
    for place in all_places().values():
        inside = BETWEEN[0] <= place.longitude <= BETWEEN[1]
        quantity = _SURFACE if place.group == "sea" else _SEA_LEVEL
        key = f"{AROUND}.{quantity}.{place.id}"
        if inside and key in panel:
            rows.append((place.latitude, place.longitude, panel.on_grid(key, times, as_of) / 100))
    if len(rows) < FEWEST_PLACES:
        return None
    pressure = np.column_stack([row[2] for row in rows])
    low, high = POSSIBLE_HPA
    pressure[~((pressure > low) & (pressure < high))] = np.nan
    return Barometers(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), pressure)


def geostrophic(pressure: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Return the geostrophic wind of pressure [Pa] on a grid, eastward and northward [m s-1].

    >>> grid = grid_over(np.array([30.0, 40.0]), np.array([110.0, 120.0]), 1.0)
    >>> pressure = 101_300 - 100 * (grid.latitude[:, None] - 30) + 0 * grid.longitude
    >>> east, north = geostrophic(pressure[None], grid)
    >>> round(float(east[0, 5, 5]), 2), round(abs(float(north[0, 5, 5])), 2)
    (8.96, 0.0)
    """
    metres = np.pi / 180 * _EARTH_M
    latitude = np.radians(grid.latitude)[:, None]
    over = _DENSITY * 2 * _OMEGA * np.sin(latitude)
    north_slope = np.gradient(pressure, grid.latitude, axis=-2) / metres
    east_slope = np.gradient(pressure, grid.longitude, axis=-1) / (metres * np.cos(latitude))
    east, north = -north_slope / over, east_slope / over
    cut = np.minimum(1.0, STRONGEST / np.maximum(np.hypot(east, north), 1e-9))
    return east * cut, north * cut


def friction(east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Return a geostrophic wind slowed, and turned to the left, towards low pressure.

    >>> [round(float(x), 3) for x in friction(np.array(10.0), np.array(0.0))]
    [7.244, 1.941]
    """
    wind = (east + 1j * north) * SLOWED * np.exp(1j * np.radians(TURNED_DEG))
    return wind.real, wind.imag


def _instants(start: datetime, end: datetime, step_hours: int) -> Times:
    step = np.timedelta64(step_hours, "h").astype("m8[ns]")
    zero = np.datetime64(0, "ns")
    first, last = (to_ns(start) - zero) // step, -((zero - to_ns(end)) // step)
    times: Times = zero + np.arange(int(first), int(last) + 1) * step
    return times


def _analysed(found: Barometers, known: npt.NDArray[np.bool_], grid: Grid) -> Floats:
    """Return pressure on a grid [Pa], after leaving out the readings that no other supports."""
    pressure = found.pressure[known].copy()
    spline = Spline(found.latitude, found.longitude, grid, SMOOTHING)
    suspect = np.arange(len(pressure))
    for _ in range(WORST_ROUNDS):
        departs = np.nan_to_num(np.abs(spline.left_out(pressure[suspect])))
        worst = departs.argmax(axis=1)
        bad = departs.max(axis=1) > DEPARTS_HPA
        suspect = suspect[bad]
        if not len(suspect):
            break
        pressure[suspect, worst[bad]] = np.nan
    return 100 * spline.to_grid(pressure)


def _dataset(east: Floats, north: Floats, times: Times, grid: Grid) -> xr.Dataset:
    dims = ("time", "level", "latitude", "longitude")
    level = xr.Variable("level", [HEIGHT_M], {"vertical": "height", "units": "m", "positive": "up"})
    return xr.Dataset(
        {
            "eastward_wind": (dims, east[:, None].astype(np.float32), {"units": "m s-1"}),
            "northward_wind": (dims, north[:, None].astype(np.float32), {"units": "m s-1"}),
        },
        {"time": times, "level": level, "latitude": grid.latitude, "longitude": grid.longitude},
        {"source": SOURCE, "kind": "surrogate"},
    )
