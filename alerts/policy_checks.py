"""Every way in which a policy can contradict itself, as (field, complaint)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.choice_checks import choice_faults
from alerts.recipient_checks import LEVELS
from alerts.timetable import timetable_faults
from pipeline.cities import all_cities
from pipeline.names import PM_THRESHOLDS
from pipeline.times import CYCLE_HOURS_UTC, FORECAST_DAYS

if TYPE_CHECKING:
    from alerts.policy import Policy
    from alerts.policy_parts import Review


def faults(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield every contradiction as (field, complaint)."""
    yield from _level_faults(policy)
    p, s, r, e = policy.probability, policy.persistence, policy.review, policy.expiry
    checks = {
        "probability.open": (0 < p.open <= 1, "must be above 0 and at most 1"),
        "probability.keep": (0 < p.keep <= p.open, "must be above 0 and at most probability.open"),
        "probability.classes": (
            _rises(p.classes) and all(0 < c < 1 for c in p.classes),
            "must rise between 0 and 1",
        ),
        "probability.class_margin": (0 <= p.class_margin < 0.5, "must be at least 0 and below 0.5"),
        "persistence.immediate_lead_days": (
            0 <= s.immediate_lead_days <= FORECAST_DAYS,
            f"must be 0 to {FORECAST_DAYS}, the days that are forecast",
        ),
        "persistence.immediate_probability": (
            p.open <= s.immediate_probability <= 1,
            "must be at least probability.open and at most 1",
        ),
        "persistence.cycles_to_open": (s.cycles_to_open >= 1, "must be at least 1"),
        "persistence.cycles_to_end": (s.cycles_to_end >= 1, "must be at least 1"),
        "persistence.merge_gap_hours": (s.merge_gap_hours > 0, "must be above 0"),
        "assessment.recent_hours": (policy.assessment.recent_hours > 0, "must be above 0"),
        "assessment.minimum_share": (0 < policy.assessment.minimum_share <= 1, "must be above 0, at most 1"),
        "link.maximum_lag_days": (0 <= policy.link.maximum_lag_days <= FORECAST_DAYS, "must be 0 to 3"),
        "link.minimum_lift": (policy.link.minimum_lift >= 1, "must be at least 1, which is no association"),
        "link.maximum_p_value": (0 < policy.link.maximum_p_value <= 0.2, "must be above 0, at most 0.2"),
        "link.minimum_path_share": (0 <= policy.link.minimum_path_share <= 1, "must be 0 to 1"),
        "link.minimum_confidence": (
            policy.link.minimum_confidence in ("none", "weak", "moderate", "strong"),
            "must be none, weak, moderate or strong",
        ),
        "review.silence": (r.silence == "expires", "must be 'expires': nothing unapproved is ever issued"),
        "review.hours_otherwise": (0 < r.hours_otherwise <= 6, "must be 1 to 6, before the next cycle"),
        "products.single_party_approval": (
            policy.products.single_party_approval == "single_city_warning",
            "must be 'single_city_warning', the only rule there is",
        ),
        "products.notice_probability": (
            0 < policy.products.notice_probability <= p.open,
            "must be above 0 and at most probability.open",
        ),
        "expiry.minimum_hours": (0 < e.minimum_hours <= e.maximum_hours, "must not exceed maximum_hours"),
        "expiry.all_clear_hours": (0 < e.all_clear_hours <= e.maximum_hours, "must not exceed maximum_hours"),
        "findings.minimum_probability": (0 <= policy.findings.minimum_probability <= 1, "must be 0 to 1"),
        "delivery.resend_unknown_from": (
            policy.delivery.resend_unknown_from in ("never", *(level.id for level in policy.level)),
            "must be 'never' or one of the levels",
        ),
        "delivery.digest_at": (_is_time(policy.delivery.digest_at), "must be a time of day such as 18:00"),
        "observers.embargo_hours": (
            policy.observers.embargo_hours >= 6,
            "must be at least 6, so that no observer sees a cycle that is being decided",
        ),
        "drill.approves_for_all": (policy.drill.approves_for_all, "must be true: a drill has nobody to ask"),
        "drill.cap_status": (
            policy.drill.cap_status == "Exercise",
            "must be 'Exercise'; 'Test' marks live warnings of a policy not yet agreed",
        ),
    }
    yield from ((field, complaint) for field, (holds, complaint) in checks.items() if not holds)
    yield from _review_faults(r)
    if policy.level:
        yield from choice_faults(policy)
    yield from timetable_faults(policy.timetable, policy.duty, r.timezone)


def _level_faults(policy: Policy) -> Iterator[tuple[str, str]]:
    if not policy.level:
        yield "level.id", "is missing: at least one joint level is needed"
        return
    cities = set(policy.level[0].threshold)
    if tuple(level.id for level in policy.level) != LEVELS[: len(policy.level)]:
        yield "level.id", f"must be {', '.join(LEVELS)} in this order: recipients and messages know no others"
    for unknown in sorted(cities - set(all_cities())):
        yield "level.threshold", f"names the unknown city '{unknown}'"
    for level in policy.level:
        if set(level.threshold) != cities:
            yield "level.threshold", f"of {level.id} names other cities than that of {policy.level[0].id}"
            return
        if not set(level.threshold.values()) <= set(PM_THRESHOLDS):
            yield "level.threshold", f"of {level.id} holds a number that is not one of {PM_THRESHOLDS}"
    if not all(_rises(policy.thresholds(city)) for city in cities):
        yield "level.threshold", "must rise from level to level in every city"


def _review_faults(review: Review) -> Iterator[tuple[str, str]]:
    try:
        zone = ZoneInfo(review.timezone)
        decision = time.fromisoformat(review.decision)
        deadlines = {int(hour): time.fromisoformat(at) for hour, at in review.deadline.items()}
    except (ZoneInfoNotFoundError, ValueError) as error:
        yield "review.deadline", f"or decision or timezone cannot be read: {error}"
        return
    cycle_hours = {
        datetime(2020, 1, 1, h, tzinfo=ZoneInfo("UTC")).astimezone(zone).hour for h in CYCLE_HOURS_UTC
    }
    for hour, at in deadlines.items():
        if hour not in cycle_hours:
            yield "review.deadline", f"names {hour} h, which is no cycle ({sorted(cycle_hours)})"
        elif not time(hour) < at <= decision:
            yield "review.deadline", f"{at:%H:%M} must lie after the {hour} h cycle, not after the decision"


def _rises(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True
