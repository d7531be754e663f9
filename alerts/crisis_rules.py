"""The evaluators of the Korean PM2.5 crisis alert: its steps by concentration, and by how long they last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.advisory_rules import advisory_held
from alerts.aqi import settle
from alerts.judged import Judged, Levels, Undecidable
from alerts.measure_rules import mean_of_day, one_of
from alerts.rule_series import Flags, Floats, basis_of, basis_of_day, covered, day_bounds, hourly_series
from alerts.rules import Rule, rule
from pipeline.cities import City


def crisis(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the four steps of the PM2.5 crisis alert by concentration, the highest that holds.

    A step needs today (its mean, or hours running at or above a value) and the mean of tomorrow. Only paths
    whose tomorrow reaches a step are asked for its hours, so a low tomorrow decides without them.
    """
    tomorrow = mean_of_day(rule, paths, city, day + timedelta(days=1), "the next day")
    levels = np.zeros(len(tomorrow), dtype=np.int64)
    bases = {basis_of_day(paths, city, one, ("pm2p5",)) for one in (day, day + timedelta(days=1))}
    notes: set[str] = set()
    for number, step in enumerate(rule.parameters["steps"], start=1):
        asked = tomorrow > step["tomorrow_gt"]
        if not asked.any():
            continue
        if "today_mean_gt" in step:
            levels[asked & (mean_of_day(rule, paths, city, day, "the day") > step["today_mean_gt"])] = number
        else:
            held, basis, note = _hours_held(rule, paths, city, day, step)
            levels[asked & held] = number
            bases.add(basis)
            notes.add(note)
    for other in rule.parameters["attention_or"]:
        asked = (levels == 0) & (tomorrow > other["tomorrow_gt"])
        if asked.any() and "advisory_today" in other:
            held, basis, note = advisory_held(other["advisory_today"], paths, city, day)
            asked &= held
            bases.add(basis)
            notes.add(note)
        levels[asked] = 1
    return Judged(levels, one_of(bases), ("pm2p5",), "; ".join(sorted(n for n in notes if n)))


def crisis_duration(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the crisis alert with its criterion on duration: a step that lasts becomes the next one.

    The step of a day rises by one where the days before it held that step, the day itself does, and the days
    expected after it do, all on the same path.

    Raises
    ------
    Undecidable
        the days around, as far as they could raise the step, are incomplete or beyond the forecast
    """
    before, after = int(rule.parameters["days"]) - 1, int(rule.parameters["expected_days"])
    table = _rule_of(rule.parameters["steps_of"], day)
    rises = len(rule.levels) - 2
    own = crisis(table, paths, city, day)
    days = [day + timedelta(days=n) for n in range(-rises * before, rises * after + 1)]
    low, high = (_steps(table, paths, city, days, unknown) for unknown in (0, len(rule.levels) - 1))
    at = rises * before
    least, most = (_raised(steps, before, after)[:, at] for steps in (low, high))
    if not np.array_equal(least, most):
        raise Undecidable(
            "the days around, which its duration asks for, are incomplete or beyond the forecast"
        )
    return Judged(least, own.basis, own.quantities, own.note)


def _steps(
    table: Rule, paths: xr.Dataset, city: City, days: Sequence[date], unknown: int
) -> npt.NDArray[np.int64]:
    """Return the step by concentration of every path and day; ``unknown`` where a day does not decide."""
    found = np.full((paths.sizes["realization"], len(days)), unknown, dtype=np.int64)
    for n, day in enumerate(days):
        try:
            found[:, n] = crisis(table, paths, city, day).levels
        except Undecidable:
            continue
    return found


def _raised(steps: Levels, before: int, after: int) -> Levels:
    """Return the steps of days (path, day), each raised by how long it lasts.

    >>> _raised(np.array([[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 1, 1]]), 1, 1).tolist()
    [[1, 2, 1, 0], [1, 1, 0, 1], [1, 2, 2, 1]]
    """
    found = steps.copy()
    for step in range(1, 4):
        held = found >= step
        lasts = held.copy()
        for offset in range(-before, after + 1):
            lasts &= _shifted(held, offset)
        found = np.where(lasts, np.maximum(found, step + 1), found)
    return found


def _shifted(held: Flags, offset: int) -> Flags:
    """Return what held so many days later (negative: earlier); nothing beyond the days."""
    moved = np.zeros_like(held)
    size = held.shape[1]
    target = slice(max(0, -offset), size - max(0, offset))
    moved[:, target] = held[:, max(0, offset) : size + min(0, offset)]
    return moved


def hours_running(values: Floats, at: float, hours: int) -> Flags:
    """Tell which paths have ``hours`` values running at or above a value; a gap breaks a run.

    >>> hours_running(np.array([[150.0, 150.0, 20.0], [150.0, 20.0, 150.0]]), 150, 2).tolist()
    [True, False]
    """
    over = settle(values) >= at
    if over.shape[1] < hours:
        return np.zeros(len(over), dtype=bool)
    run = over[:, : over.shape[1] - hours + 1].copy()
    for offset in range(1, hours):
        run &= over[:, offset : offset + run.shape[1]]
    found: Flags = np.any(run, axis=1)
    return found


def _hours_held(
    rule: Rule, paths: xr.Dataset, city: City, day: date, step: Mapping[str, Any]
) -> tuple[Flags, str, str]:
    series = hourly_series(paths, city, "pm2p5")
    part = covered(rule, series.part(*day_bounds(city, day)), 24, "hours of the day")
    return hours_running(part, step["hourly_ge"], int(step["hours"])), basis_of(part), series.note


_rule_of = rule
