"""One evaluator per kind of rule: paths of one city and day in, the level reached by every path out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np
import xarray as xr

from alerts.advisory_rules import hourly_alert
from alerts.aqi import iaqi, level_number, round_half_up
from alerts.cai import day_cai
from alerts.calendar_rules import season, standard, standard_year, timetable
from alerts.crisis_rules import crisis, crisis_duration
from alerts.dust_rules import dust_crisis, dust_notice, dust_warning
from alerts.heavy_rules import aqi_days, lift
from alerts.judged import Judged, Levels
from alerts.measure_rules import emergency, preliminary
from alerts.rule_series import basis_of_day, day_means_of
from alerts.rules import Rule
from pipeline.cities import City

Evaluator = Callable[[Rule, xr.Dataset, City, date], Judged]


def day_grade(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the Korean 24-h grade: rounded half up, the worse of PM2.5 and PM10 on every path."""
    means, note = day_means_of(rule, paths, city, day, tuple(rule.parameters["edges"]))
    parts = [
        np.searchsorted(rule.parameters["edges"][q], round_half_up(m), side="left") for q, m in means.items()
    ]
    worst: Levels = np.max(np.stack(parts), axis=0)
    return Judged(worst, basis_of_day(paths, city, day, tuple(means)), tuple(means), note)


def day_aqi(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the level of the Chinese daily index from PM2.5 and, where it is there, PM10."""
    means, note = day_means_of(rule, paths, city, day, tuple(rule.parameters["breakpoints"]))
    index = np.max(np.stack([iaqi(m, q, rule) for q, m in means.items()]), axis=0)
    note = "; ".join(p for p in (note, "gases not forecast: the index is at least this") if p)
    return Judged(level_number(index, rule), basis_of_day(paths, city, day, tuple(means)), tuple(means), note)


DUST: Final[dict[str, Evaluator]] = {
    "dust_warning": dust_warning,
    "dust_crisis": dust_crisis,
    "dust_notice": dust_notice,
}
"""Kinds of rules that read the dust paths of a run instead of the paths of PM2.5."""

BESIDE: Final[dict[str, Evaluator]] = {
    "standard": standard,
    "standard_year": standard_year,
    "crisis_duration": crisis_duration,
    "cai": day_cai,
    "season": season,
    "lift": lift,
    "timetable": timetable,
}
"""Kinds of rules that decide no warning and stand in none; they are judged where they are asked for."""

EVALUATORS: Final[dict[str, Evaluator]] = {
    "day_grade": day_grade,
    "aqi": day_aqi,
    "hourly_alert": hourly_alert,
    "emergency": emergency,
    "preliminary": preliminary,
    "crisis": crisis,
    "aqi_days": aqi_days,
    **DUST,
    **BESIDE,
}
"""How every kind of rule is judged."""
