"""Composing series whose versions stay what was known: means of stations, of hours, and the best of several.

Each result has one version per instant at which any of its parts changed, so that it can be read as of any
instant as if it had been composed then. One thing is known better afterwards: whether a station that was not
heard yet was silent or did not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.asof import AsOfSeries
from pipeline.times import NS_HOUR

RETIRED_AFTER: Final = np.timedelta64(30, "D").astype("timedelta64[ns]")
"""A station silent for longer is expected no more; one that is new was expected this long before it began."""

HOURS_NEEDED: Final = 0.6
"""Share of the hours that a mean over several needs: two of three."""

_WITHDRAWN = np.inf

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]


def network_mean(parts: Sequence[pd.DataFrame], size: int, minimum_coverage: float) -> AsOfSeries:
    """Average stations into one hourly series that follows each late or corrected value.

    A version is the mean of the newest values then known, or NaN while fewer than ``minimum_coverage`` of
    the stations expected at that hour report: those heard within RETIRED_AFTER before it, those that begin
    within RETIRED_AFTER after it, and those never heard.

    Parameters
    ----------
    parts : one table a station that was ever heard, with time, received_at and value (NaN: withdrawn), sorted
        by time, then by receipt
    size : how many stations there are, heard or not

    Raises
    ------
    ValueError
        the values of a station are not so sorted

    Examples
    --------
    Two of two stations report at 02 h, one is corrected at 05 h:

    >>> rows = [pd.DataFrame({"time": t, "received_at": r, "value": v}) for t, r, v in [
    ...     (np.array(["2020-01-01T01", "2020-01-01T01"], "M8[ns]"),
    ...      np.array(["2020-01-01T02", "2020-01-01T05"], "M8[ns]"), [10.0, 14.0]),
    ...     (np.array(["2020-01-01T01"], "M8[ns]"), np.array(["2020-01-01T02"], "M8[ns]"), [20.0])]]
    >>> network_mean(rows, 2, 0.75).values
    array([15., 17.])
    """
    times, received, value, begins = _stacked(parts)
    hours, hour = _numbered(times)
    instants, instant = _numbered(received)
    versions, version = _numbered(hour * len(instants) + instant)
    changed = _changes(times, value, begins, version, len(versions))
    at, when = versions // len(instants), versions % len(instants)
    state = changed.groupby(at).cumsum()
    known = state["count"].to_numpy()
    needed = np.ceil(minimum_coverage * (_expected(times, begins, hours) + size - len(parts)))[at]
    enough = known >= np.maximum(1, needed)
    mean = np.divide(state["total"].to_numpy(), known, out=np.full(len(known), np.nan), where=enough)
    return AsOfSeries(hours[at], instants[when], mean, 1)


def _stacked(parts: Sequence[pd.DataFrame]) -> tuple[Times, Times, Floats, npt.NDArray[np.bool_]]:
    """Return the values of all stations one after the other, and where each station begins."""
    times, received = (
        np.concatenate([p[name].to_numpy("datetime64[ns]") for p in parts])
        for name in ("time", "received_at")
    )
    begins = np.zeros(len(times), bool)
    begins[np.cumsum([0, *map(len, parts[:-1])])] = True
    mixed = (times[1:] < times[:-1]) | ((times[1:] == times[:-1]) & (received[1:] < received[:-1]))
    if (mixed & ~begins[1:]).any():
        raise ValueError("the values of a station must be sorted by time, then by receipt")
    return times, received, np.concatenate([p["value"].to_numpy() for p in parts]), begins


def _numbered(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the distinct values in ascending order, and the position of each among them."""
    codes, distinct = pd.factorize(values.view(np.int64), sort=True)
    return distinct.view(values.dtype), codes.astype(np.int64, copy=False)


def _changes(
    times: Times,
    values: Floats,
    begins: npt.NDArray[np.bool_],
    version: npt.NDArray[np.int64],
    versions: int,
) -> pd.DataFrame:
    """Return by how much each version changes the sum and the number of the stations' values of its hour."""
    there = np.isfinite(values)
    value = np.where(there, values, 0.0)
    again = np.append(False, (times[1:] == times[:-1]) & ~begins[1:])
    change, appeared = value.copy(), there.astype(float)
    change[again] -= value[np.flatnonzero(again) - 1]
    appeared[again] -= there[np.flatnonzero(again) - 1]
    total, count = np.bincount(version, change, versions), np.bincount(version, appeared, versions)
    return pd.DataFrame({"total": total, "count": count})


def _expected(times: Times, begins: npt.NDArray[np.bool_], hours: Times) -> npt.NDArray[np.int64]:
    """Return how many of the stations ever heard were expected at each hour.

    A station is expected from RETIRED_AFTER before its first value until RETIRED_AFTER after its last, but
    for what is left of a longer silence.
    """
    heard = begins | np.append(True, np.diff(times) > RETIRED_AFTER)
    first = times[heard] - np.where(begins[heard], RETIRED_AFTER, np.timedelta64(0, "ns"))
    last = times[np.append(heard[1:], True)] + RETIRED_AFTER
    edges = len(hours) + 1
    begun = np.bincount(np.searchsorted(hours, first), minlength=edges)
    ended = np.bincount(np.searchsorted(hours, last, side="right"), minlength=edges)
    return np.cumsum(begun - ended)[:-1]


def trailing_mean(series: AsOfSeries, hours: int) -> AsOfSeries:
    """Average hourly values into means over ``hours``, ending on the UTC grid of that step.

    A version holds the mean of the hours then known, NaN below HOURS_NEEDED of them, and none is dated
    before its interval has ended.

    >>> t = np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-01T03"], "M8[ns]")
    >>> trailing_mean(AsOfSeries(t, t, np.array([10.0, 20.0, 60.0])), 3).values.tolist()
    [30.0]
    """
    step = hours * NS_HOUR
    times = series.times.view("int64")
    ends = -(-times // step) * step
    slot = ((ends - times) // NS_HOUR).astype("int64")
    received = np.maximum(series.received.view("int64"), ends)
    state, ends, received = _states(ends, received, slot, series.values, hours)
    known = np.isfinite(state).sum(axis=1)
    total = np.where(np.isfinite(state), state, 0.0).sum(axis=1)
    enough = known >= np.ceil(HOURS_NEEDED * hours)
    mean = np.divide(total, known, out=np.full(len(known), np.nan), where=enough)
    return AsOfSeries(ends.view("datetime64[ns]"), received.view("datetime64[ns]"), mean, hours)


def on_step(series: AsOfSeries, hours: int) -> AsOfSeries:
    """Keep the instants on the UTC grid of a step, for what is read at an instant and not averaged.

    >>> t = np.array(["2020-01-01T02", "2020-01-01T03"], "M8[ns]")
    >>> on_step(AsOfSeries(t, t, np.array([271.0, 272.0])), 3).values.tolist()
    [272.0]
    """
    kept = series.times.view("int64") % (hours * NS_HOUR) == 0
    return AsOfSeries(series.times[kept], series.received[kept], series.values[kept], hours)


def splice(parts: Sequence[AsOfSeries]) -> AsOfSeries:
    """Return at every interval end the value of the first part that has one, as known at each instant.

    >>> t = np.array(["2020-01-01T01", "2020-01-01T02"], "M8[ns]")
    >>> r = np.array(["2020-01-01T05", "2020-01-01T05"], "M8[ns]")
    >>> late, early = AsOfSeries(t[:1], r[:1], np.array([7.0])), AsOfSeries(t, t, np.array([5.0, 6.0]))
    >>> both = splice([late, early])
    >>> both.on_grid(t, t[1]).tolist(), both.on_grid(t, r[0]).tolist()
    ([5.0, 6.0], [7.0, 6.0])
    """
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([p.times.view("int64") for p in parts])
    received = np.concatenate([p.received.view("int64") for p in parts])
    which = np.concatenate([np.full(len(p.times), i) for i, p in enumerate(parts)])
    values = np.concatenate([p.values for p in parts])
    state, times, received = _states(times, received, which, values, len(parts))
    there = np.isfinite(state)
    first = np.argmax(there, axis=1)
    best = np.where(there.any(axis=1), state[np.arange(len(state)), first], np.nan)
    return AsOfSeries(
        times.view("datetime64[ns]"), received.view("datetime64[ns]"), best, parts[0].interval_hours
    )


def _states(
    times: npt.NDArray[np.int64],
    received: npt.NDArray[np.int64],
    slot: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    slots: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what every slot held after each receipt: (versions, slots) values, times and receipts."""
    order = np.lexsort((received, times))
    times, received = times[order], received[order]
    table = np.full((len(order), slots), np.nan)
    given = values[order]
    table[np.arange(len(order)), slot[order]] = np.where(np.isfinite(given), given, _WITHDRAWN)
    filled = pd.DataFrame(table).groupby(times).ffill().to_numpy()
    last = np.append((times[1:] != times[:-1]) | (received[1:] != received[:-1]), True)[: len(times)]
    state = np.where(np.isfinite(filled), filled, np.nan)[last]
    return state, times[last], received[last]
