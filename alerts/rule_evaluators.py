"""One evaluator per kind of rule: paths of one city and day in, the level reached by every path out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.aqi import iaqi, level_number, round_half_up, settle
from alerts.dust_rules import dust_crisis, dust_notice, dust_warning
from alerts.judged import Judged, Levels, Undecidable
from alerts.rules import Rule, rule
from pipeline.cities import City
from pipeline.paths import MINIMUM_DAY_COVERAGE, day_means
from pipeline.times import NS_HOUR, local_day_bounds, to_ns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Evaluator = Callable[[Rule, xr.Dataset, City, date], Judged]


@dataclass(frozen=True)
class Series:
    """Paths of one series of a city: values (realization, time) [ug m-3], NaN where there is no interval."""

    times: npt.NDArray[np.datetime64]
    values: Floats
    step_hours: int
    note: str = ""

    def part(self, start: np.datetime64, end: np.datetime64) -> Floats:
        """Return the values of (start, end] on the series' own cadence."""
        inside: Flags = (self.times > start) & (self.times <= end)
        return self.values[:, inside]


def day_grade(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the Korean 24-h grade: rounded half up, the worse of PM2.5 and PM10 on every path."""
    means, note = _day_means_of(paths, city, day, tuple(rule.parameters["edges"]))
    parts = [
        np.searchsorted(rule.parameters["edges"][q], round_half_up(m), side="left") for q, m in means.items()
    ]
    worst: Levels = np.max(np.stack(parts), axis=0)
    return Judged(worst, _basis(paths, city, day, tuple(means)), tuple(means), note)


def day_aqi(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the level of the Chinese daily index from PM2.5 and, where it is there, PM10."""
    means, note = _day_means_of(paths, city, day, tuple(rule.parameters["breakpoints"]))
    index = np.max(np.stack([iaqi(m, q, rule) for q, m in means.items()]), axis=0)
    note = "; ".join(p for p in (note, "gases not forecast: the index is at least this") if p)
    return Judged(level_number(index, rule), _basis(paths, city, day, tuple(means)), tuple(means), note)


def hourly_alert(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the Korean advisory and warning: the highest state that holds within the local day.

    The state starts as "none" at the beginning of the paths. An hour without a value breaks a run of
    hours and lifts nothing.
    """
    quantity = rule.parameters["quantity"]
    series = _hourly(paths, city, quantity)
    start, end = _bounds(city, day)
    part = _covered(series.part(start, end), 24, "hours of the day")
    states = _alert_states(settle(series.values), rule)
    inside: Flags = (series.times > start) & (series.times <= end)
    return Judged(states[:, inside].max(axis=1), _basis_of(part), (quantity,), series.note)


def emergency(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the criteria of Korean emergency measures on the day of decision; any alternative suffices."""
    tomorrow = _day_mean(paths, city, day + timedelta(days=1), "pm2p5")
    if tomorrow is None:
        raise Undecidable("the mean of the next day is incomplete or beyond the forecast")
    parts: dict[str, Any] = {"tomorrow_gt": settle(tomorrow)}
    series = _hourly(paths, city, "pm2p5")
    start, _ = _bounds(city, day)
    hours = int(rule.parameters["part_day_hours"])
    part_day = series.part(start, start + np.timedelta64(hours * NS_HOUR, "ns"))
    parts["part_day_gt"] = settle(np.nanmean(_covered(part_day, hours, "hours of the part-day"), axis=1))
    met = np.zeros(len(tomorrow), dtype=bool)
    for alternative in rule.parameters["alternatives"]:
        held = np.ones(len(tomorrow), dtype=bool)
        for name, bound in alternative.items():
            held &= (
                _advisory_held(bound, paths, city, day) if name == "advisory_today" else parts[name] > bound
            )
        met |= held
    bases = {_basis_of(part_day), _basis(paths, city, day + timedelta(days=1), ("pm2p5",))}
    return Judged(met.astype(np.int64), bases.pop() if len(bases) == 1 else "mixed", ("pm2p5",), series.note)


def aqi_days(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge a heavy-pollution warning: the level of the running 24-h blocks that are centred in the day.

    For every phase of the clock the blocks stand end to end; a run of blocks above an index value counts
    with its full length. A block with less than 75 % of its intervals counts as below.
    """
    table = _rule_of("cn.aqi", day)
    series = _reference(paths, city, "pm2p5")
    blocks = _running_index(series, table)
    start, end = _bounds(city, day)
    half_day = np.timedelta64(12 * NS_HOUR, "ns")
    centred: Flags = (series.times > start + half_day) & (series.times <= end + half_day)
    if not np.isfinite(blocks[:, centred]).any():
        raise Undecidable("no running 24-h mean of the day has 75 % of its intervals")
    levels = np.zeros(len(blocks), dtype=np.int64)
    for number, alternatives in enumerate(rule.parameters["criteria"], start=1):
        for alternative in alternatives:
            held = _run_held(blocks, 24 // series.step_hours, alternative)
            levels[held[:, centred].any(axis=1)] = number
    note = "running means counted from three days before the issue to the horizon"
    return Judged(levels, _basis(paths, city, day, ("pm2p5",)), ("pm2p5",), note)


DUST: Final[dict[str, Evaluator]] = {
    "dust_warning": dust_warning,
    "dust_crisis": dust_crisis,
    "dust_notice": dust_notice,
}
"""Kinds of rules that read the dust paths of a run instead of the paths of PM2.5."""

EVALUATORS: Final[dict[str, Evaluator]] = {
    "day_grade": day_grade,
    "aqi": day_aqi,
    "hourly_alert": hourly_alert,
    "emergency": emergency,
    "aqi_days": aqi_days,
    **DUST,
}
"""Kinds of rules that this version evaluates; every other kind is recorded only."""

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


def _running_index(series: Series, table: Rule) -> Floats:
    width = 24 // series.step_hours
    there = np.isfinite(series.values)
    total = np.cumsum(np.where(there, series.values, 0.0), axis=1)
    count = np.cumsum(there, axis=1)
    total[:, width:], count[:, width:] = (
        total[:, width:] - total[:, :-width],
        count[:, width:] - count[:, :-width],
    )
    enough = count >= MINIMUM_DAY_COVERAGE * width
    enough[:, : width - 1] = False
    return iaqi(np.where(enough, total / np.maximum(count, 1), np.nan), "pm2p5", table)


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


def _day_means_of(
    paths: xr.Dataset, city: City, day: date, quantities: tuple[str, ...]
) -> tuple[dict[str, Floats], str]:
    found = {q: _day_mean(paths, city, day, q) for q in quantities}
    means = {q: mean for q, mean in found.items() if mean is not None}
    if "pm2p5" not in means:
        raise Undecidable("fewer than 75 % of the day's PM2.5 intervals, or the day is beyond the forecast")
    missing = [q.upper() for q in quantities if q not in means]
    return means, f"{', '.join(missing)} not available: the level is at least this" if missing else ""


def _day_mean(paths: xr.Dataset, city: City, day: date, quantity: str) -> Floats | None:
    if quantity not in paths:
        return None
    days = day_means(paths, city, quantity)
    at = np.flatnonzero(days["day"].values == np.datetime64(day))
    if not len(at) or not bool(days["complete"].values[at[0]]):
        return None
    mean: Floats = days["day_mean"].values[:, at[0]]
    return mean


def _hourly(paths: xr.Dataset, city: City, quantity: str) -> Series:
    spec = city.spec(quantity, "hourly", str(paths.attrs.get("world", "measured")))
    name = quantity if spec is not None and spec.role == "reference" else f"{quantity}_hourly"
    if spec is None or name not in paths:
        raise Undecidable(f"there is no hourly {quantity.upper()} series of {city.id}")
    proxy = spec.role != "reference" and bool(spec.note)
    return _series(paths, city, name, 1, f"hourly series of {city.id}: {spec.note}" if proxy else "")


def _reference(paths: xr.Dataset, city: City, quantity: str) -> Series:
    spec = city.spec(quantity, "reference", str(paths.attrs.get("world", "measured")))
    return _series(paths, city, quantity, spec.interval_hours if spec else 1, "")


def _series(paths: xr.Dataset, city: City, name: str, step: int, note: str) -> Series:
    times = paths["time"].values.astype("datetime64[ns]")
    on_cadence = times.astype("int64") % (step * NS_HOUR) == 0
    values = paths[name].sel(city=city.id).transpose("realization", "time").values
    return Series(times[on_cadence], values[:, on_cadence], step, note)


def _covered(part: Floats, expected: int, what: str) -> Floats:
    if (
        int(np.isfinite(part).sum(axis=1).min(initial=expected)) < MINIMUM_DAY_COVERAGE * expected
        or not part.size
    ):
        raise Undecidable(f"fewer than 75 % of the {what} have a value")
    return part


def _bounds(city: City, day: date) -> tuple[np.datetime64, np.datetime64]:
    start, end = local_day_bounds(day, city.timezone)
    return to_ns(start), to_ns(end)


def _basis(paths: xr.Dataset, city: City, day: date, quantities: tuple[str, ...]) -> str:
    start, end = _bounds(city, day)
    parts = [_reference(paths, city, q).part(start, end) for q in quantities]
    bases = {_basis_of(part) for part in parts}
    return bases.pop() if len(bases) == 1 else "mixed"


def _basis_of(part: Floats) -> str:
    """Tell what values rest on: where all paths agree they were measured (see ``schema.check_paths``)."""
    there = np.isfinite(part).all(axis=0)
    measured = there & (np.ptp(np.where(there, part, 0.0), axis=0) == 0)
    if measured.sum() == there.sum():
        return "observed"
    return "mixed" if measured.any() else "forecast"
