"""The evaluators of what decides no warning: standards of a day and of a year, the season, timetables."""

from __future__ import annotations

from datetime import date

import numpy as np
import xarray as xr

from alerts.aqi import settle
from alerts.judged import Judged, Undecidable
from alerts.rule_series import (
    Floats,
    basis_of,
    day_bounds,
    day_mean_of,
    reference_series,
    too_few,
)
from alerts.rules import Rule
from pipeline.cities import City
from pipeline.paths import day_means


def standard(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether the mean of a local day is above the 24-h value of a standard, unrounded."""
    quantity = str(rule.parameters["quantity"])
    mean = day_mean_of(rule, paths, city, day, quantity)
    if mean is None:
        raise Undecidable(too_few(rule, quantity))
    part = reference_series(paths, city, quantity).part(*day_bounds(city, day))
    above = (settle(mean) > rule.parameters["day_mean"]).astype(np.int64)
    return Judged(above, basis_of(part), (quantity,))


def standard_year(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge a standard over the calendar year of a day: the mean of its day means, or a percentile of them.

    Raises
    ------
    Undecidable
        the paths do not hold the whole year, or too few of its days were measured
    """
    quantity = str(rule.parameters["quantity"])
    count = (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days
    means = _measured_means(rule, paths, city, quantity, day.year)
    if means.shape[1] < rule.parameters["minimum_days"] * count:
        raise Undecidable(f"a year is judged when its days are measured: {means.shape[1]} of {count} are")
    percentile = rule.parameters.get("percentile")
    value = means.mean(axis=1) if percentile is None else np.percentile(means, percentile, axis=1)
    above = (settle(value) > rule.parameters["value"]).astype(np.int64)
    return Judged(above, "observed", (quantity,))


def _measured_means(rule: Rule, paths: xr.Dataset, city: City, quantity: str, year: int) -> Floats:
    """Return the day means of a year that were measured whole, (path, day) [ug m-3]."""
    if quantity not in paths:
        return np.empty((paths.sizes["realization"], 0))
    days = day_means(paths, city, quantity, rule.minimum_coverage)
    spread = np.ptp(days["day_mean"].values, axis=0) if days.sizes["day"] else np.empty(0)
    known = days["complete"].values & (spread == 0) & (days["day"].dt.year.values == year)
    found: Floats = days["day_mean"].values[:, known]
    return found


def season(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge whether a day lies in the months of a season; the calendar alone decides."""
    inside = int(day.month in rule.parameters["months"])
    return Judged(np.full(paths.sizes["realization"], inside, dtype=np.int64), "calendar", ())


def timetable(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Refuse to judge a timetable: it says when something happens, not whether a criterion is met."""
    raise Undecidable("a timetable holds no criterion")
