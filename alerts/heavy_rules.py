"""The evaluators of Chinese heavy-pollution warnings: levels over running days, and their lifting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import xarray as xr

from alerts.judged import Judged, Levels, Undecidable
from alerts.rule_series import (
    Flags,
    Floats,
    basis_of,
    basis_of_day,
    day_bounds,
    reference_series,
    running_index,
)
from alerts.rules import Rule, rule, rules_in_force
from pipeline.cities import City
from pipeline.times import NS_HOUR, from_ns, local_date

LOWER, HIGHER, OPEN = 0, 1, -1

NO_WARNING, HELD, MAY_LIFT = 0, 1, 2
"""Levels of a lift: no warning is in force, one is and stays, one is and may be lifted."""

KIND = "aqi_days"


def aqi_days(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge a heavy-pollution warning: the level of the running 24-h blocks that are centred in the day.

    For every phase of the clock the blocks stand end to end; a run of blocks above an index value counts
    with its full length. A block with fewer of its intervals than the rule asks for counts as below.
    """
    table = _rule_of("cn.aqi", day)
    series = reference_series(paths, city, "pm2p5")
    blocks = running_index(series, table, rule)
    start, end = day_bounds(city, day)
    half_day = np.timedelta64(12 * NS_HOUR, "ns")
    centred: Flags = (series.times > start + half_day) & (series.times <= end + half_day)
    if not np.isfinite(blocks[:, centred]).any():
        share = f"{rule.minimum_coverage * 100:.0f} %"
        raise Undecidable(f"no running {rule.mean_hours}-h mean of the day has {share} of its intervals")
    levels = np.zeros(len(blocks), dtype=np.int64)
    for number, alternatives in enumerate(rule.parameters["criteria"], start=1):
        for alternative in alternatives:
            held = _run_held(blocks, rule.mean_hours // series.step_hours, alternative)
            levels[held[:, centred].any(axis=1)] = number
    note = "running means counted from three days before the issue to the horizon"
    return Judged(levels, basis_of_day(paths, city, day, ("pm2p5",)), ("pm2p5",), note)


def lift(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether a warning in force may be lifted in the day: the index stays low from some hour on.

    Whether one is in force is replayed day by day from the first whole day of the paths: a day that reaches
    a level of the city's plan puts it in force, a day that may lift it ends it. No announcement is read.

    Raises
    ------
    Undecidable
        a path has a warning in force and the hours after the day are not all known, or whether one was in
        force before the paths begin makes a difference
    """
    days = _days_to(paths, city, day)
    reached = [_reached(paths, city, one) for one in days]
    may = [_may_lift(rule, paths, city, one) for one in days]
    held, other = (_in_force(reached, may, before) for before in (False, True))
    if not np.array_equal(held, other):
        raise Undecidable("whether a warning was in force before the days at hand is not known")
    if (held & (may[-1] == OPEN)).any():
        hours = rule.parameters["stay_hours"]
        raise Undecidable(f"the {hours} h after the day are incomplete or beyond the forecast")
    levels = np.where(held, np.where(may[-1] == HIGHER, MAY_LIFT, HELD), NO_WARNING)
    start, end = day_bounds(city, day)
    until = end + np.timedelta64(int(rule.parameters["stay_hours"]) * NS_HOUR, "ns")
    part = reference_series(paths, city, "pm2p5").part(start, until)
    return Judged(levels, basis_of(part), ("pm2p5",), "in force by its criteria, not by an announcement")


def _in_force(reached: Sequence[Flags], may: Sequence[Levels], before: bool) -> Flags:
    """Tell on which paths a warning is in force in some hour of the last of the days.

    Parameters
    ----------
    reached, may : by day, which paths reach a level, and which may lift one
    before : whether a warning was in force before the first of the days

    Examples
    --------
    >>> high, low = np.array([LOWER]), np.array([HIGHER])
    >>> yes, no = np.array([True]), np.array([False])
    >>> [bool(_in_force([yes, *[no] * n], [high, *[low] * n], False)[0]) for n in (0, 1, 2)]
    [True, True, False]
    """
    state = np.full(len(reached[0]), before)
    for day_reached, day_may in zip(reached[:-1], may[:-1], strict=True):
        state = (state | day_reached) & (day_may != HIGHER)
    return state | reached[-1]


def _days_to(paths: xr.Dataset, city: City, day: date) -> list[date]:
    first = local_date(from_ns(paths["time"].values[0]), city.timezone) + timedelta(days=1)
    return [first + timedelta(days=n) for n in range((day - first).days + 1)] or [day]


def _reached(paths: xr.Dataset, city: City, day: date) -> Flags:
    """Tell on which paths a day reaches a level of the plan in force; a day without a mean reaches none."""
    reached = np.zeros(paths.sizes["realization"], dtype=bool)
    for held in rules_in_force(day, city.country, city.id):
        if held.kind == KIND:
            try:
                reached |= aqi_days(held, paths, city, day).levels > 0
            except Undecidable:
                continue
    return reached


def _may_lift(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Levels:
    """Tell of every path whether from some hour of the day on the index stays low, or that this is open."""
    series = reference_series(paths, city, "pm2p5")
    index = running_index(series, _rule_of("cn.aqi", day), rule)
    start, end = day_bounds(city, day)
    inside = np.flatnonzero((series.times > start) & (series.times <= end))
    width = int(rule.parameters["stay_hours"]) // series.step_hours
    none = np.full(len(index), OPEN, dtype=np.int64)
    if not inside.size:
        return none
    found = np.stack([_stays(index, int(at), width, rule.parameters["iaqi_le"]) for at in inside], axis=1)
    closed: Levels = np.where((found == LOWER).all(axis=1), LOWER, none)
    may: Levels = np.where((found == HIGHER).any(axis=1), HIGHER, closed)
    return may


_rule_of = rule


def _stays(index: Floats, at: int, width: int, bound: float) -> Levels:
    """Tell of every path whether its index stays at or below a bound from ``at`` on, or that this is open."""
    span = index[:, at : at + width + 1]
    broken = (span > bound).any(axis=1)
    known = np.isfinite(span).all(axis=1) & (span.shape[1] == width + 1)
    found: Levels = np.where(broken, LOWER, np.where(known, HIGHER, OPEN)).astype(np.int64)
    return found


def _run_held(blocks: Floats, width: int, alternative: dict[str, int]) -> Flags:
    over = blocks > alternative["gt"]
    held: Flags = _run_count(over, over, width) >= alternative["days"]
    if "also_gt" in alternative:
        held &= _run_count(over, blocks > alternative["also_gt"], width) >= alternative["also_days"]
    return held


def _run_count(over: Flags, counted: Flags, width: int) -> Levels:
    """Count, for every block, the ``counted`` blocks in its unbroken run of ``over``; 0 outside runs."""
    forward, backward = (np.zeros(over.shape, dtype=np.int64) for _ in range(2))
    size = over.shape[1]
    for t in range(size):
        before = forward[:, t - width] if t >= width else 0
        forward[:, t] = (before + counted[:, t]) * over[:, t]
    for t in reversed(range(size)):
        after = backward[:, t + width] if t + width < size else 0
        backward[:, t] = (after + counted[:, t]) * over[:, t]
    total: Levels = (forward + backward - counted) * over
    return total
