"""Situations of thousands of issues at once: one row an issue, of what that issue knew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from forecasting.situation.calendar import ENTRIES, calendar_values
from forecasting.situation.columns import CALENDAR, HIGHEST, LOWEST, MEAN, RISE, SPEED, Column, Recipe
from forecasting.situation.derived import series_of
from forecasting.situation.recipe import RISE_BEFORE, RISE_NOW
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.asof_blocks import known_at, window_known
from pipeline.times import to_ns

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]

_HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


def situations(panel: AsOfPanel, recipe: Recipe, issues: Times, as_of: datetime | None = None) -> Rows:
    """Return what every issue knew, a row an issue; a row is the same whichever others are asked for.

    Parameters
    ----------
    issues : (n,) nominal issues [UTC]; ages count from their full hours
    as_of : for a single issue: the instant of its snapshot, if that is not the issue itself

    Returns
    -------
    (n, column) float32, in the order of the recipe; NaN where nothing was known, or too little of a window
    (half of its values). Units are those of the quantities; concentrations are ln(c + 5). Columns of the
    weather ahead stay NaN: ``ahead_observed`` and ``ahead_forecast`` tell them.

    Raises
    ------
    ValueError
        ``as_of`` with several issues

    Examples
    --------
    >>> from forecasting.situation.recipe import recipe_of
    >>> from pipeline.cities import city
    >>> from pipeline.times import from_ns
    >>> t = np.arange("2020-01-01T00", "2020-01-03T00", dtype="M8[h]").astype("M8[ns]")
    >>> panel = AsOfPanel({"seoul.pm2p5.reference": AsOfSeries(t, t, np.full(len(t), 20.0))}, "measured")
    >>> recipe = recipe_of(panel, [city("seoul")], from_ns(t[-1]))
    >>> row = situations(panel, recipe, t[-1:])[0]
    >>> recipe.names[2], bool(np.isclose(row[2], np.log(20 + 5)))
    ('seoul air, latest | seoul.pm2p5.reference | mean 0-6 h', True)
    """
    issues = np.asarray(issues, "datetime64[ns]")
    if as_of is not None and len(issues) != 1:
        raise ValueError("a snapshot instant can be given for one issue only")
    out = np.full((len(issues), len(recipe.columns)), np.nan, np.float32)
    if not len(issues):
        return out
    by_key: dict[str, list[int]] = {}
    for position, column in enumerate(recipe.columns):
        if column.day is None:
            by_key.setdefault(column.key, []).append(position)
    calendar = calendar_values(issues)
    for key, positions in by_key.items():
        columns = [recipe.columns[i] for i in positions]
        if columns[0].group == CALENDAR:
            out[:, positions[0]] = calendar[:, ENTRIES.index(columns[0].quantity)]
            continue
        series = series_before(panel, key, issues, max(c.end for c in columns), as_of)
        if series is not None:
            out[:, positions] = _summaries(series, columns, issues)
    return out


def series_before(
    panel: AsOfPanel, key: str, issues: Times, hours: int, as_of: datetime | None
) -> AsOfSeries | None:
    """Return what issues can ask for of a series, stored or made; None where there is none.

    Parameters
    ----------
    hours : greatest age that is asked for [h]
    as_of : see ``situations``; what the snapshot knew counts as known at the issue
    """
    cut = _Cut(issues, hours, None if as_of is None else to_ns(as_of))
    return series_of(panel, key, cut)


class _Cut:
    """Keeps of a series what the issues can ask for, so that little is computed for one issue."""

    def __init__(self, issues: Times, hours: int, snapshot: np.datetime64 | None) -> None:
        self.first = issues.min() - (hours + 1) * _HOUR
        self.last = issues.max()
        self.snapshot = snapshot

    def __call__(self, series: AsOfSeries) -> AsOfSeries:
        """Return the part; with a snapshot, what it knew counts as known at the issue."""
        low, high = np.searchsorted(series.times, np.array([self.first, self.last]), side="right")
        times, received, values = series.times[low:high], series.received[low:high], series.values[low:high]
        if self.snapshot is not None:
            known = received <= self.snapshot
            times, values = times[known], values[known]
            received = np.minimum(received[known], self.last)
        return AsOfSeries(times, received, values, series.interval_hours)


def _windows_of(column: Column) -> tuple[tuple[int, int], ...]:
    return (RISE_NOW, RISE_BEFORE) if column.what == RISE else ((column.start, column.end),)


def _summaries(series: AsOfSeries, columns: Sequence[Column], issues: Times) -> Floats:
    """Return (issue, column) of one series."""
    windows = list(dict.fromkeys(w for column in columns for w in _windows_of(column)))
    means = dict(zip(windows, window_known(series, issues, windows).T, strict=True))
    out = np.empty((len(issues), len(columns)))
    for i, column in enumerate(columns):
        first, *rest = (means[w] for w in _windows_of(column))
        if column.what in (HIGHEST, LOWEST):
            out[:, i] = _extreme(series, column, issues, first)
        elif column.what in (MEAN, SPEED):
            out[:, i] = first
        else:
            out[:, i] = first - rest[0]
    return out


def _extreme(series: AsOfSeries, column: Column, issues: Times, mean: Floats) -> Floats:
    """Return the highest or lowest known value of a window where its mean is known."""
    values = known_at(series, issues, np.arange(column.start + 1, column.end + 1))
    empty, pick = (-np.inf, np.max) if column.what == HIGHEST else (np.inf, np.min)
    found = pick(np.where(np.isfinite(values), values, empty), axis=1)
    return np.where(np.isfinite(mean), found, np.nan)
