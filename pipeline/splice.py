"""Composing series whose versions stay what was known: means of stations, of hours, and the best of several.

Each result has one version per instant at which any of its parts changed, so that it can be read as of any
instant as if it had been composed then. One thing is known better afterwards: whether a station that was not
heard yet was silent or did not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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


def network_mean(parts: Sequence[pd.DataFrame], size: int, minimum_coverage: float) -> AsOfSeries:
    """Average stations into one hourly series that follows each late or corrected value.

    A version is the mean of the newest values then known, or NaN while fewer than ``minimum_coverage`` of
    the stations expected at that hour report: those heard within RETIRED_AFTER before it, those that begin
    within RETIRED_AFTER after it, and those never heard.

    Parameters
    ----------
    parts : one table a station that was ever heard, with time, received_at and value (NaN: withdrawn)
    size : how many stations there are, heard or not

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
    rows = pd.concat([p.assign(member=i) for i, p in enumerate(parts)], ignore_index=True)
    rows = rows.sort_values(["time", "received_at", "member"], kind="stable", ignore_index=True)
    there = rows["value"].notna()
    value = rows["value"].where(there, 0.0)
    before = rows.assign(value=value, there=there.astype("int64")).groupby(["time", "member"])
    change = value - before["value"].shift(fill_value=0.0)
    appeared = there.astype("int64") - before["there"].shift(fill_value=0)
    total, count = change.groupby(rows["time"]).cumsum(), appeared.groupby(rows["time"]).cumsum()
    last = ~rows.duplicated(["time", "received_at"], keep="last")
    times = rows["time"][last].to_numpy("datetime64[ns]")
    hours, where = np.unique(times, return_inverse=True)
    expected = _expected(parts, hours)[where] + size - len(parts)
    needed = np.maximum(1, np.ceil(minimum_coverage * expected))
    known = count[last].to_numpy()
    mean = np.divide(total[last].to_numpy(), known, out=np.full(len(known), np.nan), where=known >= needed)
    return AsOfSeries(times, rows["received_at"][last].to_numpy("datetime64[ns]"), mean, 1)


def _expected(parts: Sequence[pd.DataFrame], hours: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Return how many of the stations ever heard were expected at each hour."""
    expected = np.zeros(len(hours), "int64")
    for part in parts:
        times = np.unique(part["time"].to_numpy("datetime64[ns]"))
        at = np.searchsorted(times, hours, side="right") - 1
        begun = at >= 0
        recent = begun & (hours - times[np.maximum(at, 0)] <= RETIRED_AFTER)
        expected += recent | (~begun & (times[0] - hours <= RETIRED_AFTER))
    return expected


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
