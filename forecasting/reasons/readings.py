"""What was measured of an input: the reading a forecaster would quote for it, and what is usual there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.kernel.weights import kilometres
from forecasting.reasons.inputs import direction
from forecasting.situation.columns import MEAN, RISE, SPEED, Column
from forecasting.situation.derived import CONCENTRATIONS, EASTWARD, NORTHWARD
from forecasting.targets import to_level
from pipeline.cities import City

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating]

CALM = 1.0
"""A mean wind below this has no direction worth telling [m s-1]."""

WEAKER, STRONGER = 0.65, 1.5
"""A wind turns weak or freshens when its speed changes by these factors."""

SEA_LEVEL = "air_pressure_at_mean_sea_level"
REACH_KM = 1500.0
FEWEST_PLACES = 6
DEGREE_KM = 111.2

TURN = 60.0
"""A wind has turned when its direction changed by more than this [degree]."""

SCALES: Mapping[str, tuple[float, float]] = {
    "air_temperature": (1.0, -273.15),
    "dew_point_temperature": (1.0, -273.15),
    "relative_humidity": (100.0, 0.0),
    "air_pressure_at_mean_sea_level": (0.01, 0.0),
    "surface_air_pressure": (0.01, 0.0),
    "cloud_area_fraction": (100.0, 0.0),
}
"""Factor and offset from the unit of a quantity to the one forecasters speak: degrees C, %, hPa."""


@dataclass(frozen=True)
class Reading:
    """One number of an input, as measured and as usual for the season, in the unit that is spoken.

    Parameters
    ----------
    place : id of the city or place
    quantity : as in ``pipeline.names``; ``wind`` for a vector
    start, end : hours before the issue over which it is meant; ``day`` is the local day of weather ahead
    what : summary, see ``forecasting.situation.columns``
    value, usual : numbers; of a wind its speed [m s-1]
    from_direction : one of the eight directions a wind blows from; empty for a calm one
    trend : of a wind, against the day before: ``weaker``, ``stronger``, ``turned``, or empty
    before : direction of a wind that has turned
    """

    place: str
    quantity: str
    start: int
    end: int
    what: str
    value: float
    usual: float
    day: int | None = None
    from_direction: str = ""
    trend: str = ""
    before: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def place_of(column: Column) -> str:
    """Return the id of the city or place where a column was measured.

    >>> place_of(Column("g", "around.pm2p5.jinan_air", "mean", 0, 6, None, 36.7, 117.0))
    'jinan_air'
    """
    owner, _, role = column.key.split(".", 2)
    return role if owner == "around" else owner


def chosen(columns: Sequence[Column], effect: Floats) -> int:
    """Return which of an input's columns is quoted: the mean that did most in the input's sense.

    Parameters
    ----------
    effect : (column,) by how much each alone moves the forecast in that sense
    """
    means = [i for i, c in enumerate(columns) if c.what in (MEAN, SPEED) and effect[i] > 0]
    return max(means or range(len(columns)), key=lambda i: (float(effect[i]), -i))


def reading_of(position: int, columns: Sequence[Column], now: Values, usual: Values) -> Reading:
    """Return the reading of a column; of a wind component the wind.

    Parameters
    ----------
    position : of the column
    columns, now, usual : (column,) of the recipe; raw values in the units of the situation
    """
    column = columns[position]
    if column.quantity in (EASTWARD, NORTHWARD):
        whole = _wind(column, columns, now, usual)
        if whole is not None:
            return whole
    return _number(column, float(now[position]), float(usual[position]))


def gradient_of(columns: Sequence[Column], city: City, now: Values, usual: Values) -> Reading | None:
    """Return the gradient of sea-level pressure over the region, and whence the wind would blow along it.

    A plane is fitted to the newest pressure of all places within REACH_KM of the city; along the isobars of
    a plane the wind keeps the low pressure to its left (north of the equator).

    Parameters
    ----------
    columns, now, usual : (column,) of the recipe; raw values in the units of the situation

    Returns
    -------
    the gradient [hPa per 1000 km]; None where fewer than FEWEST_PLACES are known
    """
    at = (city.latitude, city.longitude)
    newest: dict[tuple[float, float], int] = {}
    for i, c in enumerate(columns):
        place = (c.latitude, c.longitude)
        fits = c.quantity == SEA_LEVEL and c.what == MEAN and c.day is None and c.start == 0
        if not fits or not np.isfinite(now[i]) or kilometres(at, place) > REACH_KM:
            continue
        if place not in newest or c.end < columns[newest[place]].end:
            newest[place] = i
    if len(newest) < FEWEST_PLACES:
        return None
    rows = list(newest.values())
    east = np.array([(p[1] - at[1]) * DEGREE_KM * np.cos(np.deg2rad(at[0])) for p in newest]) / 1000.0
    north = np.array([(p[0] - at[0]) * DEGREE_KM for p in newest]) / 1000.0
    plane = np.column_stack([np.ones(len(rows)), east, north])
    slope = np.linalg.lstsq(plane, np.column_stack([now[rows], usual[rows]]).astype(float), rcond=None)[0]
    size = np.hypot(slope[1], slope[2]) / 100.0
    way = direction(_from(-float(slope[2, 0]), float(slope[1, 0])))
    end = max(columns[i].end for i in rows)
    return Reading(
        city.id, "pressure_gradient", 0, end, MEAN, round(float(size[0]), 2), round(float(size[1]), 2),
        from_direction=way,
    )  # fmt: skip


def _number(column: Column, value: float, usual: float) -> Reading:
    factor, offset = SCALES.get(column.quantity, (1.0, 0.0))
    if column.what == RISE:
        offset = 0.0
    elif column.quantity in CONCENTRATIONS:
        value, usual = (float(to_level(np.array([v]))[0]) for v in (value, usual))
    name = "wind" if column.what == SPEED or column.quantity == "wind_speed" else column.quantity
    return Reading(
        place_of(column), name, column.start, column.end, column.what,
        round(factor * value + offset, 2), round(factor * usual + offset, 2), column.day,
    )  # fmt: skip


def _wind(column: Column, columns: Sequence[Column], now: Values, usual: Values) -> Reading | None:
    """Return the wind of a place as speed and direction, and how it changed against an earlier window."""
    same = [i for i, c in enumerate(columns) if place_of(c) == place_of(column) and c.day == column.day]
    found: dict[tuple[int, int], dict[str, int]] = {}
    for i in same:
        c = columns[i]
        if c.what == MEAN and c.quantity in (EASTWARD, NORTHWARD) and np.isfinite(now[i]):
            found.setdefault((c.start, c.end), {})[c.quantity] = i
    whole = {window: pair for window, pair in found.items() if len(pair) == 2}
    window = (column.start, column.end)
    if window not in whole:
        return None
    u, v = (float(now[whole[window][q]]) for q in (EASTWARD, NORTHWARD))
    mean_u, mean_v = (float(usual[whole[window][q]]) for q in (EASTWARD, NORTHWARD))
    speed = float(np.hypot(u, v))
    earlier = [w for w in whole if w[0] >= window[1]]
    trend, before = "", ""
    if earlier and column.day is None:
        pair = whole[min(earlier)]
        trend, before = _change(u, v, *(float(now[pair[q]]) for q in (EASTWARD, NORTHWARD)))
    mean = round(float(np.hypot(mean_u, mean_v)), 2)
    return Reading(
        place_of(column), "wind", *window, column.what, round(speed, 2), mean, column.day,
        "" if speed < CALM else direction(_from(u, v)), trend, before,
    )  # fmt: skip


def _from(u: float, v: float) -> float:
    """Return where a wind comes from [degree].

    >>> _from(5.0, 0.0) % 360
    270.0
    """
    return float(np.rad2deg(np.arctan2(-u, -v)))


def _change(u: float, v: float, old_u: float, old_v: float) -> tuple[str, str]:
    """Tell how a wind changed: ``weaker``, ``stronger`` or ``turned``, and from which direction it turned.

    >>> _change(1.5, 0.0, 5.0, 0.0), _change(0.0, 4.0, 4.0, 0.0), _change(4.0, 0.0, 4.0, 0.0)
    (('weaker', ''), ('turned', 'w'), ('', ''))
    """
    speed, old = float(np.hypot(u, v)), float(np.hypot(old_u, old_v))
    if old >= CALM and speed < WEAKER * old:
        return "weaker", ""
    turn = abs((_from(u, v) - _from(old_u, old_v) + 180) % 360 - 180)
    if min(speed, old) >= CALM and turn > TURN:
        return "turned", direction(_from(old_u, old_v))
    return ("stronger", "") if speed > STRONGER * max(old, CALM) else ("", "")
