"""How much each input counts before anything was learned: own air most, far weather least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.situation.calendar import HARMONICS
from forecasting.situation.columns import CALENDAR, RISE, SPEED, Column

OWN_AIR, OTHER_AIR = 1.0, 0.5
CITY_WEATHER = {"seoul": 0.7, "beijing": 0.9}
PLACE_WEATHER, NEAR = 0.3, 3.0
"""Weight of one quantity at one far place, and by how many times more a near one counts."""

NEAR_KM = 400.0
WINDOWS = {"0-3": 0.5, "0-6": 1.0, "0-24": 0.4, "24-48": 0.35, RISE: 0.3, SPEED: 0.5}
"""Factor of a summary of the weather of a place."""

CITY_WINDOWS = {"0-3": 0.15, RISE: 0.15}
"""Factor of a summary of a city's own weather, where it is not 1."""

PRESSURE = 2.5
"""Pressure tells more than other weather of a place: highs and lows, and how they move."""

WEST_OF = 97.0
FAR_WEST = {"seoul": 0.4, "beijing": 1.2}
"""Weight of the stations of Xinjiang and Tibet [degree east]; surges take two or three days to Beijing."""

SEA_WEATHER = {"seoul": 0.3, "beijing": 0.07}
"""Weight of the buoys of the Yellow Sea, which tell Beijing next to nothing."""

SEASON, HOLIDAYS = 1.0, 0.1
"""Holidays are rare: with the weight of the season they cost 0.003-0.005 of the explained variance of
ln(c + 5) on D+2, 2015-2019, each year forecast by the others."""

AHEAD = 0.45
PAST_BESIDE_AHEAD = 0.5
"""Factor of all that is past, from D+2 on, in the kernel of a forecast that knows the weather ahead.

All chosen on 2015-2019, each year forecast by the others; docs/model.md has the table."""

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
    factor = 1.0 if day is None or day < 2 else PAST_BESIDE_AHEAD
    return np.array([_weight(c, city, at, day, factor) for c in columns], np.float32)


def _weight(column: Column, city: str, at: tuple[float, float], day: int | None, factor: float) -> float:
    if column.day is not None:
        return AHEAD if day is not None and column.city == city and column.day <= day else 0.0
    if column.group == CALENDAR:
        return SEASON if column.quantity in HARMONICS else HOLIDAYS
    if column.group.endswith(" weather"):
        own = CITY_WEATHER.get(city, PLACE_WEATHER) if column.city == city else PLACE_WEATHER
        return factor * own * CITY_WINDOWS.get(_window(column), 1.0)
    if column.group == "weather at sea":
        return factor * WINDOWS[_window(column)] * SEA_WEATHER.get(city, PLACE_WEATHER)
    if column.group == "weather around":
        far = kilometres(at, (column.latitude, column.longitude))
        near = 1.0 + NEAR * float(np.exp(-far / NEAR_KM))
        west = FAR_WEST.get(city, 1.0) if column.longitude < WEST_OF else 1.0
        pressure = PRESSURE if "pressure" in column.quantity else 1.0
        return factor * WINDOWS[_window(column)] * PLACE_WEATHER * near * west * pressure
    return factor * (OWN_AIR if column.city == city else OTHER_AIR)


def _window(column: Column) -> str:
    """Return which of WINDOWS a column of weather is."""
    if column.what in (RISE, SPEED):
        return column.what
    return f"{column.start}-{column.end}"


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two places [degree] along the sphere [km].

    >>> round(kilometres((37.57, 126.98), (39.90, 116.40)))
    953
    """
    lat_a, lon_a, lat_b, lon_b = np.deg2rad([*one, *other])
    inner = np.sin(lat_a) * np.sin(lat_b) + np.cos(lat_a) * np.cos(lat_b) * np.cos(lon_a - lon_b)
    return float(EARTH_KM * np.arccos(np.clip(inner, -1.0, 1.0)))
