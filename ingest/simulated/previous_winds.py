"""What earlier runs of the simulated weather model had said of the winds, for the history of a world.

Every six hours, one to four days before, at POINTS: enough to know where past air came from, and what a
forecaster of the past could know of winds ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np
import xarray as xr

from ingest.open_meteo_history import LEAD_DAYS, PREVIOUS
from ingest.open_meteo_points import WEATHER_POINTS
from ingest.open_meteo_wire import LICENCE, SOURCE, WeatherPoint
from ingest.simulated.aloft import LEVELS, winds_aloft
from ingest.simulated.analysis import SURFACE_SHARE
from ingest.simulated.grid import Floats
from ingest.simulated.ground import SCALE_M, altitude, inland, sea_level_pressure
from ingest.simulated.network import NOTE
from ingest.simulated.predicted import clock_of, predicted
from ingest.simulated.synoptic import Climate, winterness
from ingest.simulated.world import SimulatedWorld
from pipeline.forecast_store import StoredForecast
from pipeline.previous_runs import earliest_known
from pipeline.times import from_ns, to_ns
from pipeline.weather_schema import ALOFT, check_previous_runs

EVERY_H: Final = 6
COUNT: Final = 40
EAST_OF: Final = 98.0
"""How many of the points at which forecasts are asked, and the longitude they lie east of [degree]: around
both cities, none in the far west, whence no path comes within days."""

FIRST: Final = ("seoul", "beijing", "around_donghae_buoy")
"""Both cities, and a buoy east of Seoul, whose paths would else begin at the edge of what is known."""

DIGITS: Final = {"atmosphere_boundary_layer_thickness": -1, "surface_air_pressure": -1}
"""Digits kept, of winds one."""


class Store(Protocol):
    """The part of ``pipeline.forecast_store.ForecastStore`` that is needed here."""

    def put(
        self, dataset: xr.Dataset, *, source: str, world: str, assumed_receipt: datetime | None = None
    ) -> bool:
        """Store a forecast; False if it was there."""

    def listed(self, world: str, *, source: str | None = None) -> list[StoredForecast]:
        """Return what is stored."""


def spread_points(count: int = COUNT, points: Sequence[WeatherPoint] = WEATHER_POINTS) -> list[WeatherPoint]:
    """Return so many points, FIRST and then each as far as can be from those before it.

    >>> [p.id for p in spread_points(5)]
    ['seoul', 'beijing', 'around_donghae_buoy', 'around_xichang', 'ejin']
    """
    points = [p for p in points if p.longitude > EAST_OF]
    at = np.array([(p.latitude, p.longitude * np.cos(np.radians(38))) for p in points])
    found = [n for n, p in enumerate(points) if p.id in FIRST]
    while len(found) < count:
        away = np.hypot(*(at[:, None] - at[found]).transpose(2, 0, 1)).min(axis=1)
        found.append(int(away.argmax()))
    return [points[i] for i in found]


def store_previous_winds(world: SimulatedWorld, store: Store) -> int:
    """Store the winds that runs before had said of a world's history, a file a quarter; returns new files.

    Where the last hour of it is stored already, nothing is made.
    """
    held = store.listed(world.name, source=PREVIOUS)
    newest = max((one.last_time for one in held), default=None)
    last = (world.end - from_ns(world.times[0])) // timedelta(hours=EVERY_H) * timedelta(hours=EVERY_H)
    if newest == from_ns(world.times[0]) + last:
        return 0
    return sum(
        store.put(part, source=PREVIOUS, world=world.name, assumed_receipt=earliest_known(part))
        for part in quarters(world)
    )


def quarters(world: SimulatedWorld) -> Iterator[xr.Dataset]:
    """Yield what earlier runs said of each quarter of a world's history, after PREVIOUS_CONTRACT."""
    inside = (world.times >= to_ns(world.start)) & (world.times <= to_ns(world.end))
    hours = np.flatnonzero(inside & (np.arange(len(world.times)) % EVERY_H == 0))
    times = world.times[hours]
    points = spread_points()
    for quarter in np.unique(of := times.astype("M8[M]").astype(np.int64) // 3):
        mine = hours[of == quarter]
        yield previous_winds(world.climate, world.seed, mine, world.times[mine], points)


def previous_winds(
    climate: Climate,
    seed: int,
    hours: np.ndarray[tuple[int], np.dtype[np.int64]],
    times: np.ndarray[tuple[int], np.dtype[np.datetime64]],
    points: Sequence[WeatherPoint],
) -> xr.Dataset:
    """Return what runs of LEAD_DAYS days before said of some hours of a world at points.

    Returns
    -------
    Dataset
        after PREVIOUS_CONTRACT: winds aloft and at 10 m, mixing height and surface pressure
    """
    where = np.array([p.latitude for p in points]), np.array([p.longitude for p in points])
    said = [_of_lead(climate, seed, hours, 24 * day, where) for day in LEAD_DAYS]
    variables = {name: np.stack([one[name] for one in said]) for name in said[0]}
    short = ("lead_day", "time", "station")
    dataset = xr.Dataset(
        {
            name: (("lead_day", "level", *short[1:]) if name.endswith(ALOFT) else short, values)
            for name, values in variables.items()
        },
        {
            "lead_day": np.array(LEAD_DAYS),
            "level": np.array(LEVELS, dtype=float),
            "time": times,
            "station": [f"{SOURCE}:{p.id}" for p in points],
            "latitude": ("station", where[0]),
            "longitude": ("station", where[1]),
        },
        {"source": f"Open-Meteo, previous runs ({NOTE})", "licence": LICENCE},
    )
    return check_previous_runs(dataset)


def _of_lead(
    climate: Climate,
    seed: int,
    hours: np.ndarray[tuple[int], np.dtype[np.int64]],
    lead: int,
    where: tuple[Floats, Floats],
) -> dict[str, Floats]:
    """Return what runs ``lead`` hours before said, (time, station) or (level, time, station)."""
    found = predicted(climate, seed, hours, hours - lead, *where)
    winter = winterness(clock_of(climate, hours)[0])
    east, north = winds_aloft(found.u, found.v, where[0], winter)
    sea_level = sea_level_pressure(found.anomaly, winter, inland(*where))
    values = {
        f"eastward_wind{ALOFT}": east.transpose(1, 0, 2),
        f"northward_wind{ALOFT}": north.transpose(1, 0, 2),
        "eastward_wind": SURFACE_SHARE * found.u,
        "northward_wind": SURFACE_SHARE * found.v,
        "atmosphere_boundary_layer_thickness": found.height,
        "surface_air_pressure": 100 * sea_level * np.exp(-altitude(*where) / SCALE_M),
    }
    return {name: np.round(field, DIGITS.get(name, 1)) for name, field in values.items()}
