"""Series that are made of others, version by version: wind components, wind speed and dew point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from forecasting.targets import to_log
from pipeline.asof import AsOfPanel, AsOfSeries

Floats = npt.NDArray[np.float64]
Join = Callable[[Floats, Floats], Floats]

EASTWARD, NORTHWARD = "eastward_wind", "northward_wind"
SPEED, DIRECTION = "wind_speed", "wind_from_direction"
TEMPERATURE, DEW_POINT, HUMIDITY = "air_temperature", "dew_point_temperature", "relative_humidity"
CONCENTRATIONS = ("pm2p5", "pm10")

_MAGNUS_A, _MAGNUS_B, _FREEZING = 17.625, 243.04, 273.15
_DRIEST = 0.01


def components(speed: AsOfSeries, direction: AsOfSeries) -> tuple[AsOfSeries, AsOfSeries]:
    """Return the eastward and northward wind of speed and direction, as known at every instant.

    Parameters
    ----------
    speed : [m s-1]
    direction : where the wind comes from [degree]; calm air has none

    Returns
    -------
    eastward, northward : [m s-1]

    Examples
    --------
    >>> t = np.array(["2020-01-01T00", "2020-01-01T03"], "M8[ns]")
    >>> east, north = components(AsOfSeries(t, t, np.array([5.0, 0.0]), 3),
    ...     AsOfSeries(t[:1], t[:1], np.array([270.0]), 3))
    >>> east.values.tolist(), np.round(north.values, 9).tolist()
    ([5.0, 0.0], [0.0, 0.0])
    """
    return joined(speed, direction, _eastward), joined(speed, direction, _northward)


def joined(first: AsOfSeries, second: AsOfSeries, join: Join) -> AsOfSeries:
    """Return the series that ``join`` makes of two, at every instant of what was known of both then.

    Where one is not known ``join`` is given NaN. The interval is the longer of the two.
    """
    hours = max(first.interval_hours, second.interval_hours)
    same = len(first.times) == len(second.times) and bool(
        (first.times == second.times).all() and (first.received == second.received).all()
    )
    if same:
        return AsOfSeries(first.times, first.received, join(first.values, second.values), hours)
    times = np.concatenate([first.times, second.times])
    received = np.concatenate([first.received, second.received])
    order = np.lexsort((received, times))
    times, received = times[order], received[order]
    a = _in_force(first, times, np.where(order < len(first.times), order, -1))
    b = _in_force(second, times, np.where(order >= len(first.times), order - len(first.times), -1))
    last = np.ones(len(times), np.bool_)
    last[:-1] = (times[1:] != times[:-1]) | (received[1:] != received[:-1])
    return AsOfSeries(times[last], received[last], join(a[last], b[last]), hours)


def _in_force(series: AsOfSeries, times: npt.NDArray[np.datetime64], row: npt.NDArray[np.int64]) -> Floats:
    """Return the version that is newest at every event of a merged order; NaN before the first."""
    newest = np.maximum.accumulate(row)
    there = (newest >= 0) & (series.times[np.maximum(newest, 0)] == times) if len(series.times) else row >= 0
    out = np.full(len(times), np.nan)
    out[there] = series.values[newest[there]]
    return out


def _eastward(speed: Floats, direction: Floats) -> Floats:
    angle = np.deg2rad(np.where(speed == 0, 0.0, direction))
    return np.asarray(0.0 - speed * np.sin(angle), np.float64)


def _northward(speed: Floats, direction: Floats) -> Floats:
    angle = np.deg2rad(np.where(speed == 0, 0.0, direction))
    return np.asarray(0.0 - speed * np.cos(angle), np.float64)


def dew_point(temperature: Floats, humidity: Floats) -> Floats:
    """Return the dew point [K] of temperature [K] and relative humidity [1].

    Magnus' formula with the constants of Alduchov and Eskridge (1996), doi:10.1175/1520-0450(1996)035; air
    drier than 1 % counts as of 1 %.

    >>> np.round(dew_point(np.array([293.15, 293.15]), np.array([1.0, 0.5])) - 273.15, 1).tolist()
    [20.0, 9.3]
    """
    celsius = temperature - _FREEZING
    gamma = np.log(np.maximum(humidity, _DRIEST)) + _MAGNUS_A * celsius / (_MAGNUS_B + celsius)
    return np.asarray(_MAGNUS_B * gamma / (_MAGNUS_A - gamma) + _FREEZING, np.float64)


MADE_OF: dict[str, tuple[str, str, Join]] = {
    EASTWARD: (SPEED, DIRECTION, _eastward),
    NORTHWARD: (SPEED, DIRECTION, _northward),
    SPEED: (EASTWARD, NORTHWARD, np.hypot),
    DEW_POINT: (TEMPERATURE, HUMIDITY, dew_point),
}
"""From which two quantities another is made where it is not stored."""


def makeable(key: str, keys: AsOfPanel) -> bool:
    """Tell whether a panel holds a series, or the two of which it is made."""
    city, quantity, role = key.split(".", 2)
    if key in keys:
        return True
    made = MADE_OF.get(quantity)
    return made is not None and all(f"{city}.{part}.{role}" in keys for part in made[:2])


def sources_of(key: str, panel: AsOfPanel) -> tuple[str, ...]:
    """Return the stored series behind a key: itself, or the two of which it is made.

    >>> sources_of("a.eastward_wind.weather", AsOfPanel({}, "measured"))
    ('a.wind_speed.weather', 'a.wind_from_direction.weather')
    >>> sources_of("a.pm2p5.reference", AsOfPanel({}, "measured"))
    ('a.pm2p5.reference',)
    """
    city, quantity, role = key.split(".", 2)
    if key in panel or quantity not in MADE_OF or (quantity == SPEED and not makeable(key, panel)):
        return (key,)
    return tuple(f"{city}.{part}.{role}" for part in MADE_OF[quantity][:2])


def series_of(
    panel: AsOfPanel, key: str, cut: Callable[[AsOfSeries], AsOfSeries] = lambda series: series
) -> AsOfSeries | None:
    """Return a series on the scale on which it is a column, stored or made; None where neither is possible.

    Concentrations are on the modelling scale ln(c + 5).

    Parameters
    ----------
    cut : what is to be kept of each stored series, before anything is made of it

    Examples
    --------
    >>> t = np.array(["2020-01-01T00"], "M8[ns]")
    >>> panel = AsOfPanel({"a.wind_speed.weather": AsOfSeries(t, t, np.array([2.0])),
    ...     "a.wind_from_direction.weather": AsOfSeries(t, t, np.array([180.0]))}, "measured")
    >>> series_of(panel, "a.northward_wind.weather").values.tolist()
    [2.0]
    """
    city, quantity, role = key.split(".", 2)
    if key in panel:
        series = cut(panel[key])
        if quantity in CONCENTRATIONS:
            logs = np.asarray(to_log(series.values), np.float64)
            return AsOfSeries(series.times, series.received, logs, series.interval_hours)
        return series
    if not makeable(key, panel):
        return None
    first, second, join = MADE_OF[quantity]
    return joined(cut(panel[f"{city}.{first}.{role}"]), cut(panel[f"{city}.{second}.{role}"]), join)
