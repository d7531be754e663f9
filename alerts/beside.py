"""How what the other side has published compares with a warning, day by day; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from alerts.content import CityOutlook, WarningContent
from alerts.policy import Policy
from pipeline.bulletins import Bulletin

Outcome = Literal["agrees", "expects more", "expects less", "differs by day", "not comparable", "absent"]


@dataclass(frozen=True)
class Compared:
    """One day of one city: what the other side says [ug m-3], and whether either expects an exceedance."""

    city: str
    day: str
    said: float
    theirs: bool
    ours: bool


def compared(content: WarningContent, bulletins: Iterable[Bulletin], policy: Policy) -> tuple[Compared, ...]:
    """Return the days of a warning of which bulletins give a mean of PM2.5, by city and day.

    A range counts by its middle. We expect a day to exceed the city's lowest threshold where more than half
    of the samples do. What gives only a grade, or another quantity, is not compared.
    """
    found: dict[tuple[str, str], Compared] = {}
    for bulletin in bulletins:
        said = bulletin.content
        if bulletin.kind != "forecast" or said.get("pollutant") != "pm2p5":
            continue
        for region in said.get("regions", {}).values():
            for city in (c for c in content.cities if c.city == region.get("city")):
                one = _compare(city, str(said.get("target_date", "")), region, policy)
                if one is not None:
                    found.setdefault((one.city, one.day), one)
    return tuple(found[key] for key in sorted(found))


def outcome_of(days: Iterable[Compared]) -> Outcome:
    """Return in one word what the comparison says.

    >>> outcome_of([Compared("seoul", "2026-01-15", 62.0, True, True)])
    'agrees'
    >>> outcome_of([Compared("seoul", "2026-01-15", 62.0, True, False)])
    'expects more'
    >>> outcome_of([])
    'not comparable'
    """
    steps = {one.theirs - one.ours for one in days}
    if not steps:
        return "not comparable"
    if steps == {0}:
        return "agrees"
    if {1, -1} <= steps:
        return "differs by day"
    return "expects more" if 1 in steps else "expects less"


def _compare(city: CityOutlook, day: str, region: dict[str, Any], policy: Policy) -> Compared | None:
    outlook = next((d for d in city.days if d.day == day), None)
    ends = [float(region[name]) for name in ("low", "high") if region.get(name) is not None]
    value = region.get("value")
    if outlook is None or (value is None and not ends):
        return None
    said = float(value) if value is not None else sum(ends) / len(ends)
    lowest = policy.thresholds(city.city)[0]
    return Compared(city.city, day, said, said > lowest, outlook.probability[str(lowest)] > 0.5)
