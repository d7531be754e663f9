"""The evaluators of Korean reduction measures, which look ahead: emergency and preliminary ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import xarray as xr

from alerts.advisory_rules import advisory_held
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
from pipeline.times import NS_HOUR

FRIDAY = 5
"""The last working day of a week (ISO)."""


def emergency(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the criteria of Korean emergency measures on the day of decision; any alternative suffices.

    Today is read only where tomorrow leaves it open on some path, so a low or a very high tomorrow decides.
    """
    ahead = day + timedelta(days=1)
    tomorrow = mean_of_day(rule, paths, city, ahead, "the next day")
    met = np.zeros(len(tomorrow), dtype=bool)
    bases = {basis_of_day(paths, city, ahead, ("pm2p5",))}
    notes: set[str] = set()
    for alternative in sorted(rule.parameters["alternatives"], key=len):
        asked = ~met & (tomorrow > alternative["tomorrow_gt"])
        if asked.any():
            held, basis, note = _today(rule, alternative, paths, city, day)
            met |= asked & held
            bases |= {basis} - {""}
            notes |= {note} - {""}
    if rule.parameters.get("not_before_weekend") and ahead.isoweekday() > FRIDAY:
        met[:] = False
    return Judged(met.astype(np.int64), one_of(bases), ("pm2p5",), "; ".join(sorted(notes)))


def _today(
    rule: Rule, alternative: Mapping[str, Any], paths: xr.Dataset, city: City, day: date
) -> tuple[Flags, str, str]:
    """Tell on which paths today holds what an alternative asks of it, on what basis, and a note."""
    everywhere = np.ones(paths.sizes["realization"], dtype=bool)
    if "advisory_today" in alternative:
        return advisory_held(alternative["advisory_today"], paths, city, day)
    if "part_day_gt" not in alternative:
        return everywhere, "", ""
    series = hourly_series(paths, city, "pm2p5")
    start, _ = day_bounds(city, day)
    hours = int(rule.parameters["part_day_hours"])
    part = series.part(start, start + np.timedelta64(hours * NS_HOUR, "ns"))
    mean = settle(np.nanmean(covered(rule, part, hours, "hours of the part-day"), axis=1))
    return mean > alternative["part_day_gt"], basis_of(part), series.note


def preliminary(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge preliminary reduction measures: both days that follow the day of decision above a mean.

    Both means are read on the same path, so a path with one day above and one below does not count.
    """
    days = [day + timedelta(days=n) for n in (1, 2)]
    means = [mean_of_day(rule, paths, city, one, "the next two days") for one in days]
    met = np.all([mean > rule.parameters["both_days_gt"] for mean in means], axis=0)
    bases = {basis_of_day(paths, city, one, ("pm2p5",)) for one in days}
    return Judged(met.astype(np.int64), one_of(bases), ("pm2p5",))


def mean_of_day(rule: Rule, paths: xr.Dataset, city: City, day: date, what: str) -> Floats:
    """Return the mean of a local day [ug m-3]; Undecidable, naming the day, where there is none."""
    found = day_mean_of(rule, paths, city, day, "pm2p5")
    if found is None:
        raise Undecidable(f"the mean of {what} is incomplete or beyond the forecast")
    return settle(found)


def one_of(bases: set[str]) -> str:
    """Return what several parts rest on together."""
    return next(iter(bases)) if len(bases) == 1 else "mixed"
