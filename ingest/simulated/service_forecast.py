"""The forecast of the weather service of a simulated world: its newest run, as the service prints it.

A run starts every six hours and is there RUN_DELAY later. What it says of a place does not depend on what
else is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ingest.simulated.aloft import LEVELS, heights, winds_aloft
from ingest.simulated.analysis import SURFACE_SHARE
from ingest.simulated.forecast_error import Ints
from ingest.simulated.grid import Floats
from ingest.simulated.ground import SCALE_M, altitude, inland, sea_level_pressure, temperature
from ingest.simulated.predicted import clock_of, predicted
from ingest.simulated.synoptic import Climate, Weather, winterness

RUN_DELAY: Final = timedelta(hours=4)
RUN_EVERY_H: Final = 6
BEFORE_H: Final = 48
"""Hours before the first that are looked at, since temperature remembers the wind."""
KELVIN: Final = 273.15
DIGITS: Final = {
    "temperature_2m": 1,
    "dew_point_2m": 1,
    "relative_humidity_2m": 0,
    "surface_pressure": 1,
    "pressure_msl": 1,
    "boundary_layer_height": 0,
    "precipitation": 2,
    "cloud_cover": 0,
    "wind_speed_10m": 2,
    "wind_direction_10m": 0,
    **{f"wind_speed_{level}hPa": 2 for level in LEVELS},
    **{f"wind_direction_{level}hPa": 0 for level in LEVELS},
    **{f"geopotential_height_{level}hPa": 0 for level in LEVELS},
}
"""Fields of a forecast and the digits that the service prints."""

Forecaster = Callable[[datetime, Sequence[datetime], Floats, Floats], dict[str, Floats]]
"""Answers what the newest run known at an instant says of some hours and places: field to (hours, places)."""


def newest_run(hour: int) -> int:
    """Return the hour of the world at which the newest run starts that is known at an hour.

    >>> [newest_run(h) for h in (9, 10, 15, 16)]
    [0, 6, 6, 12]
    """
    return (hour - int(RUN_DELAY.total_seconds() // 3600)) // RUN_EVERY_H * RUN_EVERY_H


def forecaster_of(climate: Climate, seed: int, first_hour: datetime) -> Forecaster:
    """Return what answers for a world whose hours are counted from ``first_hour``."""

    def answer(
        now: datetime, hours: Sequence[datetime], latitude: Floats, longitude: Floats
    ) -> dict[str, Floats]:
        valid = np.array([(hour - first_hour) // timedelta(hours=1) for hour in hours], np.int64)
        run = newest_run((now - first_hour) // timedelta(hours=1))
        return forecast_fields(climate, seed, valid, run, (latitude, longitude))

    return answer


def forecast_fields(
    climate: Climate, seed: int, valid: Ints, run: int, places: tuple[Floats, Floats]
) -> dict[str, Floats]:
    """Return the fields of DIGITS in the service's units, (hours, places).

    Parameters
    ----------
    valid : hours of the world, one after the other
    run : hour at which the run starts
    places : latitude and longitude [degree]
    """
    hours = np.arange(int(valid[0]) - BEFORE_H, int(valid[-1]) + 1)
    found = predicted(climate, seed, hours, np.full(len(hours), run), *places)
    day_of_year, local_hour = clock_of(climate, hours)
    winter, land = winterness(day_of_year), inland(*places)
    warmth = temperature(found.v, (winter, local_hour), places[0], land)
    sea_level = sea_level_pressure(found.anomaly, winter, land)
    fields = _near_ground(found, warmth, sea_level, altitude(*places))
    fields |= _aloft(found, warmth, sea_level, winter, places[0])
    return {name: np.round(fields[name][BEFORE_H:], digits) for name, digits in DIGITS.items()}


def _near_ground(w: Weather, warmth: Floats, sea_level: Floats, ground: Floats) -> dict[str, Floats]:
    humidity = np.clip(w.humidity, 0.05, 1)
    return {
        "temperature_2m": warmth,
        "dew_point_2m": dew_point(warmth, humidity),
        "relative_humidity_2m": 100 * humidity,
        "surface_pressure": sea_level * np.exp(-ground / SCALE_M),
        "pressure_msl": sea_level,
        "boundary_layer_height": w.height,
        "precipitation": w.rain,
        "cloud_cover": 100 * np.clip(0.45 - w.anomaly / 14 + 0.5 * (humidity - 0.6), 0, 1),
        **_wind(SURFACE_SHARE * w.u, SURFACE_SHARE * w.v, "10m"),
    }


def _aloft(
    w: Weather, warmth: Floats, sea_level: Floats, winter: Floats, latitude: Floats
) -> dict[str, Floats]:
    u, v = winds_aloft(w.u, w.v, latitude, winter)
    height = heights(sea_level, warmth + KELVIN)
    fields: dict[str, Floats] = {}
    for at, level in enumerate(LEVELS):
        fields |= _wind(u[:, at], v[:, at], f"{level}hPa")
        fields[f"geopotential_height_{level}hPa"] = height[:, at]
    return fields


def _wind(u: Floats, v: Floats, where: str) -> dict[str, Floats]:
    direction = np.degrees(np.arctan2(-u, -v)) % 360
    return {f"wind_speed_{where}": np.hypot(u, v), f"wind_direction_{where}": direction}


def dew_point(warmth: Floats, humidity: Floats) -> Floats:
    """Return the dew point [degree Celsius] after Magnus (WMO-No. 8, annex 4.B).

    >>> dew_point(np.array([20.0]), np.array([0.5])).round(1).tolist()
    [9.3]
    """
    inner = np.log(humidity) + 17.62 * warmth / (243.12 + warmth)
    found: Floats = 243.12 * inner / (17.62 - inner)
    return found
