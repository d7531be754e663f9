"""Weather ahead as it was forecast, for many issues: without its known bias, and how much it is in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.situation.ahead import ahead_observed
from forecasting.situation.columns import Column, Recipe
from forecasting.situation.forecast_weather import Reader, ahead_forecast
from forecasting.targets import Floats
from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities

Times = npt.NDArray[np.datetime64]

Rows = npt.NDArray[np.float32]

DAY: Final = np.timedelta64(24, "h").astype("timedelta64[ns]")

LEARNED_DAYS: Final = 90
"""A bias is learned from the issues of so many days: enough for a mean, few enough for the season."""

EVERY_DAYS: Final = 3
"""Issues of every third day are learned from: those between are wrong in much the same way, and a cycle has
fewer files to read."""

FEWEST: Final = 4
"""So many issues without any bias are added to those seen, so that a few do not make one."""

PRIOR_ISSUES: Final = 10
PRIOR_SHARES: Final = (0.02, 0.1, 0.25, 0.5)
"""Until it is measured: what errors of the weather of D+0 … D+3 add to the variance of a forecast, as a share
of its own; counts like so many issues. An assumption: errors of weather forecasts grow about so."""


@dataclass(frozen=True)
class WeatherTable:
    """Forecast and measured weather of the days after many issues; a ``weather_ahead.Source``.

    Parameters
    ----------
    issues : (n,) ascending [UTC]
    columns : by city
    forecast : by city (n, column), the newest forecast that each issue knew, as it was made
    measured : by city (n, column), what was measured of it later; only what was known at an issue is used
    """

    issues: Times
    columns: Mapping[str, tuple[Column, ...]]
    forecast: Mapping[str, Rows]
    measured: Mapping[str, Rows]

    def __call__(
        self,
        panel: AsOfPanel,
        columns: Sequence[Column],
        city: City,
        issues: Times,
        as_of: datetime | None = None,
    ) -> Rows:
        """Return the weather forecast (issue, column) less its bias of the last LEARNED_DAYS at that hour.

        The bias is that against the measurements which were known at the issue. NaN for issues or columns
        that are not in the table.
        """
        del panel, as_of
        told, at = self._picked(self.forecast, columns, city.id, issues)
        there = np.flatnonzero(np.isin(issues, self.issues))
        if len(there) and (at >= 0).any():
            days = np.array([c.day or 0 for c in columns], np.int64)
            told[there] -= self._bias(city.id, at, days, issues[there]).astype(np.float32)
        return told

    def came(self, columns: Sequence[Column], city: str, issues: Times) -> Rows:
        """Return what was measured (issue, column) on the days after issues, NaN where that is unknown."""
        return self._picked(self.measured, columns, city, issues)[0]

    def _picked(
        self, of: Mapping[str, Rows], columns: Sequence[Column], city: str, issues: Times
    ) -> tuple[Rows, npt.NDArray[np.int64]]:
        """Return (issue, column) of a table, and the position in it of each column, -1 where it is not."""
        where = {c: i for i, c in enumerate(self.columns.get(city, ()))}
        at = np.array([where.get(c, -1) for c in columns], np.int64)
        out = np.full((len(issues), len(columns)), np.nan, np.float32)
        there = np.flatnonzero(np.isin(issues, self.issues))
        if len(there) and where:
            rows = np.searchsorted(self.issues, issues[there])
            out[there] = np.where(at >= 0, of[city][rows][:, at], np.nan)
        return out, at

    def learned(self, hour: int) -> npt.NDArray[np.int64]:
        """Return the positions of the issues at one hour of the day [UTC] that are learned from."""
        same = self.issues.astype("M8[h]").astype(np.int64) % 24 == hour
        return np.flatnonzero(same & learned_from(self.issues))

    def _bias(
        self, city: str, at: npt.NDArray[np.int64], days: npt.NDArray[np.int64], issues: Times
    ) -> Floats:
        """Return the mean error of what each issue knew to have come out, shrunken, (issue, column)."""
        out = np.zeros((len(issues), len(at)))
        hours = issues.astype("M8[h]").astype(np.int64) % 24
        for hour in np.unique(hours):
            past, mine = self.learned(int(hour)), np.flatnonzero(hours == hour)
            error = (self.forecast[city][past] - self.measured[city][past])[:, at].astype(np.float64)
            for day in np.unique(days):
                which = np.flatnonzero(days == day)
                count, total = known_sums(
                    error[:, which], self.issues[past], int(day), issues[mine], LEARNED_DAYS
                )
                out[np.ix_(mine, which)] = total / (count + FEWEST)
        return out


def learned_from(issues: Times) -> npt.NDArray[np.bool_]:
    """Tell from which issues bias, doubt and level of forecasts with forecast weather are learned.

    >>> learned_from(np.arange("2025-01-01", "2025-01-05", dtype="M8[D]").astype("M8[ns]")).tolist()
    [False, False, True, False]
    """
    found: npt.NDArray[np.bool_] = issues.astype("M8[D]").astype(np.int64) % EVERY_DAYS == 0
    return found


def known_sums(
    values: Floats, past: Times, day: int, issues: Times, days: int | None = None
) -> tuple[Floats, Floats]:
    """Return how many values of past issues each issue knew, and their sum, (issue, column) each.

    What was measured of D+``day`` counts as known one day after that day has surely ended.

    Parameters
    ----------
    values : (past issue, column), NaN where there is none
    past : (past issue,) ascending
    days : only past issues of so many days before; None: all

    Examples
    --------
    >>> past = np.array(["2025-01-01", "2025-01-02", "2025-01-03"], "M8[ns]")
    >>> count, total = known_sums(np.array([[1.0], [2.0], [4.0]]), past, 0, past + 2 * DAY)
    >>> count.ravel().tolist(), total.ravel().tolist()
    ([1.0, 2.0, 3.0], [1.0, 3.0, 7.0])
    """
    there = np.isfinite(values)
    blank = np.zeros((1, values.shape[1]))
    count = np.concatenate([blank, there.cumsum(axis=0, dtype=np.float64)])
    total = np.concatenate([blank, np.where(there, values, 0.0).cumsum(axis=0)])
    last = np.searchsorted(past + (day + 2) * DAY, issues, side="right")
    first = np.zeros(len(issues), np.int64)
    if days is not None:
        first = np.minimum(np.searchsorted(past, issues - days * DAY), last)
    return count[last] - count[first], total[last] - total[first]


def weather_table(
    readers: Sequence[Reader],
    panel: AsOfPanel,
    recipes: Sequence[Recipe],
    issues: Times,
    as_of: datetime | None = None,
) -> WeatherTable:
    """Read the weather that issues knew ahead, and what was measured of it.

    Parameters
    ----------
    readers : forecasts in order of preference; the next fills what one does not say
    recipes : of the models that will ask
    issues : (n,) ascending [UTC]
    as_of : instant of the snapshot of the last issue, if that is not the issue itself
    """
    columns: dict[str, dict[Column, None]] = {}
    for recipe in recipes:
        for column in recipe.columns:
            if column.day is not None and column.city is not None:
                columns.setdefault(column.city, {})[column] = None
    wanted = {name: tuple(found) for name, found in columns.items()}
    cities = all_cities()
    return WeatherTable(
        issues,
        wanted,
        {
            name: _forecast(readers, panel, found, cities[name], issues, as_of)
            for name, found in wanted.items()
        },
        {name: ahead_observed(panel, found, cities[name], issues) for name, found in wanted.items()},
    )


def _forecast(
    readers: Sequence[Reader],
    panel: AsOfPanel,
    columns: Sequence[Column],
    city: City,
    issues: Times,
    as_of: datetime | None,
) -> Rows:
    """Return what was forecast, by the first reader that says it."""
    early = issues if as_of is None else issues[:-1]
    out = np.full((len(issues), len(columns)), np.nan, np.float32)
    for read in readers:
        told = ahead_forecast(read, panel, columns, city, early)
        if as_of is not None:
            last = ahead_forecast(read, panel, columns, city, issues[-1:], as_of)
            told = np.concatenate([told, last])
        out = np.where(np.isfinite(out), out, told)
    return out


def doubted(
    scale: Floats, difference: Floats, past: Times, days: npt.NDArray[np.int64], issues: Times
) -> Floats:
    """Return the scale of errors (issue, output) with the weather's own doubt added.

    Parameters
    ----------
    scale : of a model that learned from measured weather
    difference : (past issue, output) its centre from forecast weather less that from measured weather
    past : (past issue,) ascending
    days : (output,) local day of each output, from 0

    Examples
    --------
    >>> past = np.arange("2025-01-01", "2025-06-01", dtype="M8[D]").astype("M8[ns]")
    >>> wide = doubted(np.full((1, 1), 0.3), np.full((len(past), 1), 0.4), past, np.zeros(1, int), past[-1:])
    >>> bool(0.45 < wide[0, 0] < 0.5)
    True
    """
    out = np.empty_like(scale)
    days = np.minimum(days, len(PRIOR_SHARES) - 1)
    for day in np.unique(days):
        which = np.flatnonzero(days == day)
        count, total = known_sums(difference[:, which] ** 2, past, int(day), issues)
        added = (PRIOR_ISSUES * PRIOR_SHARES[day] * scale[:, which] ** 2 + total) / (count + PRIOR_ISSUES)
        out[:, which] = np.sqrt(scale[:, which] ** 2 + added)
    return out
