"""A worked example of a warning: both cities, four days each, links and rule findings; numbers invented.

For tests, documentation and previews of wording. It belongs to a simulated world and is an exercise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alerts.content import CityOutlook, DayOutlook, LinkEvidence, Reference, RuleFinding, WarningContent
from alerts.identifiers import alert_identifier
from alerts.origin_example import example_panel
from alerts.origin_note import origin_notes
from pipeline.names import PM_THRESHOLDS

_BEIJING_DAYS = (
    # day, lead day, mean, q10, q90 [ug m-3], observed share of the day
    ("2026-01-14", 0, 88.4, 79.0, 101.2, 0.667),
    ("2026-01-15", 1, 162.7, 118.3, 214.9, 0.0),
    ("2026-01-16", 2, 131.5, 78.6, 198.0, 0.0),
    ("2026-01-17", 3, 47.2, 18.4, 96.3, 0.0),
)
_SEOUL_DAYS = (
    ("2026-01-14", 0, 31.8, 28.1, 36.4, 0.708),
    ("2026-01-15", 1, 58.3, 39.7, 81.5, 0.0),
    ("2026-01-16", 2, 96.1, 58.2, 139.4, 0.0),
    ("2026-01-17", 3, 71.9, 33.0, 121.7, 0.0),
)


def _probability(threshold: float, q10: float, q90: float) -> float:
    """Return an invented but falling exceedance probability: linear between the quantiles, bounded [1]."""
    share = 0.9 - 0.8 * (threshold - q10) / (q90 - q10)
    return round(min(max(share, 0.005), 0.995), 3)


def _days(rows: tuple[tuple[str, int, float, float, float, float], ...]) -> tuple[DayOutlook, ...]:
    """Return the days of one city's table above."""
    return tuple(
        DayOutlook(
            day, lead, mean, q10, q90, {str(t): _probability(t, q10, q90) for t in PM_THRESHOLDS}, share
        )
        for day, lead, mean, q10, q90, share in rows
    )


def _cities() -> tuple[CityOutlook, ...]:
    """Return both outlooks: Beijing first, as the air comes from there in this example."""
    return (
        CityOutlook(
            city="beijing",
            party="beijing",
            onset="2026-01-14T04:00:00Z",
            end="2026-01-16T16:00:00Z",
            peak_day="2026-01-15",
            peak_mean=162.7,
            days=_days(_BEIJING_DAYS),
            episode_id="beijing-01KEX0000000000000000000B1",
        ),
        CityOutlook(
            city="seoul",
            party="seoul",
            onset="2026-01-14T21:00:00Z",
            end="2026-01-17T15:00:00Z",
            peak_day="2026-01-16",
            peak_mean=96.1,
            days=_days(_SEOUL_DAYS),
            episode_id="seoul-01KEX0000000000000000000S1",
        ),
    )


def _rules() -> tuple[RuleFinding, ...]:
    """Return national findings as they stand beside the joint level."""
    rows = (
        # rule, version, city, day, level, probability, basis, evidence, note
        ("kr.grade", "2018-03-27", "seoul", "2026-01-15", "kr.grade.bad", 0.97, "forecast", "found", ""),
        ("kr.grade", "2018-03-27", "seoul", "2026-01-16", "kr.grade.very_bad", 0.71, "forecast", "found", ""),
        (
            "kr.advisory.pm2p5",
            "2018-07-01",
            "seoul",
            "2026-01-15",
            "kr.advisory.pm2p5.none",
            0.83,
            "forecast",
            "found",
            "start date = planned date in press; the weather, which may delay a lift, is not considered",
        ),
        (
            "kr.advisory.pm2p5",
            "2018-07-01",
            "seoul",
            "2026-01-16",
            "kr.advisory.pm2p5.advisory",
            0.64,
            "forecast",
            "found",
            "start date = planned date in press; the weather, which may delay a lift, is not considered",
        ),
        (
            "cn.aqi",
            "HJ 633-2012",
            "beijing",
            "2026-01-15",
            "cn.aqi.heavy",
            0.6,
            "forecast",
            "found",
            "gases not forecast: the index is at least this",
        ),
        (
            "cn.alert.beijing",
            "2023-11-01",
            "beijing",
            "2026-01-15",
            "",
            None,
            "",
            "partly",
            "not decidable: no running 24-h mean of the day has 75 % of its intervals",
        ),
    )
    return tuple(RuleFinding(*row) for row in rows)


def example_content(**changes: Any) -> WarningContent:
    """Return a joint warning of a simulated world, first version; keyword arguments replace fields.

    Of another product it says nothing of origins, unless they are given.

    >>> content = example_content(level="J3")
    >>> content.level, [c.city for c in content.cities], len(content.cities[0].days)
    ('J3', ['beijing', 'seoul'], 4)
    >>> WarningContent.from_dict(content.to_dict()) == content
    True
    """
    content = WarningContent(
        warning_id="01KEXAMP0E0000000000000001",
        version=1,
        product="joint_warning",
        kind="alert",
        level="J2",
        cap_status="Exercise",
        world="simulated-7",
        simulated=True,
        parties=("beijing", "seoul"),
        cities=_cities(),
        links=(
            LinkEvidence(
                "beijing", "seoul", 18.0, 2.4, 412, "lagged exceedance of the city means", 0.64, "weak"
            ),
        ),
        rules=_rules(),
        run_id="01KEXRVN000000000000000001",
        issue_time="2026-01-14T08:00:00Z",
        as_of="2026-01-14T08:00:00Z",
        model_id="gbm-pm2p5-simulated-7-20260101",
        degraded="",
        inputs_missing=(),
        onset="2026-01-14T04:00:00Z",
        expires="2026-01-17T15:00:00Z",
        review_deadline="2026-01-14T10:00:00Z",
        policy_version="1",
        origins=origin_notes(example_panel()),
    )
    if changes.get("product", "joint_warning") != "joint_warning":
        changes = {"origins": (), **changes}
    return replace(content, **changes)


def example_update(first: WarningContent, **changes: Any) -> WarningContent:
    """Return the version that follows ``first`` six hours later and references every version before it.

    >>> update = example_update(example_content())
    >>> update.version, update.kind, [r.version for r in update.references]
    (2, 'update', [1])
    """
    reference = Reference(
        first.version, alert_identifier(first.warning_id, first.version), "2026-01-14T08:40:00Z"
    )
    defaults: dict[str, Any] = {
        "version": first.version + 1,
        "kind": "update",
        "issue_time": "2026-01-14T14:00:00Z",
        "as_of": "2026-01-14T14:00:00Z",
        "review_deadline": "2026-01-14T16:00:00Z",
        "run_id": "01KEXRVN000000000000000002",
        "references": (*first.references, reference),
        "reason": "newer run",
    }
    return replace(first, **{**defaults, **changes})
