"""The winds of a simulated world as its weather service analyses them, on a grid for trajectories.

One degree apart, with the error that a run has at its start, and without the eddies in which the tagged air
is carried: what methods see that guess the origin of the air.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import xarray as xr

from ingest.simulated.aloft import LEVELS, air_temperature, heights, winds_aloft
from ingest.simulated.grid import Floats, Grid
from ingest.simulated.ground import SCALE_M, altitude, inland, sea_level_pressure, temperature
from ingest.simulated.network import NOTE
from ingest.simulated.predicted import clock_of, predicted
from ingest.simulated.synoptic import Weather, winterness
from ingest.simulated.world import all_times, climate_of
from pipeline.errors import UsageError
from pipeline.times import iso, to_ns
from pipeline.wind_fields import check_winds

EVERY_H: Final = 6
KELVIN: Final = 273.15
WIDE: Final = Grid(np.arange(100.0, 136.5), np.arange(26.0, 50.5))
"""One degree, wider than the region, so that paths that leave it and return do not end."""


def analysed_winds(
    seed: int, start: datetime, end: datetime, *, every_hours: int = EVERY_H, grid: Grid = WIDE
) -> xr.Dataset:
    """Return the analysed winds of the world of a seed, start ≤ time ≤ end.

    Parameters
    ----------
    every_hours : time between analyses [h], a run each

    Returns
    -------
    Dataset
        after WIND_CONTRACT on the pressure levels of ``aloft``, without vertical motion, with temperature
        [K] and height [m] of the levels, surface pressure [Pa], altitude [m] and mixing height [m]

    Raises
    ------
    UsageError
        no analysis lies between, or the stretch lies outside the simulated hours

    Examples
    --------
    >>> from pipeline.times import parse_instant
    >>> winds = analysed_winds(1, parse_instant("2024-01-01T00:00Z"), parse_instant("2024-01-02T00:00Z"))
    >>> dict(winds.sizes)
    {'time': 5, 'level': 4, 'latitude': 25, 'longitude': 37}
    """
    times = all_times()
    inside = (times >= to_ns(start)) & (times <= to_ns(end)) & (np.arange(len(times)) % every_hours == 0)
    hours = np.flatnonzero(inside)
    if not len(hours) or to_ns(start) < times[0] or to_ns(end) > times[-1]:
        raise UsageError(f"analyses reach from {times[0]} to {times[-1]}, not {iso(start)} to {iso(end)}")
    climate, where = climate_of(seed), (grid.cell_latitude, grid.cell_longitude)
    found = predicted(climate, seed, hours, hours, *where)
    fields = _fields(found, clock_of(climate, hours), where, every_hours)
    return check_winds(_dataset(fields, times[hours], grid, seed))


def _fields(
    w: Weather, clock: tuple[Floats, Floats], where: tuple[Floats, Floats], every_hours: int
) -> dict[str, Floats]:
    """Return what is known of each cell, (time, level, cells), (time, cells) or (cells,)."""
    winter, land = winterness(clock[0]), inland(*where)
    east, north = winds_aloft(w.u, w.v, where[0], winter)
    warmth = temperature(w.v, (winter, clock[1]), where[0], land, every_hours) + KELVIN
    sea_level = sea_level_pressure(w.anomaly, winter, land)
    height = heights(sea_level, warmth)
    ground = altitude(*where)
    return {
        "eastward_wind": east,
        "northward_wind": north,
        "air_temperature": air_temperature(warmth, height),
        "geopotential_height": height,
        "surface_air_pressure": 100 * sea_level * np.exp(-ground / SCALE_M),
        "atmosphere_boundary_layer_thickness": w.height,
        "surface_altitude": ground,
    }


def _dataset(
    fields: dict[str, Floats], times: np.ndarray[tuple[int], np.dtype[np.datetime64]], grid: Grid, seed: int
) -> xr.Dataset:
    place = ("latitude", "longitude")
    dims = {1: place, 2: ("time", *place), 3: ("time", "level", *place)}
    shape = (len(grid.latitudes), len(grid.longitudes))
    level = ("level", np.array(LEVELS, dtype=float), {"vertical": "pressure", "units": "hPa"})
    return xr.Dataset(
        {
            name: (dims[values.ndim], values.reshape(*values.shape[:-1], *shape))
            for name, values in fields.items()
        },
        {"time": times, "level": level, "latitude": grid.latitudes, "longitude": grid.longitudes},
        {
            "source": f"analyses of the simulated region ({NOTE})",
            "kind": "analysis",
            "world": f"simulated-{seed}",
        },
    )
