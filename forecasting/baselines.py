"""Baselines that are always there: persistence and climatology, as joint trajectories from the past."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.targets import HOUR_NS, Floats, History, Times, day_of_year, hour_of_day, to_level, to_log

Baseline = Literal["persistence", "climatology"]
Ints = npt.NDArray[np.int64]

SEASON_DAYS = 30
"""Half-width [days] of the part of the year from which past trajectories are drawn."""

LEVEL_HOURS = 24
LONGEST_PERIOD = 92
RECENT_PERIODS = np.arange(-95, 1)
"""Persistence looks for its level among the intervals that ended so many hours after the issue."""

UNINFORMED_LEVEL, UNINFORMED_SPREAD = 25.0, 0.7
"""Median [ug m-3] and spread of ln(c + 5) that are assumed where a city has no past at all."""


class Courses:
    """The past courses of all targets, from which the futures of an issue are drawn.

    Random numbers depend on the issue, the quantity, the baseline and the target alone, so that an issue is
    drawn the same whichever others and whichever targets are asked for.

    Parameters
    ----------
    history : all that may be drawn from
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._pools: dict[int, tuple[Ints, Ints]] = {}

    @cached_property
    def logs(self) -> Floats:
        """Return ln(c + 5) of the past, (target, hour)."""
        return to_log(self.history.values.astype(np.float64))

    def anchors(self, issue: np.datetime64, members: int) -> Ints:
        """Draw past instants of the same hour and season whose next 92 h lie within the history.

        Without replacement as long as the season offers enough; an empty array when the history has none.
        """
        now = np.array([issue])
        pool, days = self._pool(int(hour_of_day(now)[0]))
        gap = np.abs(days - day_of_year(now)[0])
        found = pool[np.minimum(gap, 366 - gap) <= SEASON_DAYS]
        found = found if len(found) else pool
        if not len(found):
            return np.empty(0, np.int64)
        rng = self._rng(issue)
        return np.asarray(rng.choice(found, members, replace=len(found) < members), np.int64)

    def climatology(self, target: int, issue: np.datetime64, at: Ints, periods: Ints, members: int) -> Floats:
        """Return what followed the anchors, (member, period) [ug m-3]."""
        rows = self._following(self.history.values[target], at, periods).astype(np.float64)
        rng = self._rng(issue, 1, target)
        if not np.isfinite(rows).any():
            return to_level(_uninformed(members, len(periods), rng))
        return np.maximum(_complete(rows, members, rng), 0.0)

    def persistence(
        self, target: int, issue: np.datetime64, at: Ints, periods: Ints, known: Floats, members: int
    ) -> Floats:
        """Return the level of the newest 24 h, changed as it changed after the anchors, (member, period).

        The level is the mean of ln(c + 5) over the 24 h that end with the newest value known; past changes
        count from the same stretch before each anchor.

        Parameters
        ----------
        known : (RECENT_PERIODS,) [ug m-3] as known at the issue, see ``lasts``
        """
        logs = to_log(known)
        newest = int(np.flatnonzero(np.isfinite(logs))[-1])
        stretch = np.arange(newest - LEVEL_HOURS + 1, newest + 1)
        level = _mean(logs[None, stretch])[0]
        before = _mean(self._following(self.logs[target], at, RECENT_PERIODS[stretch]))
        change = self._following(self.logs[target], at, periods) - before[:, None]
        if not np.isfinite(change).any():
            change = np.zeros((1, len(periods)))
        return to_level(level + _complete(change, members, self._rng(issue, 2, target)))

    def _pool(self, hour: int) -> tuple[Ints, Ints]:
        """Return the positions of an hour of the day that something follows, and their days of the year."""
        if hour not in self._pools:
            times = self.history.times
            inside = np.arange(2 * LEVEL_HOURS, len(times) - LONGEST_PERIOD)
            mine = inside[hour_of_day(times[inside]) == hour]
            there = np.isfinite(self.history.values).any(axis=0)
            count = np.concatenate([[0], np.cumsum(there)])
            mine = mine[count[mine + LONGEST_PERIOD] - count[mine] > 0]
            self._pools[hour] = (mine, day_of_year(times[mine]))
        return self._pools[hour]

    def _rng(self, issue: np.datetime64, *what: int) -> np.random.Generator:
        seconds = int(issue.astype("M8[s]").astype(np.int64))
        return np.random.default_rng([seconds, *self.history.targets[0].quantity.encode(), *what])

    def _following(self, values: Floats, at: Ints, periods: Ints) -> Floats:
        """Return values at periods [h] around anchors, (anchor, period); NaN outside."""
        width = len(values)
        if not width:
            return np.full((len(at), len(periods)), np.nan)
        position = at[:, None] + periods[None, :]
        found = values[np.clip(position, 0, width - 1)]
        if len(at) and (position.min() < 0 or position.max() >= width):
            found = np.where((position >= 0) & (position < width), found, np.nan)
        return np.asarray(found)


def lasts(known: Floats) -> npt.NDArray[np.bool_]:
    """Tell for every issue whether something was known of the last 72 h, so that it can persist.

    Parameters
    ----------
    known : (issue, RECENT_PERIODS) as known at each issue
    """
    return np.asarray(np.isfinite(known[:, LEVEL_HOURS - 1 :]).any(axis=1))


def recent_grid(issue: np.datetime64) -> Times:
    """Return the interval ends [UTC] of RECENT_PERIODS.

    >>> recent_grid(np.datetime64("2020-01-04T23", "ns"))[[0, -1]].astype("M8[h]").tolist()[0].isoformat()
    '2020-01-01T00:00:00'
    """
    grid: Times = issue + RECENT_PERIODS * HOUR_NS
    return grid


def _mean(rows: Floats) -> Floats:
    known = np.isfinite(rows)
    total = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _uninformed(members: int, periods: int, rng: np.random.Generator) -> Floats:
    logs = np.log(UNINFORMED_LEVEL + 5.0) + UNINFORMED_SPREAD * rng.standard_normal((members, 1))
    return np.broadcast_to(logs, (members, periods)).copy()


def _complete(rows: Floats, members: int, rng: np.random.Generator) -> Floats:
    """Return (member, period) without gaps: whole rows where there are any, else values of the same period.

    A row with gaps takes, at its gaps, the values of a complete row; without complete rows gaps are drawn
    from the finite values of the period, and without any from all finite values.
    """
    if len(rows) != members:
        rows = rows[rng.integers(0, len(rows), members)]
    known = np.isfinite(rows)
    full = known.all(axis=1)
    if full.all():
        return rows
    if not full.any():
        return np.where(known, rows, _by_period(rows, rng))
    poor = np.flatnonzero(~full)
    donors = rows[rng.choice(np.flatnonzero(full), len(poor))]
    out = rows.copy()
    out[poor] = np.where(known[poor], rows[poor], donors)
    return out


def _by_period(rows: Floats, rng: np.random.Generator) -> Floats:
    """Draw every period's values anew from its finite ones, or from all finite ones where it has none."""
    pool = rows[np.isfinite(rows)]
    out = np.empty_like(rows)
    for j, column in enumerate(rows.T):
        known = column[np.isfinite(column)]
        out[:, j] = rng.choice(known if len(known) else pool, len(rows))
    return out
