"""Whether a new statement differs from the one that is out in something a reader acts on."""

from __future__ import annotations

from typing import Final

from alerts.content import CityOutlook, WarningContent
from alerts.policy import Policy
from pipeline.times import parse_instant

ONSET_DAY_HOURS: Final = 24
"""An onset that is measured within the day that was named is no news: recipients hold it to be over."""


def material_changes(old: WarningContent, new: WarningContent, policy: Policy) -> tuple[str, ...]:
    """Return what changed enough to be said: level, cities, onset, end, probability class; empty if nothing.

    Small shifts are measured against what is out, not against the last run, so they add up until they
    matter and a wavering forecast brings no updates.
    """
    changes = []
    if old.level != new.level:
        changes.append(f"level {old.level or 'none'} to {new.level or 'none'}")
    before = {c.city: c for c in old.cities}
    if set(before) != {c.city for c in new.cities}:
        changes.append("other cities")
    for city in new.cities:
        if city.city in before:
            changes += _city_changes(before[city.city], city, new.issue_time, policy)
    return tuple(changes)


def lowest_probability(city: CityOutlook, policy: Policy) -> float:
    """Return the probability that the likeliest day from today on exceeds the city's lowest threshold [1]."""
    lowest = str(policy.thresholds(city.city)[0])
    return max((d.probability.get(lowest, 0.0) for d in city.days if d.lead_day >= 0), default=0.0)


def probability_class(probability: float, policy: Policy, held: int | None = None) -> int:
    """Return the class of a probability; away from class ``held`` only once an edge is passed by the margin.

    >>> from alerts.policy import load_policy
    >>> [probability_class(p, load_policy(), held=1) for p in (0.48, 0.72, 0.76)]
    [1, 1, 2]
    """
    edges, margin = policy.probability.classes, policy.probability.class_margin
    if held is None:
        return sum(probability >= edge for edge in edges)
    risen = sum(probability >= edge + margin for edge in edges)
    fallen = sum(probability > edge - margin for edge in edges)
    return max(min(held, fallen), risen)


def _city_changes(old: CityOutlook, new: CityOutlook, issue_time: str, policy: Policy) -> list[str]:
    changes = []
    for name, limit in (("onset", policy.change.onset_hours), ("end", policy.change.end_hours)):
        shift = parse_instant(getattr(new, name)) - parse_instant(getattr(old, name))
        hours = shift.total_seconds() / 3600
        measured = name == "onset" and new.onset <= issue_time and 0 <= hours < ONSET_DAY_HOURS
        if abs(hours) >= limit and not measured:
            changes.append(f"{new.city}: {name} {hours:+.0f} h")
    held = probability_class(lowest_probability(old, policy), policy)
    now = probability_class(lowest_probability(new, policy), policy, held)
    if now != held:
        changes.append(f"{new.city}: probability {'higher' if now > held else 'lower'}")
    return changes
