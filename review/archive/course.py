"""What happened in a cycle, in order: drafts, decisions, texts issued and sent, each at its instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from pipeline.ledger.warning_tables import (
    acknowledgements,
    outbox,
    signatures,
    warning_events,
    warnings,
)

ORDER: Final = (
    "expired", "ended", "draft", "in_review", "object", "approve", "rejected", "issued", "updated", "sent",
)  # fmt: skip
"""The order in which things of the same instant are told."""


@dataclass(frozen=True)
class Step:
    """One thing that happened: ``kind`` is a state of a version, a decision, ``sent`` or ``acknowledged``.

    ``party`` and ``person`` are of decisions; ``count`` of messages.
    """

    at: datetime
    kind: str
    warning_id: str = ""
    version: int = 0
    party: str = ""
    person: str = ""
    reason: str = ""
    count: int = 0


@dataclass(frozen=True)
class Course:
    """A cycle from its snapshot to that of the next, exclusive; ``end`` is None for the newest."""

    start: datetime
    end: datetime | None
    steps: tuple[Step, ...]

    @property
    def instants(self) -> tuple[datetime, ...]:
        """Return when anything happened, the snapshot first."""
        return tuple(sorted({self.start, *(step.at for step in self.steps)}))

    def until(self, at: datetime) -> tuple[Step, ...]:
        """Return what had happened by an instant."""
        return tuple(step for step in self.steps if step.at <= at)

    def around(self, at: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the instants before and after one; None at the ends of the cycle."""
        before = [one for one in self.instants if one < at]
        after = [one for one in self.instants if one > at]
        return (before[-1] if before else None), (after[0] if after else None)

    def holds(self, at: datetime) -> bool:
        """Tell whether an instant lies in the cycle."""
        return self.start <= at and (self.end is None or at < self.end)


def course_of(conn: Connection, world: str, start: datetime, end: datetime | None) -> Course:
    """Return what happened in a cycle from its snapshot to its end, exclusive."""
    place = {kind: number for number, kind in enumerate(ORDER)}
    reads = (_events, _decisions, _sent, _acknowledged)
    steps = [step for read in reads for step in read(conn, world, start, end)]
    return Course(start, end, tuple(sorted(steps, key=lambda s: (s.at, place.get(s.kind, len(ORDER))))))


def _events(conn: Connection, world: str, start: datetime, end: datetime | None) -> list[Step]:
    e = warning_events.c
    query = select(e.at, e.state, e.warning_id, e.version, e.reason)
    found = conn.execute(query.where(*_within(e.warning_id, e.at, world, start, end)))
    return [Step(r.at, r.state, r.warning_id, r.version, reason=r.reason or "") for r in found]


def _decisions(conn: Connection, world: str, start: datetime, end: datetime | None) -> list[Step]:
    s = signatures.c
    found = conn.execute(select(signatures).where(*_within(s.warning_id, s.at, world, start, end)))
    return [Step(r.at, r.decision, r.warning_id, r.version, r.party, r.person, r.reason or "") for r in found]


def _sent(conn: Connection, world: str, start: datetime, end: datetime | None) -> list[Step]:
    o = outbox.c
    told = (o.sent_at, o.warning_id, o.version)
    within = _within(o.warning_id, o.sent_at, world, start, end)
    return _counted(conn, "sent", select(*told, func.count()).where(*within).group_by(*told))


def _acknowledged(conn: Connection, world: str, start: datetime, end: datetime | None) -> list[Step]:
    a = acknowledgements.c
    told = (a.at, a.warning_id, a.version)
    within = _within(a.warning_id, a.at, world, start, end)
    return _counted(conn, "acknowledged", select(*told, func.count()).where(*within).group_by(*told))


def _counted(conn: Connection, kind: str, query: Select[Any]) -> list[Step]:
    return [Step(r[0], kind, r[1], r[2], count=r[3]) for r in conn.execute(query)]


def _within(
    warning_id: ColumnElement[str],
    at: ColumnElement[datetime],
    world: str,
    start: datetime,
    end: datetime | None,
) -> list[ColumnElement[bool]]:
    """Return the condition that something is of a world and of a stretch of time, [start, end)."""
    here = select(warnings.c.id).where(warnings.c.world == world)
    found = [warning_id.in_(here), at >= start]
    return found if end is None else [*found, at < end]
