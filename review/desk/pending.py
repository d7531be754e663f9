"""What waits for a decision: the question, who has answered it, by when, and what silence would mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from alerts.content import CityOutlook, WarningContent
from alerts.policy import Policy
from alerts.rechecked import rechecked
from alerts.timetable import decision_of
from alerts.versions import IN_FORCE, OPEN, required_parties
from pipeline.ledger.warnings import VersionRow, read_signatures
from pipeline.times import parse_instant
from review.desk.known import Present

Silence = Literal["expires", "alone", "issued", "kept", "rejected"]
"""What comes of a version if nobody says anything more: it expires; what one party approved goes out as that
party's own warning; it is complete and goes out; it expires and what is in force stays; it is rejected."""


@dataclass(frozen=True)
class Ground:
    """The strongest signal of one city in a text: its day, threshold [ug m-3], chance and that of opening."""

    city: str
    day: date
    lead_day: int
    threshold: int
    chance: float
    opening: float


@dataclass(frozen=True)
class Pending:
    """A version that waits for decisions.

    ``minutes_left`` count to the deadline, below 0 when it is over; ``own_time``: those of an exercise, whose
    clock stands still until somebody decides. ``decision`` is when the decision that the cycle serves is
    made, ``silence`` what comes of it if nobody says anything more, ``alone`` for which parties.
    """

    row: VersionRow
    content: WarningContent
    grounds: tuple[Ground, ...]
    approved: tuple[str, ...]
    objected: tuple[str, ...]
    unsigned: tuple[str, ...]
    minutes_left: int
    own_time: bool
    decision: datetime | None
    silence: Silence
    alone: tuple[str, ...]
    beside: dict[str, Any] | None

    @property
    def is_over(self) -> bool:
        """Tell whether the deadline has passed."""
        return self.minutes_left < 0


def pending_versions(
    conn: Connection, versions: Sequence[VersionRow], policy: Policy, present: Present
) -> tuple[Pending, ...]:
    """Return what waits for a decision, the nearest deadline first and what is over last."""
    forced = {row.warning_id for row in versions if row.state in IN_FORCE and row.expires >= present.at}
    found = [
        _pending(conn, row, policy, present, is_forced=row.warning_id in forced)
        for row in versions
        if row.state in OPEN
    ]
    return tuple(sorted(found, key=lambda one: (one.is_over, one.row.review_deadline, one.row.warning_id)))


def grounds_of(content: WarningContent, policy: Policy) -> tuple[Ground, ...]:
    """Return for each city of a text the day on which its threshold is most likely exceeded.

    The threshold is that of the joint level of the text; of a text without one, that of the highest level
    which a day of the city opens by the policy, else of the lowest.

    >>> from alerts.examples import example_content
    >>> from alerts.policy import load_policy
    >>> [(g.city, g.threshold) for g in grounds_of(example_content(level="J2"), load_policy())]
    [('beijing', 115), ('seoul', 75)]
    """
    levels = {level.id: number for number, level in enumerate(policy.level, start=1)}
    return tuple(_ground(city, levels.get(content.level, 0), policy) for city in content.cities if city.days)


def silence_of(
    content: WarningContent, approved: Sequence[str], objected: Sequence[str], *, is_forced: bool
) -> Silence:
    """Return what comes of a version if nobody says anything more until its deadline.

    >>> from alerts.examples import example_content
    >>> joint = example_content()
    >>> [silence_of(joint, said, (), is_forced=False) for said in ((), ("seoul",), ("beijing", "seoul"))]
    ['expires', 'alone', 'issued']
    >>> silence_of(joint, (), ("seoul",), is_forced=False), silence_of(joint, (), (), is_forced=True)
    ('rejected', 'kept')
    """
    if set(required_parties(content)) <= set(approved):
        return "issued"
    if approved and content.product == "joint_warning" and content.kind in ("alert", "update"):
        return "alone"
    if objected:
        return "rejected"
    return "kept" if is_forced else "expires"


def _pending(
    conn: Connection, row: VersionRow, policy: Policy, present: Present, *, is_forced: bool
) -> Pending:
    content = WarningContent.from_dict(row.content)
    said = {
        s.party: s.decision
        for s in read_signatures(conn, row.warning_id, row.version)
        if s.content_digest == row.content_digest and s.at <= present.at
    }
    approved = tuple(sorted(p for p, word in said.items() if word == "approve"))
    objected = tuple(sorted(p for p, word in said.items() if word == "object"))
    issue = parse_instant(content.issue_time)
    silence = silence_of(content, approved, objected, is_forced=is_forced)
    return Pending(
        row,
        content,
        grounds_of(content, policy),
        approved,
        objected,
        tuple(p for p in required_parties(content) if p not in said),
        int((row.review_deadline - present.at).total_seconds() // 60),
        present.own_time,
        decision_of(policy.task(issue), issue, policy.review.timezone),
        silence,
        approved if silence == "alone" else (),
        rechecked(conn, row, present.at),
    )


def _ground(city: CityOutlook, level: int, policy: Policy) -> Ground:
    """Return the strongest day of a city at the threshold of a joint level; 0: the highest that one opens."""
    strongest = {
        number: max(city.days, key=lambda day: day.probability.get(str(threshold), 0.0))
        for number, threshold in enumerate(policy.thresholds(city.city), start=1)
    }
    thresholds = dict(enumerate(policy.thresholds(city.city), start=1))
    chances = {n: day.probability.get(str(thresholds[n]), 0.0) for n, day in strongest.items()}
    openings = {n: policy.opening(city.city, n, day.lead_day) for n, day in strongest.items()}
    chosen = level or max((n for n in chances if chances[n] >= openings[n]), default=1)
    day = strongest[chosen]
    return Ground(
        city.city,
        date.fromisoformat(day.day),
        day.lead_day,
        thresholds[chosen],
        chances[chosen],
        openings[chosen],
    )
