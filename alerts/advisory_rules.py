"""The evaluator of Korean advisories and warnings on hourly means, walked hour by hour as they are issued."""

from __future__ import annotations

from datetime import date

import numpy as np
import xarray as xr

from alerts.aqi import settle
from alerts.judged import Judged, Levels
from alerts.rule_series import Flags, Floats, basis_of, covered, day_bounds, hourly_series
from alerts.rules import Rule, rule
from pipeline.cities import City

EARLIER = "one issued before the hours at hand may still be in force: the level is at least this"


def hourly_alert(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the Korean advisory and warning: the highest state that holds within the local day.

    The state is walked from the beginning of the paths, where none is taken to be in force; where one that
    was would still last, the note says that the level is at least this. An hour without a value breaks a run
    of hours and lifts nothing.
    """
    quantity = rule.parameters["quantity"]
    series = hourly_series(paths, city, quantity)
    start, end = day_bounds(city, day)
    part = covered(rule, series.part(start, end), 24, "hours of the day")
    inside: Flags = (series.times > start) & (series.times <= end)
    until = settle(series.values[:, series.times <= end])
    levels, other = (_alert_states(until, rule, b)[:, inside[: until.shape[1]]].max(axis=1) for b in (0, 2))
    open_start = "" if np.array_equal(levels, other) else EARLIER
    note = "; ".join(part for part in (series.note, open_start) if part)
    return Judged(levels, basis_of(part), (quantity,), note)


def advisory_held(rule_id: str, paths: xr.Dataset, city: City, day: date) -> tuple[Flags, str, str]:
    """Tell on which paths an advisory or worse is in force in some hour of a local day; basis and note."""
    judged = hourly_alert(_rule_of(rule_id, day), paths, city, day)
    return judged.levels >= 1, judged.basis, judged.note


_rule_of = rule


def _alert_states(values: Floats, rule: Rule, before: int) -> Levels:
    p = rule.parameters
    states = np.zeros(values.shape, dtype=np.int64)
    state = np.full(len(values), before, dtype=np.int64)
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
