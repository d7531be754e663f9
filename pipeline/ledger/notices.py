"""What operators were told about a subject: once, again when it is worse, and when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from pipeline.ledger.source_tables import operator_notices


@dataclass(frozen=True)
class Condition:
    """How a subject stands now; severity 0 is well, higher is worse."""

    subject: str
    state: str
    severity: int
    text: str


@dataclass(frozen=True)
class Notice:
    """One thing to tell."""

    seq: int
    condition: Condition
    at: datetime


def note_changes(
    conn: Connection, world: str, conditions: Iterable[Condition], *, at: datetime
) -> list[Condition]:
    """Write down what is new: a subject that fell ill, got worse, or is well again; return those.

    A subject that stays as it is, or gets better without being well, gives no notice.
    """
    new = changes(conn, world, conditions)
    if new:
        rows = [{"world": world, "at": at, **vars(c)} for c in new]
        conn.execute(insert(operator_notices), rows)
    return new


def changes(conn: Connection, world: str, conditions: Iterable[Condition]) -> list[Condition]:
    """Return what is new of conditions, as :func:`note_changes` would write it down."""
    told = _told(conn, world)
    return [c for c in conditions if _is_news(c, told.get(c.subject, 0))]


def _is_news(condition: Condition, told: int) -> bool:
    return condition.severity > told or (condition.severity == 0 and told > 0)


def _told(conn: Connection, world: str) -> dict[str, int]:
    """Return the severity that each subject had in its newest notice."""
    c = operator_notices.c
    last = select(func.max(c.seq)).where(c.world == world).group_by(c.subject)
    query = select(c.subject, c.severity).where(c.seq.in_(last))
    return {subject: severity for subject, severity in conn.execute(query)}


def in_trouble(conn: Connection, world: str) -> list[str]:
    """Return the subjects that were told to be ill and not yet to be well again."""
    return sorted(subject for subject, severity in _told(conn, world).items() if severity)


def unsent_notices(conn: Connection, world: str) -> list[Notice]:
    """Return the notices whose mail has not left yet, oldest first."""
    c = operator_notices.c
    query = select(operator_notices).where(c.world == world, c.sent_at.is_(None)).order_by(c.seq)
    return [
        Notice(r.seq, Condition(r.subject, r.state, r.severity, r.text), r.at) for r in conn.execute(query)
    ]


def mark_sent(conn: Connection, notices: Sequence[Notice], at: datetime | None) -> None:
    """Remember that the mail with these notices has left; None: that it has not."""
    c = operator_notices.c
    conn.execute(update(operator_notices).where(c.seq.in_([n.seq for n in notices])).values(sent_at=at))
