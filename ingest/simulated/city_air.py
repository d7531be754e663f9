"""From the regional column to the air people breathe in a city: mixing height and its own emissions."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from ingest.simulated.grid import PLACES, Floats
from ingest.simulated.synoptic import Climate, winterness
from ingest.simulated.transport import DUST, PRIMARY, SECONDARY, PointHistory
from pipeline.cities import all_cities


class CityAir(NamedTuple):
    """Hourly truth of one city, (hours,): PM2.5 and PM10 [ug m-3] as the mean over the hour that ends."""

    pm2p5: Floats
    pm10: Floats


class OwnEmissions(NamedTuple):
    """A city's own source [ug m-3 h-1 in 1000 m], width [km], share of heating and road dust [ug m-3]."""

    strength: float
    width: float
    heating: float
    road_dust: float


OWN: Final = {
    "seoul": OwnEmissions(0.8, 30.0, 0.25, 9.0),
    "beijing": OwnEmissions(1.4, 35.0, 0.45, 16.0),
    "shijiazhuang": OwnEmissions(1.4, 30.0, 0.55, 18.0),
    "jinan": OwnEmissions(1.2, 30.0, 0.45, 16.0),
    "dalian": OwnEmissions(0.6, 25.0, 0.35, 9.0),
    "weihai": OwnEmissions(0.3, 20.0, 0.25, 7.0),
    "baengnyeong": OwnEmissions(0.05, 10.0, 0.0, 4.0),
}
DUST_FINE_SHARE: Final = 0.12


def own_emissions(place: str) -> OwnEmissions:
    """Return a place's own source; that of a city beside Seoul and Beijing stands in its table.

    >>> own_emissions("beijing").width
    35.0
    """
    city = all_cities().get(place)
    if city is None or place in ("seoul", "beijing"):
        return OWN[place]
    air = city.simulated
    return OwnEmissions(air.strength, air.width, air.heating, air.road_dust)


def city_air(history: PointHistory, climate: Climate, city: str) -> CityAir:
    """Return the hourly mean concentrations of a city.

    The regional part follows the day's mean mixing height more than the hour's (the residual layer keeps
    it overnight); the city's own part fills the present mixed layer and is blown out by the wind.
    """
    at = place_index(city)
    squeezed = squeeze(history, at)
    fine = (history.air[:, PRIMARY, at] + history.air[:, SECONDARY, at]) * squeezed
    dust = history.air[:, DUST, at] * squeezed
    local = own_air(history, climate, city)
    day_height = _smooth(history.height[:, at], 24)
    dry = 1 - 0.8 * np.clip(history.rain[:, at], 0, 1)
    road = own_emissions(city).road_dust * dry * (700 / day_height) ** 0.4
    pm2p5 = fine + local + DUST_FINE_SHARE * dust
    pm10 = pm2p5 + 0.18 * fine + 0.5 * local + (1 - DUST_FINE_SHARE) * dust + road
    return CityAir(hour_means(pm2p5), hour_means(pm10))


def place_index(city: str) -> int:
    """Return the position of a place in PLACES."""
    return [p.id for p in PLACES].index(city)


def squeeze(history: PointHistory, at: int) -> Floats:
    """Return the concentration at a place over that of the same column in 1000 m, (hours,) [1]."""
    height = history.height[:, at]
    day_height = _smooth(height, 24)
    return np.asarray((560 / day_height) ** 1.15 * (day_height / height) ** 0.12)


def own_air(history: PointHistory, climate: Climate, city: str) -> Floats:
    """Return what a city's own source adds, (hours,) [ug m-3]."""
    at, own = place_index(city), own_emissions(city)
    height, speed = history.height[:, at], np.hypot(history.u[:, at], history.v[:, at])
    winter = winterness(climate.day_of_year)
    rush = 1 + 0.35 * np.cos(2 * np.pi * (climate.local_hour - 8.5) / 12) * (climate.local_hour > 5)
    source = own.strength * rush * (1 + own.heating * winter) * 1000 / height
    return _smooth(source / (0.12 + speed * 3.6 / own.width), 3)


def _smooth(values: Floats, hours: float) -> Floats:
    """Return the exponentially weighted past mean with a memory [h]."""
    return np.asarray(pd.Series(values).ewm(com=hours, adjust=True).mean(), dtype=float)


def hour_means(values: Floats) -> Floats:
    """Return the mean over the hour that ends at each stamp from values at the stamps."""
    return np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
