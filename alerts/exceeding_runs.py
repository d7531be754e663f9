"""Runs of exceeding days of one city in one forecast run, and how sure their first and last day are; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from alerts.assessment import CityAssessment
from alerts.content import DayOutlook
from alerts.policy import Policy
from pipeline.times import iso, local_day_bounds

QUANTILES: Final = (0.1, 0.9)
"""Shares of the members by which an onset or end lies at the earliest and at the latest."""

Range = tuple[str, ...]


@dataclass(frozen=True)
class ExceedingRun:
    """Exceeding days of one city that belong together."""

    days: tuple[DayOutlook, ...]
    onset: datetime
    end: datetime

    @property
    def coming(self) -> tuple[DayOutlook, ...]:
        """Return those of its days that are not over."""
        return tuple(d for d in self.days if d.lead_day >= 0)


def exceeding_runs(city: CityAssessment, policy: Policy) -> list[ExceedingRun]:
    """Return the runs of days that exceed the lowest threshold with the probability that keeps it."""
    lowest = str(policy.thresholds(city.city)[0])
    days = [d for d in city.days if d.probability[lowest] >= policy.keeping(city.city, 1, max(0, d.lead_day))]
    return _merged(days, city.timezone, policy.persistence.merge_gap_hours)


def extent_ranges(run: ExceedingRun, city: CityAssessment, policy: Policy) -> tuple[Range, Range]:
    """Return (earliest, latest) of a run's onset and of its end as ISO times; empty without joint samples.

    Each member has an episode of its own: its exceeding days, merged by the same gap, as far as they meet the
    days of the run. Of the members that have one, a tenth begin before the earliest onset and a tenth after
    the latest; what was observed is the same in all of them. The run's own onset and end always lie within.
    The last day of the forecast bounds what can be known of an end.
    """
    firsts: list[tuple[datetime, float]] = []
    lasts: list[tuple[datetime, float]] = []
    for course, share in city.courses:
        days = [d for d, mark in zip(city.days, course, strict=True) if mark == "1"]
        own = _merged(days, city.timezone, policy.persistence.merge_gap_hours)
        own = [r for r in own if r.onset < run.end and run.onset < r.end]
        if own:
            firsts.append((own[0].onset, share))
            lasts.append((own[-1].end, share))
    return _range(firsts, run.onset), _range(lasts, run.end)


def peak_probability(days: Sequence[DayOutlook], threshold: int) -> float:
    """Return the probability that the likeliest day from today on exceeds a threshold [1]."""
    return max((d.probability[str(threshold)] for d in days if d.lead_day >= 0), default=0.0)


def opens(day: DayOutlook, city_id: str, number: int, policy: Policy) -> bool:
    """Tell whether a day from today on has the probability that opens a level of a city."""
    probability = day.probability[str(policy.thresholds(city_id)[number - 1])]
    return day.lead_day >= 0 and probability >= policy.opening(city_id, number, day.lead_day)


def keeps(day: DayOutlook, city_id: str, number: int, policy: Policy) -> bool:
    """Tell whether a day from today on has the probability that keeps a level of a city."""
    probability = day.probability[str(policy.thresholds(city_id)[number - 1])]
    return day.lead_day >= 0 and probability >= policy.keeping(city_id, number, day.lead_day)


def level_reached(days: Sequence[DayOutlook], city_id: str, policy: Policy, held: int) -> int:
    """Return the highest level number that holds: up to level ``held`` it needs to be kept, else opened."""
    level = 0
    for number in range(1, len(policy.level) + 1):
        holds = keeps if number <= held else opens
        if not any(holds(day, city_id, number, policy) for day in days):
            break
        level = number
    return level


def _merged(days: Sequence[DayOutlook], timezone: str, gap_hours: int) -> list[ExceedingRun]:
    runs: list[ExceedingRun] = []
    for day in days:
        start, end = local_day_bounds(date.fromisoformat(day.day), timezone)
        if runs and start - runs[-1].end < timedelta(hours=gap_hours):
            runs[-1] = ExceedingRun((*runs[-1].days, day), runs[-1].onset, end)
        else:
            runs.append(ExceedingRun((day,), start, end))
    return runs


def _range(found: Sequence[tuple[datetime, float]], best: datetime) -> Range:
    """Return the instants by which the first and the last tenth of the weights lie, around the estimate."""
    if not found:
        return ()
    whole, reached, ends = sum(share for _, share in found), 0.0, []
    wanted = list(QUANTILES)
    for instant, share in sorted(found):
        reached += share
        while wanted and reached >= wanted[0] * whole - 1e-12:
            ends.append(instant)
            wanted.pop(0)
    return iso(min(ends[0], best)), iso(max(ends[-1], best))
