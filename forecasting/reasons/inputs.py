"""Inputs as a forecaster names them: whose, or in which direction, and what of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.situation.columns import CALENDAR, Column
from pipeline.cities import City

THEMES = {
    "pm2p5": "air",
    "pm10": "air",
    "eastward_wind": "wind",
    "northward_wind": "wind",
    "wind_speed": "wind",
    "air_temperature": "temperature",
    "dew_point_temperature": "moisture",
    "relative_humidity": "moisture",
    "air_pressure_at_mean_sea_level": "pressure",
    "surface_air_pressure": "pressure",
    "precipitation_amount": "rain",
    "cloud_area_fraction": "cloud",
    "atmosphere_boundary_layer_thickness": "mixing",
}
"""What of the air or the weather a quantity tells."""

SECTORS = ("n", "ne", "e", "se", "s", "sw", "w", "nw")
SEA, AHEAD, FIELD = "sea", "ahead", "field"

FIELDS = ("pressure", "temperature", "moisture")
"""What is told of the whole region at once: places far apart share it, and only their differences speak."""


@dataclass(frozen=True)
class Input:
    """Columns that a forecaster would call one thing.

    Parameters
    ----------
    where : id of a city, one of SECTORS as seen from the city that is forecast, ``sea``, ``field`` for the
        whole region, or ``ahead`` for the weather of the days forecast
    theme : one of the values of THEMES
    columns : positions in the recipe
    """

    where: str
    theme: str
    columns: tuple[int, ...]

    @property
    def id(self) -> str:
        """Return a name that no other input of the same city has.

        >>> Input("nw", "wind", (3, 4)).id
        'nw.wind'
        """
        return f"{self.where}.{self.theme}"


def inputs_of(columns: Sequence[Column], kept: Iterable[int], city: City) -> tuple[Input, ...]:
    """Sort columns into inputs as seen from a city; those of the calendar belong to none.

    Parameters
    ----------
    columns : of the recipe
    kept : positions of those that a fit uses

    Examples
    --------
    >>> from pipeline.cities import city
    >>> air = Column("beijing air", "beijing.pm2p5.reference", "mean", 0, 24, None, 39.9, 116.4, "beijing")
    >>> wind = Column("weather around", "around.eastward_wind.jinan", "mean", 0, 6, None, 36.7, 117.0)
    >>> [i.id for i in inputs_of([air, wind], (0, 1), city("seoul"))]
    ['beijing.air', 'w.wind']
    """
    found: dict[tuple[str, str], list[int]] = {}
    for position in kept:
        column = columns[position]
        if column.group != CALENDAR:
            theme = THEMES.get(column.quantity, column.quantity)
            found.setdefault((_where(column, theme, city), theme), []).append(int(position))
    return tuple(Input(where, theme, tuple(positions)) for (where, theme), positions in found.items())


def _where(column: Column, theme: str, city: City) -> str:
    if column.day is not None:
        return AHEAD
    if theme == "pressure" or (theme in FIELDS and column.city is None):
        return FIELD
    if column.city is not None:
        return column.city
    if column.group.endswith("at sea"):
        return SEA
    return sector((city.latitude, city.longitude), (column.latitude, column.longitude))


def sector(origin: tuple[float, float], place: tuple[float, float]) -> str:
    """Return in which of the eight directions a place lies [degree], at the start of the shortest way.

    >>> sector((37.6, 127.0), (36.3, 120.4)), sector((39.9, 116.4), (43.7, 112.0))
    ('w', 'nw')
    """
    lat_a, lon_a, lat_b, lon_b = np.deg2rad([*origin, *place])
    east = np.sin(lon_b - lon_a) * np.cos(lat_b)
    north = np.cos(lat_a) * np.sin(lat_b) - np.sin(lat_a) * np.cos(lat_b) * np.cos(lon_b - lon_a)
    return direction(float(np.rad2deg(np.arctan2(east, north))))


def direction(degrees: float) -> str:
    """Return the nearest of the eight directions to one from north over east [degree].

    >>> direction(-50.0), direction(350.0)
    ('nw', 'n')
    """
    return SECTORS[int(np.round(degrees / 45.0)) % 8]
