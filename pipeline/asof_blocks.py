"""Many issues at once: values and means of a series as each of thousands of issues knew them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.asof import AsOfSeries, Times
from pipeline.times import NS_HOUR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUANTUM: Final = 2.0**-30
"""Means are sums of whole multiples of this: they do not depend on which issues are asked together."""

_LARGEST: Final = 2.0**31
_NEVER: Final = np.iinfo(np.int64).max


def known_at(series: AsOfSeries, issues: Times, ages: Ints) -> Floats:
    """Return the values of the intervals that ended some hours before each issue, as that issue knew them.

    The same as ``AsOfSeries.on_grid`` at each issue, for all issues at once.

    Parameters
    ----------
    issues : (n,) instants [UTC], in any order; a version counts if it was received at or before its issue
    ages : (m,) whole hours from the end of the interval to the full hour at or before the issue [h]

    Returns
    -------
    (n, m) in the unit of the series; NaN where nothing was known or the value was withdrawn

    Examples
    --------
    The value of 01 h is known at 02:30, corrected at 03:10; at 04:20 the correction counts:

    >>> t = np.array(["2020-01-01T01", "2020-01-01T01", "2020-01-01T02"], "M8[ns]")
    >>> r = np.array(["2020-01-01T02:00", "2020-01-01T03:10", "2020-01-01T04:30"], "M8[ns]")
    >>> s = AsOfSeries(t, r, np.array([40.0, 44.0, 50.0]))
    >>> known_at(s, np.array(["2020-01-01T02:30", "2020-01-01T04:20"], "M8[ns]"), np.array([1, 2, 3]))
    array([[40., nan, nan],
           [nan, nan, 44.]])
    """
    instants = _ns(issues)
    wanted = instants[:, None] // NS_HOUR - np.asarray(ages, np.int64)[None, :]
    out = np.full(wanted.shape, np.nan)
    if not wanted.size:
        return out
    low, high = int(wanted.min()), int(wanted.max())
    rows, hours = _rows_on_hours(series, low, high)
    if not len(rows):
        return out
    first = np.zeros(high - low + 2, np.int64)
    np.cumsum(np.bincount(hours - low, minlength=high - low + 1), out=first[1:])
    received, values = _ns(series.received[rows]), series.values[rows]
    flat, limit = out.reshape(-1), np.repeat(instants, wanted.shape[1])
    at = np.flatnonzero((first[1:] > first[:-1])[wanted - low].reshape(-1))
    row, end = (edge[wanted.reshape(-1)[at] - low] for edge in (first[:-1], first[1:]))
    while len(at):
        known = received[row] <= limit[at]
        at, row, end = at[known], row[known], end[known]
        flat[at] = values[row]
        more = row + 1 < end
        at, row, end = at[more], row[more] + 1, end[more]
    out[~np.isfinite(out)] = np.nan
    return out


def window_known(
    series: AsOfSeries,
    issues: Times,
    windows: Sequence[tuple[int, int]],
    minimum_share: float = 0.5,
) -> Floats:
    """Return means over windows before each issue of the values that the issue knew.

    Each version of a value counts for the issues from its receipt to that of the next version, and for a
    window while its age lies in it: a range of the issues in order. Sums of such ranges need no loop.

    Parameters
    ----------
    issues : (n,) instants [UTC], in any order
    windows : (m,) pairs ``(age_from, age_to)`` [h]; a window holds the values with
        ``age_from < age <= age_to``, ages as in ``known_at``: (0, 24) are the ages 1 … 24, (-1, 23) 0 … 23
    minimum_share : share of the values of a window, at the series' interval, that a mean needs; at least
        one value is needed

    Returns
    -------
    (n, m) in the unit of the series; NaN below the share

    Raises
    ------
    ValueError
        For a value beyond 2^31.

    Examples
    --------
    >>> t = np.arange("2020-01-01T01", "2020-01-01T07", dtype="M8[h]").astype("M8[ns]")
    >>> s = AsOfSeries(t, t + np.timedelta64(1, "h"), np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0]))
    >>> window_known(s, t[-2:], [(0, 2), (0, 24)])
    array([[35., nan],
           [45., nan]])
    """
    order = np.argsort(_ns(issues), kind="stable")
    instants = _ns(issues)[order]
    floors = instants // NS_HOUR
    out = np.full((len(instants), len(windows)), np.nan)
    if not out.size:
        return out
    oldest, newest = max(b for _, b in windows), min(a for a, _ in windows)
    rows, hours = _rows_on_hours(series, int(floors[0]) - oldest, int(floors[-1]) - newest)
    begin, end = _valid(series, rows, hours, instants)
    usable = np.isfinite(series.values[rows]) & (begin < end)
    hours, begin, end = hours[usable], begin[usable], end[usable]
    scaled = _whole(series.values[rows][usable])
    for column, (age_from, age_to) in enumerate(windows):
        lower = np.maximum(begin, np.searchsorted(floors, hours + age_from, side="right"))
        upper = np.minimum(end, np.searchsorted(floors, hours + age_to, side="right"))
        total, count = _range_sums(scaled, lower, upper, len(instants))
        needed = max(1, int(np.ceil(minimum_share * ((age_to - age_from) // series.interval_hours) - 1e-9)))
        mean = np.divide(total * QUANTUM, count, out=np.full(len(total), np.nan), where=count >= needed)
        out[order, column] = mean
    return out


def _ns(times: Times) -> Ints:
    return np.asarray(times, "datetime64[ns]").astype(np.int64)


def _rows_on_hours(series: AsOfSeries, low: int, high: int) -> tuple[Ints, Ints]:
    """Return the rows of intervals that end on a full hour from ``low`` to ``high``, and these hours."""
    times = _ns(series.times)
    start, stop = np.searchsorted(times, np.array([low, high + 1], np.int64) * NS_HOUR)
    hours, rest = np.divmod(times[start:stop], NS_HOUR)
    on = np.flatnonzero(rest == 0)
    return on + start, hours[on]


def _valid(series: AsOfSeries, rows: Ints, hours: Ints, instants: Ints) -> tuple[Ints, Ints]:
    """Return the first of the ordered issues that knows each version, and the first that knows a newer."""
    begin = np.searchsorted(instants, _ns(series.received[rows]))
    follows = np.append(hours[1:] == hours[:-1], False)[: len(hours)]
    return begin, np.where(follows, np.append(begin[1:], 0)[: len(begin)], len(instants))


def _whole(values: Floats) -> Ints:
    if len(values) and np.abs(values).max() > _LARGEST:
        raise ValueError("a value beyond 2^31 cannot be averaged")
    return np.rint(values / QUANTUM).astype(np.int64)


def _range_sums(scaled: Ints, lower: Ints, upper: Ints, size: int) -> tuple[Ints, Ints]:
    """Sum the values of the ranges that cover each issue, and count them."""
    there = lower < upper
    total, count = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    for edge, sign in ((lower[there], 1), (upper[there], -1)):
        np.add.at(total, edge, sign * scaled[there])
        count += sign * np.bincount(edge, minlength=size + 1)
    return np.cumsum(total)[:size], np.cumsum(count)[:size]
