"""Weather of the days that are forecast, as other agencies forecast it: the newest each issue knew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.situation.ahead import DAY_HOURS, day_ends, local_days
from forecasting.situation.columns import Column
from forecasting.situation.derived import MADE_OF
from forecasting.situation.rows import series_before
from pipeline.asof import AsOfPanel
from pipeline.asof_blocks import window_known
from pipeline.cities import City
from pipeline.times import NS_HOUR, from_ns
from pipeline.weather_schema import valid_times

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]
Reader = Callable[[datetime], xr.Dataset | None]
"""Answers with the newest forecast known at an instant, such as ``ForecastStore.newest`` of a source."""

NEAREST_KM: Final = 100.0
"""A point farther than this [km] says nothing of a place."""

KM_PER_DEGREE: Final = 111.2
NEEDED_SHARE: Final = 0.5


def ahead_forecast(
    read: Reader,
    panel: AsOfPanel,
    columns: Sequence[Column],
    city: City,
    issues: Times,
    as_of: datetime | None = None,
) -> Rows:
    """Return the weather of the days forecast as it was forecast, by the newest forecast each issue knew.

    The hours of D+0 that are over come from what was measured and known at the issue.

    Parameters
    ----------
    read : the stored forecasts; each is asked at the issue, or at ``as_of``
    panel : the measured weather
    columns : of ``ahead_columns``
    city : whose local days they are
    issues : (n,) [UTC]
    as_of : for a single issue: the instant of its snapshot

    Returns
    -------
    (n, column) float32; NaN where there is no forecast of half of the day, or none within 100 km

    Raises
    ------
    ValueError
        ``as_of`` with several issues
    """
    issues = np.asarray(issues, "datetime64[ns]")
    if as_of is not None and len(issues) != 1:
        raise ValueError("a snapshot instant can be given for one issue only")
    out = np.full((len(issues), len(columns)), np.nan)
    if not len(issues) or not columns:
        return out.astype(np.float32)
    first, today = local_days(issues, city)
    ends = day_ends(first, int(today.max()) + max(c.day or 0 for c in columns) + 1, city)
    for row, issue in enumerate(issues):
        forecast = read(from_ns(issue) if as_of is None else as_of)
        if forecast is not None:
            out[row] = _of_one(forecast, columns, issue, ends[today[row] :])
    over = (
        DAY_HOURS - (ends[today].astype(np.int64) - issues.astype(np.int64) // NS_HOUR * NS_HOUR) // NS_HOUR
    )
    return _with_hours_over(out, panel, columns, issues, over, as_of).astype(np.float32)


def _of_one(forecast: xr.Dataset, columns: Sequence[Column], issue: np.datetime64, ends: Times) -> Floats:
    """Return the means over the days, or what is left of the first, of one forecast, (column,)."""
    out = np.full(len(columns), np.nan)
    times = valid_times(forecast).astype(np.int64)
    steps = np.diff(times)
    ahead = times > issue.astype("M8[h]").astype("M8[ns]").astype(np.int64)
    if not len(steps) or not ahead.any():
        return out
    by_quantity: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        by_quantity.setdefault(column.quantity, []).append(position)
    places = np.array([(c.latitude, c.longitude) for c in columns])
    nearest = _Nearest(forecast, places)
    days = np.array([c.day or 0 for c in columns])
    for quantity, positions in by_quantity.items():
        values = nearest.values(quantity, np.array(positions))
        if values is None:
            continue
        for day in np.unique(days[positions]):
            end = int(ends[day].astype(np.int64))
            start = max(end - DAY_HOURS * NS_HOUR, int(issue.astype(np.int64)))
            inside = ahead & (times > start) & (times <= end)
            slots = max(1, (end - start) // int(np.median(steps)))
            which = np.flatnonzero(days[positions] == day)
            out[np.array(positions)[which]] = _mean(values[np.ix_(inside, which)], slots)
    return out


def _mean(values: Floats, slots: int) -> Floats:
    """Return means over the first axis where enough of the slots is known."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    enough = (count > 0) & (count >= NEEDED_SHARE * slots)
    return np.where(enough, total / np.maximum(count, 1), np.nan)


class _Nearest:
    """The points of a forecast that are nearest to places."""

    def __init__(self, forecast: xr.Dataset, places: Floats) -> None:
        self.forecast = forecast
        latitude, longitude = (
            forecast[name].to_numpy().astype(np.float64) for name in ("latitude", "longitude")
        )
        if "station" not in forecast.dims:
            latitude, longitude = (a.ravel() for a in np.meshgrid(latitude, longitude, indexing="ij"))
        north = places[:, :1] - latitude[None, :]
        east = (places[:, 1:] - longitude[None, :] + 180.0) % 360.0 - 180.0
        distance = KM_PER_DEGREE * np.hypot(north, east * np.cos(np.deg2rad(places[:, :1])))
        self.point = distance.argmin(axis=1)
        self.near = distance.min(axis=1) <= NEAREST_KM

    def values(self, quantity: str, positions: Ints) -> Floats | None:
        """Return (time, place) of a quantity, stored or made; None where it is neither."""
        if quantity in self.forecast:
            field = self.forecast[quantity].transpose("forecast_period", ...).to_numpy()
            flat = field.reshape(len(field), -1)[:, self.point[positions]].astype(np.float64)
            return np.where(self.near[positions][None, :], flat, np.nan)
        if quantity not in MADE_OF or not all(part in self.forecast for part in MADE_OF[quantity][:2]):
            return None
        one, other, join = MADE_OF[quantity]
        first, second = self.values(one, positions), self.values(other, positions)
        return None if first is None or second is None else join(first, second)


def _with_hours_over(
    ahead: Floats,
    panel: AsOfPanel,
    columns: Sequence[Column],
    issues: Times,
    over: Ints,
    as_of: datetime | None,
) -> Floats:
    """Return the forecast with the hours of D+0 that are over, as they were measured."""
    out = ahead.copy()
    for hours in (int(h) for h in np.unique(over) if h > 0):
        rows = np.flatnonzero(over == hours)
        for position, column in enumerate(columns):
            if column.day != 0:
                continue
            series = series_before(panel, column.key, issues[rows], hours, as_of)
            measured = np.full(len(rows), np.nan)
            if series is not None:
                measured = window_known(series, issues[rows], [(-1, hours - 1)])[:, 0]
            left = ahead[rows, position]
            both = (hours * measured + (DAY_HOURS - hours) * left) / DAY_HOURS
            alone = left if 2 * hours <= DAY_HOURS else np.full(len(rows), np.nan)
            out[rows, position] = np.where(np.isfinite(measured), both, alone)
    return out
