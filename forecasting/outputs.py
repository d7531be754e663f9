"""What one cycle hour forecasts: intervals and local days of every target, and their truth in the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from forecasting.targets import HOUR_NS, Floats, Target, Times, to_log
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import FORECAST_DAYS, to_ns

OUTLOOK_DAYS = 5
"""Last local day after the issue's for which a day mean is forecast; beyond D+3 it is an outlook."""

FIRST_PERIOD = -24
"""The last day may hold intervals that had not been received at the issue."""

DAY_COVERAGE = 0.75
"""Share of a day's intervals that must be measured for the day to have a mean."""

WAIT = np.timedelta64(3, "h").astype("timedelta64[ns]")
"""After its end a day waits so long for intervals that are still missing; later ones change it no more."""

NEVER = np.iinfo(np.int64).max

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outputs:
    """What is forecast at one hour of the day, a column each.

    Parameters
    ----------
    targets : the series
    target : (output,) position in ``targets``
    start, end : (output,) the mean is over (start, end], hours after the issue
    day : (output,) 0 … OUTLOOK_DAYS for the rest of a local day that begins after the issue, −1 for a
        single interval
    """

    targets: tuple[Target, ...]
    target: Ints
    start: Ints
    end: Ints
    day: Ints

    @property
    def lead_day(self) -> Ints:
        """Return the local day in which each output ends, counted from the issue's (from 0)."""
        ends = {(t, d): e for t, d, e in zip(self.target, self.day, self.end, strict=True) if d >= 0}
        found = np.zeros(len(self.end), np.int64)
        for i, (target, end) in enumerate(zip(self.target, self.end, strict=True)):
            days = [d for (t, d), last in ends.items() if t == target and last >= end]
            found[i] = min(days) if days else OUTLOOK_DAYS
        return found

    def of(self, target: int, *, days: bool) -> Ints:
        """Return the columns of one target: its days, or its single intervals."""
        return np.flatnonzero((self.target == target) & ((self.day >= 0) == days))


def outputs_of(targets: Sequence[Target], hour: int) -> Outputs:
    """List the outputs of a cycle hour: intervals from a day back to the end of D+3, days to the outlook.

    Day 0 is what is left of the local day after the issue; a day of which nothing is left is not there.

    Examples
    --------
    >>> beijing = Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")
    >>> out = outputs_of([beijing], 8)
    >>> int(out.end.max()), out.end[out.day >= 0].tolist()
    (128, [8, 32, 56, 80, 104, 128])
    """
    rows: list[tuple[int, int, int, int]] = []
    for i, target in enumerate(targets):
        offset = _offset_hours(target.timezone)
        midnight = 24 - (hour + offset) % 24
        step = target.interval_hours
        last = midnight + 24 * FORECAST_DAYS
        rows += [(i, p - step, p, -1) for p in range(FIRST_PERIOD, last + 1) if (hour + p) % step == 0]
        rows += [(i, max(0, midnight + 24 * (d - 1)), midnight + 24 * d, d) for d in range(OUTLOOK_DAYS + 1)]
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Outputs(tuple(targets), *(table[:, j] for j in range(4)))


def _offset_hours(timezone: str) -> int:
    """Return the offset of a zone without summer time [h]."""
    offset = datetime(2020, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)
    return int(offset.total_seconds() // 3600)


@dataclass(frozen=True)
class Record:
    """The past of the targets on one hourly grid: one value of every interval, and when it first came.

    Parameters
    ----------
    targets : the series
    start : first interval end of the grid [UTC]
    values : (target, hour) [ug m-3], NaN where nothing was ever received
    received : (target, hour) [datetime64[ns]], NaT where nothing was
    """

    targets: tuple[Target, ...]
    start: np.datetime64
    values: npt.NDArray[np.float32]
    received: Times


def read_record(
    panel: AsOfPanel,
    targets: Sequence[Target],
    first: datetime,
    last: datetime,
    newest_by: datetime | None = None,
) -> Record:
    """Read what came true of every interval ending in [first, last], and when it was first received.

    Parameters
    ----------
    newest_by : take the newest version received by this instant, and no interval first received later;
        without it the first version ever received, which never changes: an error computed from it is the
        same at every later instant, and whoever uses it compares ``received`` with the own clock
    """
    begin = to_ns(first).astype("M8[h]").astype("M8[ns]")
    hours = max(0, int((to_ns(last) - begin) // HOUR_NS)) + 1
    values = np.full((len(targets), hours), np.nan, np.float32)
    received = np.full((len(targets), hours), np.datetime64("NaT", "ns"))
    for i, target in enumerate(targets):
        if target.key in panel:
            times, got, value = _one_version(panel[target.key], newest_by)
            at = (times - begin) // HOUR_NS
            inside = (at >= 0) & (at < hours) & ((times - begin) % HOUR_NS == np.timedelta64(0, "ns"))
            values[i, at[inside]] = value[inside]
            received[i, at[inside]] = got[inside]
    return Record(tuple(targets), begin, values, received)


def _one_version(series: AsOfSeries, newest_by: datetime | None) -> tuple[Times, Times, Floats]:
    """Return one version of every interval: the first with a value, or the newest known at an instant."""
    if newest_by is None:
        kept = np.isfinite(series.values)
        times, got, value = series.times[kept], series.received[kept], series.values[kept]
        fresh = np.append(True, times[1:] != times[:-1])[: len(times)]
        return times[fresh], got[fresh], value[fresh]
    kept = series.received <= to_ns(newest_by)
    times, got, value = series.times[kept], series.received[kept], series.values[kept]
    fresh = np.append(True, times[1:] != times[:-1])[: len(times)]
    newest = np.append(times[1:] != times[:-1], True)[: len(times)]
    there = np.isfinite(value[newest])
    return times[fresh][there], got[fresh][there], value[newest][there]


@dataclass(frozen=True)
class Truth:
    """What came true of every output, and when it was known.

    Parameters
    ----------
    logs : (issue, output) ln(c + 5) of the mean, NaN where it is not known
    known : (issue, output) instant [UTC] at which the mean was known: when its last interval had been
        received, or when DAY_COVERAGE of its intervals had and WAIT had passed since its end. The mean is
        that of the values received by then, so that no later value can change what was known
    """

    logs: npt.NDArray[np.float32]
    known: Times


def truth_of(record: Record, outputs: Outputs, issues: Times) -> Truth:
    """Return the truth of all outputs of past issues.

    Parameters
    ----------
    record : the past, of the same targets
    issues : (issue,) all at the cycle hour of ``outputs``

    Returns
    -------
    Truth; a day needs DAY_COVERAGE of its intervals
    """
    logs = np.full((len(issues), len(outputs.end)), np.nan, np.float32)
    known = np.full(logs.shape, np.datetime64("NaT", "ns"))
    origin = ((issues - record.start) // HOUR_NS).astype(np.int64)
    width = record.values.shape[1]
    for j, (i, start, end) in enumerate(zip(outputs.target, outputs.start, outputs.end, strict=True)):
        step = record.targets[i].interval_hours
        ends = np.arange(end, start, -step)[::-1]
        if outputs.day[j] >= 0:
            ends = ends[(ends - start) >= step]
        if not len(ends):
            continue
        at = origin[:, None] + ends[None, :]
        inside = (at >= 0) & (at < width)
        safe = np.clip(at, 0, max(width - 1, 0))
        value = np.where(inside, record.values[i, safe], np.nan).astype(np.float64)
        received = np.where(np.isfinite(value), record.received[i, safe].astype(np.int64), NEVER)
        when = _known_since(received, issues + np.timedelta64(int(end), "h") + WAIT)
        counts = (received <= when[:, None]) & (received < NEVER)
        total, enough = np.where(counts, value, 0.0).sum(axis=1), when < NEVER
        logs[enough, j] = to_log(total[enough] / counts.sum(axis=1)[enough])
        known[enough, j] = when[enough].astype("M8[ns]")
    return Truth(logs, known)


def _known_since(received: Ints, deadline: Times) -> Ints:
    """Return when a mean of intervals was known, (issue,), or NEVER.

    Parameters
    ----------
    received : (issue, interval) instants [ns], NEVER for what was not
    deadline : (issue,) from which some intervals may be missing
    """
    ordered = np.sort(received, axis=1)
    enough = ordered[:, int(np.ceil(DAY_COVERAGE * ordered.shape[1])) - 1]
    waited = np.maximum(enough, deadline.astype("M8[ns]").astype(np.int64))
    return np.where(ordered[:, -1] <= waited, ordered[:, -1], waited)


def interval_matrix(outputs: Outputs, target: int) -> tuple[Ints, Floats]:
    """Return the single intervals of a target and the matrix that averages them into its days.

    Returns
    -------
    columns : (interval,) of the outputs
    means : (day, interval) weights that sum to 1 in every day that the intervals cover, else 0
    """
    single, days = outputs.of(target, days=False), outputs.of(target, days=True)
    ends, starts = outputs.end[single][None, :], outputs.start[single][None, :]
    inside = (starts >= outputs.start[days][:, None]) & (ends <= outputs.end[days][:, None])
    covered = outputs.end[days] <= outputs.end[single].max(initial=-999)
    weights = np.where(covered[:, None] & inside, 1.0, 0.0)
    return single, weights / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
