"""Episodes of a period: when each was first predicted, warned of, began, ended; what is known of why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from alerts.episode_scores import Measured
from flows.joint_report.period import Period
from forecasting.verification.losses import DECISION_PROBABILITY
from forecasting.verification.pairs import day_number
from forecasting.verification.score_tables import OPERATIONAL
from pipeline.times import HOUR, from_ns, iso

Plain = dict[str, Any]
Warned = Callable[[str, date, date], "tuple[str, str] | None"]
"""Tells for a city and the days of an episode when it was first warned of them, and the status."""

BEFORE: Final = timedelta(days=4)
"""So long before its first day an episode's timeline begins."""

_NUMBERS: Final = ("mean", "q05", "q10", "q90", "q95")


@dataclass(frozen=True)
class Told:
    """What one issue of the operational model said of a local day.

    ``p`` is the probability above the threshold [1]; mean and quantiles in ug m-3; the day ``begins`` [UTC].
    """

    issue: datetime
    begins: datetime
    day: date
    lead: int
    p: float
    mean: float
    q05: float
    q10: float
    q90: float
    q95: float

    @property
    def ahead(self) -> bool:
        """Tell whether the day had not begun at the issue."""
        return self.issue <= self.begins

    @property
    def yes(self) -> bool:
        """Tell whether the day was given the probability that counts as a yes."""
        return self.p >= DECISION_PROBABILITY


@dataclass(frozen=True)
class Side:
    """What is known of one city: measured day means, and beside them the forecasts of its days.

    Parameters
    ----------
    told : by issue
    coarse : day means of PM10 [ug m-3]
    degraded : issues whose run lacked inputs
    """

    measured: Measured
    told: tuple[Told, ...]
    coarse: Mapping[date, float]
    degraded: frozenset[datetime]

    def of(self, days: Iterable[date]) -> list[Told]:
        """Return what was said of days, by issue."""
        wanted = set(days)
        return [one for one in self.told if one.day in wanted]


def told_of(rows: pd.DataFrame, city: str, timezone: str, threshold: int) -> tuple[Told, ...]:
    """Return the forecasts of a city's days by issue."""
    if rows.empty:
        return ()
    mine = rows[(rows["city"] == city) & (rows["model"] == OPERATIONAL)].dropna(subset=["mean"])
    mine = mine.sort_values(["issue_time", "valid_start"])
    number = day_number(mine["valid_start"], timezone)
    instants = [
        [
            from_ns(at)
            for at in mine[name].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ns]")
        ]
        for name in ("issue_time", "valid_start")
    ]
    values = mine[["lead_day", f"p_gt_{threshold}", *_NUMBERS]].to_numpy(np.float64).tolist()
    days = [date(1970, 1, 1) + timedelta(days=n) for n in number.tolist()]
    return tuple(
        Told(issue, begins, day, int(lead), *rest)
        for issue, begins, day, (lead, *rest) in zip(*instants, days, values, strict=True)
    )


def episodes_of(side: Side, period: Period, warned: Warned) -> Plain:
    """Return the episodes of a city that begin in a period, and the stretches forecast in vain.

    An episode is ``hit`` when some cycle gave its first day a probability of 0.5 or more before it began,
    ``late`` when only a later cycle gave that to one of its days, else ``missed``; ``unknown`` where no cycle
    spoke of its first day before it began. A stretch of days given 0.5 before they began, none of them above,
    is ``false``; where one was not measured it is left out.
    """
    runs = [run for run in side.measured.runs() if period.first <= run[0] <= period.last]
    listed = [_episode(side, run, warned) for run in runs]
    vain = _in_vain(side, period)
    words = ("hit", "late", "missed", "unknown")
    counts = {word: sum(e["outcome"] == word for e in listed) for word in words}
    return {
        "threshold": side.measured.threshold,
        "episodes": listed,
        "false": vain,
        "counts": {**counts, "false": len(vain)},
    }


def _episode(side: Side, run: Sequence[date], warned: Warned) -> Plain:
    measured = side.measured
    begins, ends = measured.bounds(run[0])[0], measured.bounds(run[-1])[1]
    told = side.of(run)
    early = [one for one in told if one.day == run[0] and one.ahead]
    first = next((one for one in early if one.yes), None)
    later = first or next((one for one in told if one.yes), None)
    worst = max(run, key=lambda day: measured.means[day])
    outcome = "unknown" if not early else "hit" if first else "late" if later else "missed"
    issued = warned(measured.city, run[0], run[-1])
    return {
        "begins": iso(begins),
        "ends": iso(ends),
        "first_day": run[0].isoformat(),
        "last_day": run[-1].isoformat(),
        "days": len(run),
        "highest": round(measured.means[worst], 1),
        "highest_day": worst.isoformat(),
        "outcome": outcome,
        "first_predicted": None if later is None else iso(later.issue),
        "lead_hours": (begins - first.issue) / HOUR if first else None,
        "warned": None if issued is None else issued[0],
        "warned_status": None if issued is None else issued[1],
        "course": _course(side, worst, begins),
        "why": _why(side, run, worst, early) if outcome in ("missed", "late") else [],
    }


def _course(side: Side, day: date, begins: datetime) -> list[Plain]:
    """Return what each cycle said of the highest day: probability, mean and central 80 % [ug m-3]."""
    return [
        {
            "issue": iso(one.issue),
            "lead": f"D+{one.lead}",
            "p": round(one.p, 4),
            **{name: round(getattr(one, name), 1) for name in ("mean", "q10", "q90")},
        }
        for one in side.of([day])
        if one.issue >= begins - BEFORE
    ]


def _why(side: Side, run: Sequence[date], worst: date, early: Sequence[Told]) -> list[Plain]:
    """Return what is known of why an episode was not foreseen, as keys of the words with their figures."""
    if not early:
        return _circumstances(side, run, worst, early)
    found = [_highest(early), _against_interval(side.measured.means[run[0]], early[-1])]
    return [*found, *_circumstances(side, run, worst, early)]


def _highest(told: Sequence[Told]) -> Plain:
    best = max(told, key=lambda one: one.p)
    return {"key": "why_highest", "p": round(best.p, 4), "lead": best.lead}


def _against_interval(value: float, last: Told) -> Plain:
    """Tell where a measured day lay in the central 90 % of the last forecast before it."""
    where = "below" if value < last.q05 else "above" if value > last.q95 else "inside"
    ends = {"low": round(last.q05, 1), "high": round(last.q95, 1)}
    return {"key": f"why_{where}", "value": round(value, 1), **ends}


def _circumstances(side: Side, days: Sequence[date], worst: date, told: Sequence[Told]) -> list[Plain]:
    found: list[Plain] = []
    issues = {one.issue for one in told}
    poor = len(issues & side.degraded)
    if poor:
        found.append({"key": "why_degraded", "n": poor, "of": len(issues)})
    fine, coarse = side.measured.means.get(worst), side.coarse.get(worst)
    if fine is not None and coarse:
        found.append({"key": "why_coarse", "share": round(fine / coarse, 2)})
    if not side.measured.measures.isdisjoint(days):
        found.append({"key": "why_measures"})
    return found


def _in_vain(side: Side, period: Period) -> list[Plain]:
    """Return the stretches of days given 0.5 or more before they began of which none was above."""
    said = {one.day for one in side.told if one.ahead and one.yes}
    days = sorted(day for day in said if period.first <= day <= period.last)
    stretches: list[list[date]] = []
    for day in days:
        if stretches and day - stretches[-1][-1] == timedelta(days=1):
            stretches[-1].append(day)
        else:
            stretches.append([day])
    found = [_vain(side, run) for run in stretches]
    return [one for one in found if one is not None]


def _vain(side: Side, run: Sequence[date]) -> Plain | None:
    means = side.measured.means
    values = [means[day] for day in run if day in means]
    if len(values) < len(run) or max(values) > side.measured.threshold:
        return None
    told = [one for one in side.of(run) if one.ahead]
    yes = [one for one in told if one.yes]
    best = max(yes, key=lambda one: one.p)
    last = [one for one in told if one.day == best.day][-1]
    why = [_highest(yes), _against_interval(means[best.day], last)]
    return {
        "first_day": run[0].isoformat(),
        "last_day": run[-1].isoformat(),
        "days": len(run),
        "highest": round(max(values), 1),
        "first_predicted": iso(min(one.issue for one in yes)),
        "why": [*why, *_circumstances(side, run, best.day, told)],
    }
