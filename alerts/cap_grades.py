"""Urgency, severity and certainty of a CAP message; an own proposal, no official mapping of any country.

Severity, from the highest threshold that some day of some city exceeds rather than not (probability ≥ 0.5):

============================================  ==========
daily mean of PM2.5 [ug m-3]                  severity
============================================  ==========
> 250 (AQI > 300)                             Extreme
> 150 (AQI > 200)                             Severe
> 75, or > 50 on two days running             Moderate
otherwise                                     Minor
============================================  ==========

Certainty is the probability of that threshold: Observed where the day was measured throughout, Likely from
0.66, Possible from 0.33, else Unlikely. Urgency is Immediate within an hour of the onset, Expected within
24 h, else Future. An all-clear or a cancellation is Past, Minor and Observed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from alerts.content import CityOutlook, DayOutlook, WarningContent
from pipeline.times import parse_instant, to_utc

EVEN: Final = 0.5
_LAST_WORDS: Final = ("all_clear", "cancel")


class _Grade(NamedTuple):
    severity: str
    probability: float
    observed: bool


def severity(content: WarningContent) -> str:
    """Return CAP severity.

    >>> from alerts.examples import example_content
    >>> severity(example_content())
    'Severe'
    """
    return _grade(content).severity


def certainty(content: WarningContent) -> str:
    """Return CAP certainty.

    >>> from alerts.examples import example_content
    >>> certainty(example_content())
    'Possible'
    """
    grade = _grade(content)
    if grade.observed:
        return "Observed"
    if grade.probability >= 0.66:
        return "Likely"
    return "Possible" if grade.probability >= 0.33 else "Unlikely"


def urgency(content: WarningContent, sent: datetime) -> str:
    """Return CAP urgency at the time of sending.

    >>> from alerts.examples import example_content
    >>> urgency(example_content(onset="2026-01-15T04:00:00Z"), parse_instant("2026-01-14T08:00Z"))
    'Expected'
    """
    if content.kind in _LAST_WORDS:
        return "Past"
    ahead = parse_instant(content.onset) - to_utc(sent)
    if ahead <= timedelta(hours=1):
        return "Immediate"
    return "Expected" if ahead <= timedelta(hours=24) else "Future"


def _grade(content: WarningContent) -> _Grade:
    """Return the worst grade over all cities; the likelier of equals."""
    if content.kind in _LAST_WORDS:
        return _Grade("Minor", 1.0, observed=True)
    days = [day for outlook in content.cities for day in outlook.days]
    for name, threshold in (("Extreme", 250), ("Severe", 150), ("Moderate", 75)):
        best = _best(days, threshold)
        if best.probability >= EVEN:
            return best._replace(severity=name)
    running = max((_two_days(outlook) for outlook in content.cities), default=0.0)
    if running >= EVEN:
        return _Grade("Moderate", running, observed=False)
    return _best(days, 35)


def _best(days: list[DayOutlook], threshold: int) -> _Grade:
    """Return the day that most probably exceeds a threshold [ug m-3]."""
    rated = [_Grade("Minor", d.probability.get(str(threshold), 0.0), d.observed_share >= 1.0) for d in days]
    return max(
        rated, key=lambda grade: (grade.probability, grade.observed), default=_Grade("Minor", 0.0, False)
    )


def _two_days(outlook: CityOutlook) -> float:
    """Return the highest probability that both of two days running can claim for > 50 ug m-3."""
    chances = [day.probability.get("50", 0.0) for day in outlook.days]
    return max((min(pair) for pair in pairwise(chances)), default=0.0)
