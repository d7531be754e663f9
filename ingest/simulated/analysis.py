"""The weather analysis of the simulated points, with the error and printed digits of a weather service."""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.open_meteo import CONVERSIONS, POINTS, VARIABLE_MAP, wind_components
from ingest.open_meteo_points import USUAL_POINTS
from ingest.simulated.grid import Floats
from ingest.simulated.ground import SCALE_M, sea_level_pressure, temperature
from ingest.simulated.synoptic import Climate, red_noise, winterness
from ingest.simulated.transport import PointHistory

DIGITS: Final = {
    "temperature_2m": 1,
    "relative_humidity_2m": 0,
    "surface_pressure": 1,
    "boundary_layer_height": 0,
    "precipitation": 1,
    "wind_speed_10m": 2,
    "wind_direction_10m": 0,
}
"""Digits that the service prints, per field."""
ALTITUDE_M: Final = {"seoul": 38.0, "beijing": 44.0, "jinan": 120.0, "bohai": 0.0, "yellow_sea": 0.0}
USUAL_ALTITUDE_M: Final = 40.0
SURFACE_SHARE: Final = 0.55
"""Wind at 10 m over that of the mixed layer."""


def printed_weather(rng: np.random.Generator, history: PointHistory, climate: Climate) -> dict[str, Floats]:
    """Return what the service prints, field → (hours, points), in the service's units."""
    n = len(POINTS)
    hours = len(history.u)
    error, height_error = _errors(rng, hours)
    u, v = (SURFACE_SHARE * w + e for w, e in zip((history.u[:, :n], history.v[:, :n]), error, strict=True))
    winter = winterness(climate.day_of_year)
    land = np.array([0.0 if p.id in ("bohai", "yellow_sea") else 1.0 for p in POINTS])
    latitude = np.array([p.latitude for p in POINTS])
    warmth = temperature(history.v[:, :n], (winter, climate.local_hour), latitude, land)
    altitude = np.array([ALTITUDE_M.get(p.id, USUAL_ALTITUDE_M) for p in POINTS])
    sea_level = sea_level_pressure(history.anomaly[:, :n], winter, land)
    fields = {
        "temperature_2m": warmth,
        "relative_humidity_2m": np.clip(100 * history.humidity[:, :n], 5, 100),
        "surface_pressure": sea_level * np.exp(-altitude / SCALE_M),
        "boundary_layer_height": history.height[:, :n] * np.exp(height_error),
        "precipitation": history.rain[:, :n],
        "wind_speed_10m": np.hypot(u, v),
        "wind_direction_10m": np.degrees(np.arctan2(-u, -v)) % 360,
    }
    return {name: np.round(values, DIGITS[name]) for name, values in fields.items()}


def _errors(rng: np.random.Generator, hours: int) -> tuple[list[Floats], Floats]:
    """Return errors of both wind components and of the logarithm of the height, (hours, points).

    Those of the usual points are drawn first, so that other cities change nothing of them.
    """
    counts = [min(len(POINTS), len(USUAL_POINTS)), max(0, len(POINTS) - len(USUAL_POINTS))]
    parts = [
        (
            [np.stack([red_noise(rng, hours, 12, 0.3) for _ in range(n)], 1) for _ in range(2)],
            rng.normal(0, 0.06, (hours, n)),
        )
        for n in counts
        if n
    ]
    winds = [np.concatenate([wind[at] for wind, _ in parts], 1) for at in range(2)]
    return winds, np.concatenate([height for _, height in parts], 1)


def weather_values(printed: dict[str, Floats]) -> dict[str, Floats]:
    """Return the printed fields as our quantities in our units, (hours, points).

    >>> one = {f: np.array([[10.0]]) for f in DIGITS}
    >>> float(weather_values(one)["air_temperature"][0, 0])
    283.15
    """
    units = {f: next(iter(CONVERSIONS[f].values())) for f in DIGITS}
    values = {quantity: units[field](printed[field]) for field, quantity in VARIABLE_MAP.items()}
    values["eastward_wind"], values["northward_wind"] = wind_components(
        printed["wind_speed_10m"], printed["wind_direction_10m"]
    )
    return values
