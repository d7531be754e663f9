"""One evaluator per kind of rule: paths of one city and day in, the level reached by every path out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import xarray as xr

from alerts.aqi import iaqi, level_number, round_half_up, settle
from alerts.cai import day_cai
from alerts.calendar_rules import lift, season, standard, timetable
from alerts.dust_rules import dust_crisis, dust_notice, dust_warning
from alerts.judged import Judged, Levels, Undecidable
from alerts.measure_rules import crisis, preliminary
from alerts.rule_series import (
    Flags,
    Floats,
    basis_of,
    basis_of_day,
    covered,
    day_bounds,
    day_mean_of,
    day_means_of,
    hourly_series,
    reference_series,
    running_index,
)
from alerts.rules import Rule, rule
from pipeline.cities import City
from pipeline.times import NS_HOUR

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


def hourly_alert(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the Korean advisory and warning: the highest state that holds within the local day.

    The state starts as "none" at the beginning of the paths. An hour without a value breaks a run of
    hours and lifts nothing.
    """
    quantity = rule.parameters["quantity"]
    series = hourly_series(paths, city, quantity)
    start, end = day_bounds(city, day)
    part = covered(rule, series.part(start, end), 24, "hours of the day")
    states = _alert_states(settle(series.values), rule)
    inside: Flags = (series.times > start) & (series.times <= end)
    return Judged(states[:, inside].max(axis=1), basis_of(part), (quantity,), series.note)


def emergency(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the criteria of Korean emergency measures on the day of decision; any alternative suffices."""
    tomorrow = day_mean_of(rule, paths, city, day + timedelta(days=1), "pm2p5")
    if tomorrow is None:
        raise Undecidable("the mean of the next day is incomplete or beyond the forecast")
    parts: dict[str, Any] = {"tomorrow_gt": settle(tomorrow)}
    series = hourly_series(paths, city, "pm2p5")
    start, _ = day_bounds(city, day)
    hours = int(rule.parameters["part_day_hours"])
    part_day = series.part(start, start + np.timedelta64(hours * NS_HOUR, "ns"))
    parts["part_day_gt"] = settle(np.nanmean(covered(rule, part_day, hours, "hours of the part-day"), axis=1))
    met = np.zeros(len(tomorrow), dtype=bool)
    for alternative in rule.parameters["alternatives"]:
        held = np.ones(len(tomorrow), dtype=bool)
        for name, bound in alternative.items():
            held &= (
                _advisory_held(bound, paths, city, day) if name == "advisory_today" else parts[name] > bound
            )
        met |= held
    bases = {basis_of(part_day), basis_of_day(paths, city, day + timedelta(days=1), ("pm2p5",))}
    return Judged(met.astype(np.int64), bases.pop() if len(bases) == 1 else "mixed", ("pm2p5",), series.note)


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


DUST: Final[dict[str, Evaluator]] = {
    "dust_warning": dust_warning,
    "dust_crisis": dust_crisis,
    "dust_notice": dust_notice,
}
"""Kinds of rules that read the dust paths of a run instead of the paths of PM2.5."""

BESIDE: Final[dict[str, Evaluator]] = {
    "standard": standard,
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

_rule_of = rule


def _alert_states(values: Floats, rule: Rule) -> Levels:
    p = rule.parameters
    states = np.zeros(values.shape, dtype=np.int64)
    state = np.zeros(len(values), dtype=np.int64)
    above_advisory, above_warning = np.zeros_like(state), np.zeros_like(state)
    for t in range(values.shape[1]):
        now = values[:, t]
        above_advisory = np.where(now >= p["advisory_ge"], above_advisory + 1, 0)
        above_warning = np.where(now >= p["warning_ge"], above_warning + 1, 0)
        state = np.where((state == 2) & (now < p["warning_to_advisory_lt"]), 1, state)
        state = np.where(now < p["advisory_lift_lt"], 0, state)
        state = np.where(above_advisory >= p["hours"], np.maximum(state, 1), state)
        state = np.where(above_warning >= p["hours"], 2, state)
        states[:, t] = state
    return states


def _advisory_held(rule_id: str, paths: xr.Dataset, city: City, day: date) -> Flags:
    return hourly_alert(_rule_of(rule_id, day), paths, city, day).levels >= 1


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
