"""What the air was like in a period: days measured, days above each value, the highest, years before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from flows.joint_report.period import Period

Plain = dict[str, Any]
YEARS_BEFORE: Final = 3


def outcome_of(means: Mapping[date, float], period: Period, thresholds: Sequence[int]) -> Plain:
    """Return what was measured in a city on the days of a period.

    Returns
    -------
    ``days``, ``measured`` days, ``mean`` [ug m-3] over these, ``highest`` with its day, days ``above`` each
    threshold, and mean and measured days of the same days in years before (``before``)

    Examples
    --------
    >>> week = Period("month", "x", date(2019, 3, 1), date(2019, 3, 4))
    >>> found = outcome_of({date(2019, 3, 1): 30.0, date(2019, 3, 2): 80.0}, week, (35,))
    >>> found["measured"], found["mean"], found["above"], found["highest_day"]
    (2, 55.0, {'35': 1}, '2019-03-02')
    """
    mine = _within(means, period)
    highest = max(mine, key=lambda day: (mine[day], day), default=None)
    return {
        "days": period.days,
        "measured": len(mine),
        "mean": _mean(mine),
        "highest": None if highest is None else round(mine[highest], 1),
        "highest_day": None if highest is None else highest.isoformat(),
        "above": {str(t): sum(v > t for v in mine.values()) for t in thresholds},
        "before": [_before(means, period.before(n)) for n in range(1, YEARS_BEFORE + 1)],
        "daily": {day.isoformat(): round(value, 2) for day, value in sorted(mine.items())},
    }


def _before(means: Mapping[date, float], period: Period) -> Plain:
    mine = _within(means, period)
    return {"first": period.first.isoformat(), "measured": len(mine), "mean": _mean(mine)}


def _within(means: Mapping[date, float], period: Period) -> dict[date, float]:
    return {day: value for day, value in means.items() if period.first <= day <= period.last}


def _mean(values: Mapping[date, float]) -> float | None:
    return round(sum(values.values()) / len(values), 2) if values else None
