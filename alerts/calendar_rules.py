"""The evaluators of what decides no warning: standards, the season, the lifting of warnings, timetables."""

from __future__ import annotations

from datetime import date

import numpy as np
import xarray as xr

from alerts.aqi import settle
from alerts.judged import Judged, Levels, Undecidable
from alerts.rule_series import (
    Floats,
    basis_of,
    day_bounds,
    day_mean_of,
    reference_series,
    running_index,
    too_few,
)
from alerts.rules import Rule, rule
from pipeline.cities import City
from pipeline.times import NS_HOUR

LOWER, HIGHER, OPEN = 0, 1, -1


def standard(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether the mean of a local day is above the 24-h value of a standard, unrounded."""
    quantity = str(rule.parameters["quantity"])
    mean = day_mean_of(rule, paths, city, day, quantity)
    if mean is None:
        raise Undecidable(too_few(rule, quantity))
    part = reference_series(paths, city, quantity).part(*day_bounds(city, day))
    above = (settle(mean) > rule.parameters["day_mean"]).astype(np.int64)
    return Judged(above, basis_of(part), (quantity,))


def season(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether a day lies in the months of a season; the calendar alone decides."""
    inside = int(day.month in rule.parameters["months"])
    return Judged(np.full(paths.sizes["realization"], inside, dtype=np.int64), "calendar", ())


def lift(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether a warning may be lifted in the day: from some hour on the index stays low long enough.

    Raises
    ------
    Undecidable
        on some path no hour of the day is known to do, and the hours after one of them are not all known
    """
    series = reference_series(paths, city, "pm2p5")
    index = running_index(series, _rule_of("cn.aqi", day), rule)
    start, end = day_bounds(city, day)
    inside = np.flatnonzero((series.times > start) & (series.times <= end))
    stay = int(rule.parameters["stay_hours"])
    width = stay // series.step_hours
    found = np.stack([_stays(index, int(at), width, rule.parameters["iaqi_le"]) for at in inside], axis=1)
    if not found.size or not np.all((found == HIGHER).any(axis=1) | (found == LOWER).all(axis=1)):
        raise Undecidable(f"the {stay} h after the day are incomplete or beyond the forecast")
    until = end + np.timedelta64(stay * NS_HOUR, "ns")
    may: Levels = (found == HIGHER).any(axis=1).astype(np.int64)
    return Judged(may, basis_of(series.part(start, until)), ("pm2p5",))


def timetable(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Refuse to judge a timetable: it says when something happens, not whether a criterion is met."""
    raise Undecidable("a timetable holds no criterion")


_rule_of = rule


def _stays(index: Floats, at: int, width: int, bound: float) -> Levels:
    """Tell of every path whether its index stays at or below a bound from ``at`` on, or that this is open."""
    span = index[:, at : at + width + 1]
    broken = (span > bound).any(axis=1)
    known = np.isfinite(span).all(axis=1) & (span.shape[1] == width + 1)
    found: Levels = np.where(broken, LOWER, np.where(known, HIGHER, OPEN)).astype(np.int64)
    return found
