"""How much each input counts before anything was learned: own air most, far weather least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.situation.calendar import HARMONICS
from forecasting.situation.columns import CALENDAR, MEAN, RISE, SPEED, Column
from forecasting.situation.recipe import ARRIVING_AIR, LEVEL_HOURS

PLACE_WEATHER, NEAR, NEAR_KM = 0.3, 3.0, 400.0
"""Weight of a quantity at a far place, by how many times more a near one counts, and what is near [km]."""

QUANTITIES = {
    "air_temperature": 1.0,
    "dew_point_temperature": 0.8,
    "relative_humidity": 0.5,
    "eastward_wind": 0.8,
    "northward_wind": 0.8,
    "wind_speed": 0.5,
    "air_pressure_at_mean_sea_level": 2.5,
    "surface_air_pressure": 2.5,
}
"""Pressure tells most: highs and lows, and how they move."""

WINDOWS = {"0-3": 1.0, "0-6": 0.7, "0-24": 0.4, "24-48": 0.4, RISE: 0.4}
"""Factor of a summary of the weather of a place: what it does now counts most."""

HOURLY_WINDOWS = {"0-3": 0.3, RISE: 0.3}
"""The same where a city has hourly weather of its own, whose longer means are good; others count 1."""

SEASON, HOLIDAYS = 1.0, 0.1
"""Holidays are rare: with the weight of the season they cost 0.003-0.005 of the explained variance of
ln(c + 5) on D+2, 2015-2019, each year forecast by the others."""

WEST_OF = 97.0
"""Longitude [degree east] beyond which lie the stations of Xinjiang and Tibet; surges take two or three days
from there to Beijing."""


@dataclass(frozen=True)
class Taste:
    """What counts in the kernel of one city beside its own air, which counts 1.

    Parameters
    ----------
    other_air : air of other cities and upwind
    sea : buoys of the Yellow Sea
    west : factor of the weather west of WEST_OF
    hourly : weight of its own weather, where that is measured hourly by a station of its own
    """

    other_air: float = 0.5
    sea: float = 0.2
    west: float = 1.0
    hourly: float | None = None


TASTES = {
    "seoul": Taste(other_air=0.7, sea=0.3, west=0.3, hourly=0.7),
    "beijing": Taste(other_air=0.25, sea=0.05, west=1.5),
}

OWN_LATEST = 0.5
"""Factor with which a city's newest readings enter with coefficients of their own. Without that the newest
reading is one column among thousands, and persistence wins the first hours."""

AHEAD, AHEAD_NEAR = 0.12, 12.0
AHEAD_DAYS = (1.0, 1.0, 0.3)
"""Factor of the weather of the day forecast, of the day before and of two days before; none before that."""

PAST_WEATHER_BESIDE_AHEAD = (1.0, 0.4, 0.25, 0.15)
OWN_AIR_BESIDE_AHEAD = (1.0, 1.0, 0.7, 0.5)
"""Factors of what is past, for D+0 … D+3, in the kernel of a forecast that knows the weather ahead.

All chosen on 2015-2019, each year forecast by the others; docs/model.md has the tables."""

ARRIVING = 1.0
"""Factor of the air on its way to a city, chosen in a simulated world; to another city it counts nothing."""

EARTH_KM = 6371.0


def column_weights(
    columns: Sequence[Column], city: str, at: tuple[float, float], day: int | None = None
) -> npt.NDArray[np.float32]:
    """Return the factor of every standardised column in the kernel of a city.

    Parameters
    ----------
    city, at : its id, and its latitude and longitude [degree]
    day : local day forecast, where the kernel may use the weather ahead; that of later days counts nothing
    """
    return np.array([_weight(c, city, at, day) for c in columns], np.float32)


def own_factors(columns: Sequence[Column], city: str, quantity: str) -> npt.NDArray[np.float32]:
    """Return the factor of the city's own newest readings of the quantity, 0 for every other column.

    Their coefficients are nearly those of an ordinary regression on them: what is forecast of the next hours
    is a damped persistence, and the rest of the kernel tells what departs from it.
    """
    key, group = f"{city}.{quantity}.reference", f"{city} air, latest"
    return np.array([OWN_LATEST * (c.key == key and c.group == group) for c in columns], np.float32)


def _weight(column: Column, city: str, at: tuple[float, float], day: int | None) -> float:
    if column.day is not None:
        return _ahead(column, city, at, day)
    if column.group == CALENDAR:
        return SEASON if column.quantity in HARMONICS else HOLIDAYS
    taste = TASTES.get(city, Taste())
    if "weather" in column.group:
        beside = 1.0 if day is None else PAST_WEATHER_BESIDE_AHEAD[day]
        return beside * _weather(column, city, at, taste)
    if column.end == LEVEL_HOURS:
        return 0.0
    if column.group.endswith(ARRIVING_AIR):
        return ARRIVING if column.city == city else 0.0
    beside = 1.0 if day is None else OWN_AIR_BESIDE_AHEAD[day]
    return beside * (1.0 if column.city == city else taste.other_air)


def _weather(column: Column, city: str, at: tuple[float, float], taste: Taste) -> float:
    window = RISE if column.what == RISE else f"{column.start}-{column.end}"
    if column.group == "weather at sea":
        return taste.sea * (1.0 if column.what == MEAN else 0.6)
    hourly = TASTES.get(column.city or "", Taste()).hourly
    if hourly is not None:
        return (hourly if column.city == city else PLACE_WEATHER) * HOURLY_WINDOWS.get(window, 1.0)
    west = taste.west if column.longitude < WEST_OF else 1.0
    value = PLACE_WEATHER * WINDOWS[window] * QUANTITIES.get(column.quantity, 1.0) * west
    return value * (1.0 + NEAR * _nearness(column, at))


def _ahead(column: Column, city: str, at: tuple[float, float], day: int | None) -> float:
    if (
        day is None
        or column.day is None
        or column.city != city
        or not 0 <= day - column.day < len(AHEAD_DAYS)
    ):
        return 0.0
    quantity = 2.0 if column.what == SPEED else 0.5 if "pressure" in column.quantity else 1.0
    return AHEAD * quantity * AHEAD_DAYS[day - column.day] * (1.0 + AHEAD_NEAR * _nearness(column, at))


def _nearness(column: Column, at: tuple[float, float]) -> float:
    return float(np.exp(-kilometres(at, (column.latitude, column.longitude)) / NEAR_KM))


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two places [degree] along the sphere [km].

    >>> round(kilometres((37.57, 126.98), (39.90, 116.40)))
    953
    """
    lat_a, lon_a, lat_b, lon_b = np.deg2rad([*one, *other])
    inner = np.sin(lat_a) * np.sin(lat_b) + np.cos(lat_a) * np.cos(lat_b) * np.cos(lon_a - lon_b)
    return float(EARTH_KM * np.arccos(np.clip(inner, -1.0, 1.0)))
