"""Baselines that are always there: persistence and climatology, as joint trajectories from the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.targets import HOUR_NS, Floats, History, day_of_year, hour_of_day, to_level, to_log
from pipeline.asof import AsOfPanel
from pipeline.times import to_ns

Baseline = Literal["persistence", "climatology"]

SEASON_DAYS = 30
"""Half-width [days] of the part of the year from which past trajectories are drawn."""

LEVEL_HOURS = 24
LONGEST_PERIOD = 92
UNINFORMED_LEVEL, UNINFORMED_SPREAD = 25.0, 0.7
"""Median [ug m-3] and spread of ln(c + 5) that are assumed where a city has no past at all."""


def anchors(
    history: History, issue_time: datetime, members: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw past instants of the same hour and season whose next 92 h lie within the history.

    Without replacement as long as the season offers enough; an empty array when the history has none.
    """
    issue, times = to_ns(issue_time), history.times
    inside = np.arange(2 * LEVEL_HOURS, len(times) - LONGEST_PERIOD)
    if not len(inside):
        return np.empty(0, np.int64)
    same_hour = inside[hour_of_day(times[inside]) == hour_of_day(np.array([issue]))[0]]
    there = np.isfinite(history.values).any(axis=0)
    count = np.concatenate([[0], np.cumsum(there)])
    same_hour = same_hour[count[same_hour + LONGEST_PERIOD] - count[same_hour] > 0]
    gap = np.abs(day_of_year(times[same_hour]) - day_of_year(np.array([issue]))[0])
    found = same_hour[np.minimum(gap, 366 - gap) <= SEASON_DAYS]
    found = found if len(found) else same_hour
    if not len(found):
        return np.empty(0, np.int64)
    return np.asarray(rng.choice(found, members, replace=len(found) < members), np.int64)


def climatology(
    history: History,
    at: npt.NDArray[np.int64],
    periods: Sequence[npt.NDArray[np.int64]],
    members: int,
    rng: np.random.Generator,
) -> list[Floats]:
    """Return for every target what followed the anchors, (member, period) [ug m-3]."""
    return [
        to_level(_complete(_following(history, i, at, p), len(p), members, rng))
        for i, p in enumerate(periods)
    ]


def persistence(
    panel: AsOfPanel,
    history: History,
    at: npt.NDArray[np.int64],
    periods: Sequence[npt.NDArray[np.int64]],
    clock: tuple[datetime, datetime],
    members: int,
    rng: np.random.Generator,
) -> list[Floats | None]:
    """Return the level of the newest 24 h, changed as it changed after the anchors, (member, period).

    The level is the mean of ln(c + 5) over the 24 h that end with the newest value known at ``as_of``; past
    changes count from the same stretch before each anchor. None where nothing was known for 72 h.

    Parameters
    ----------
    clock : issue time and as-of instant
    """
    issue, as_of = to_ns(clock[0]), clock[1]
    grid = issue + np.arange(-95, 1) * HOUR_NS
    found: list[Floats | None] = []
    for i, target in enumerate(history.targets):
        known = to_log(panel.on_grid(target.key, grid, as_of))
        newest = np.flatnonzero(np.isfinite(known))
        if not len(newest) or newest[-1] < LEVEL_HOURS - 1:
            found.append(None)
            continue
        stretch = np.arange(newest[-1] - LEVEL_HOURS + 1, newest[-1] + 1)
        level = _mean(known[None, stretch])[0]
        before = _mean(_following(history, i, at, stretch - (len(grid) - 1)))
        change = _following(history, i, at, periods[i]) - before[:, None]
        if not np.isfinite(change).any():
            change = np.zeros((1, len(periods[i])))
        found.append(to_level(level + _complete(change, len(periods[i]), members, rng)))
    return found


def _following(
    history: History, target: int, at: npt.NDArray[np.int64], periods: npt.NDArray[np.int64]
) -> Floats:
    """Return ln(c + 5) of one target at periods [h] around anchors, (anchor, period); NaN outside."""
    position = at[:, None] + periods[None, :]
    width = history.values.shape[1]
    inside = (position >= 0) & (position < width)
    values = history.values[target, np.clip(position, 0, max(width - 1, 0))] if width else np.empty(0)
    return to_log(np.where(inside, values, np.nan).astype(np.float64))


def _mean(rows: Floats) -> Floats:
    known = np.isfinite(rows)
    total = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _complete(logs: Floats, periods: int, members: int, rng: np.random.Generator) -> Floats:
    """Return (member, period) without gaps: whole rows where there are any, else values of the same period.

    A row with gaps takes, at its gaps, the values of a complete row; without complete rows gaps are drawn
    from the finite values of the period, and without any from the uninformed distribution.
    """
    blank = np.log(UNINFORMED_LEVEL + 5.0) + UNINFORMED_SPREAD * rng.standard_normal((members, 1))
    if not len(logs) or not np.isfinite(logs).any():
        return np.broadcast_to(blank, (members, periods)).copy()
    rows = logs if len(logs) == members else logs[rng.integers(0, len(logs), members)]
    whole = rows[np.isfinite(rows).all(axis=1)]
    donors = whole[rng.integers(0, len(whole), members)] if len(whole) else _by_period(rows, rng)
    return np.where(np.isfinite(rows), rows, donors)


def _by_period(rows: Floats, rng: np.random.Generator) -> Floats:
    """Draw every period's values anew from its finite ones, or from all finite ones where it has none."""
    pool = rows[np.isfinite(rows)]
    out = np.empty_like(rows)
    for j, column in enumerate(rows.T):
        known = column[np.isfinite(column)]
        out[:, j] = rng.choice(known if len(known) else pool, len(rows))
    return out
