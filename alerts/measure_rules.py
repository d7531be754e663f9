"""The evaluators of Korean measures that look ahead: preliminary reductions and the PM2.5 crisis alert."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import xarray as xr

from alerts.aqi import settle
from alerts.judged import Judged, Undecidable
from alerts.rule_series import (
    Flags,
    Floats,
    basis_of,
    basis_of_day,
    covered,
    day_bounds,
    day_mean_of,
    hourly_series,
)
from alerts.rules import Rule
from pipeline.cities import City


def preliminary(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge preliminary reduction measures: both days that follow the day of decision above a mean.

    Both means are read on the same path, so a path with one day above and one below does not count.
    """
    days = [day + timedelta(days=n) for n in (1, 2)]
    means = [_mean(rule, paths, city, one, "the next two days") for one in days]
    met = np.all([mean > rule.parameters["both_days_gt"] for mean in means], axis=0)
    bases = {basis_of_day(paths, city, one, ("pm2p5",)) for one in days}
    return Judged(met.astype(np.int64), _one_of(bases), ("pm2p5",))


def crisis(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the four steps of the PM2.5 crisis alert by concentration, the highest that holds.

    A step needs today (its mean, or hours running at or above a value) and the mean of tomorrow. Only paths
    whose tomorrow reaches a step are asked for its hours, so a low tomorrow decides without them.
    """
    tomorrow = _mean(rule, paths, city, day + timedelta(days=1), "the next day")
    levels = np.zeros(len(tomorrow), dtype=np.int64)
    bases = {basis_of_day(paths, city, one, ("pm2p5",)) for one in (day, day + timedelta(days=1))}
    notes: set[str] = set()
    for number, step in enumerate(rule.parameters["steps"], start=1):
        asked = tomorrow > step["tomorrow_gt"]
        if not asked.any():
            continue
        if "today_mean_gt" in step:
            levels[asked & (_mean(rule, paths, city, day, "the day") > step["today_mean_gt"])] = number
        else:
            held, basis, note = _hours_held(rule, paths, city, day, step)
            levels[asked & held] = number
            bases.add(basis)
            notes.add(note)
    return Judged(levels, _one_of(bases), ("pm2p5",), "; ".join(sorted(n for n in notes if n)))


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


def _mean(rule: Rule, paths: xr.Dataset, city: City, day: date, what: str) -> Floats:
    found = day_mean_of(rule, paths, city, day, "pm2p5")
    if found is None:
        raise Undecidable(f"the mean of {what} is incomplete or beyond the forecast")
    return settle(found)


def _one_of(bases: set[str]) -> str:
    return next(iter(bases)) if len(bases) == 1 else "mixed"
