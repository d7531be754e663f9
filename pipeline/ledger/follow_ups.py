"""Which messages need something to follow: a substitute, a reminder, or the word of an operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select

from pipeline.ledger.deliveries import CARRIERS, OutboxRow, of_world, row_of
from pipeline.ledger.recipient_tables import recipients
from pipeline.ledger.warning_tables import acknowledgements, outbox

PAGE = 500
"""Rows that are read at a time, so that memory does not grow with the number of recipients."""


def stuck_messages(
    conn: Connection, now: datetime, waiting_since: datetime, world: str | None = None
) -> list[OutboxRow]:
    """Return warnings that the first channel does not bring and that nothing else brings yet.

    They failed, are of unknown fate, or have been waiting since ``waiting_since``; none is over, and none
    has a substitute or a later version on its way to the same recipient.
    """
    c, other = outbox.c, outbox.alias()
    helped = exists().where(
        other.c.warning_id == c.warning_id,
        other.c.recipient == c.recipient,
        or_(
            other.c.version > c.version,
            and_(other.c.version == c.version, other.c.purpose == "substitute"),
        ),
    )
    waits = and_(c.state == "pending", c.created_at <= waiting_since)
    query = select(outbox).where(
        c.expires > now,
        c.purpose == "warning",
        or_(c.state.in_(("failed", "unknown")), waits),
        ~helped,
        *of_world(world),
    )
    return [row_of(row._mapping) for row in conn.execute(query.order_by(c.created_at, c.id))]


def _is_erased() -> ColumnElement[bool]:
    """Return the condition that the recipient of a message was erased: nothing can be sent to it any more."""
    return exists().where(recipients.c.id == outbox.c.recipient, recipients.c.erased_at.is_not(None))


def versions_out(conn: Connection, now: datetime, world: str | None = None) -> list[tuple[str, int]]:
    """Return the versions that somebody has and that are not over, as (warning, version)."""
    c = outbox.c
    query = select(c.warning_id, c.version).where(
        c.expires > now, c.purpose.in_(CARRIERS), c.state == "sent", *of_world(world)
    )
    return [(w, v) for w, v in conn.execute(query.distinct().order_by(c.warning_id, c.version))]


def unacknowledged(
    conn: Connection, version: tuple[str, int], sent_by: datetime
) -> Iterator[tuple[OutboxRow, frozenset[tuple[str, int]]]]:
    """Yield who has had a version since ``sent_by`` without a word, and the reminders already entered.

    The reminders are (purpose, number); recipients to whom a later version is on its way are left out.
    """
    warning_id, number = version
    done: dict[str, set[tuple[str, int]]] = {}
    for recipient, purpose, step in conn.execute(_steps(warning_id, number)):
        done.setdefault(recipient, set()).add((purpose, step))
    c, later = outbox.c, outbox.alias()
    said = exists().where(
        acknowledgements.c.warning_id == warning_id,
        acknowledgements.c.version == number,
        acknowledgements.c.recipient == c.recipient,
    )
    overtaken = exists().where(
        later.c.warning_id == warning_id, later.c.recipient == c.recipient, later.c.version > number
    )
    query = select(outbox).where(
        c.warning_id == warning_id,
        c.version == number,
        c.purpose.in_(CARRIERS),
        c.state == "sent",
        c.sent_at <= sent_by,
        ~said,
        ~overtaken,
        ~_is_erased(),
    )
    found = conn.execute(query.order_by(c.created_at, c.id).execution_options(yield_per=PAGE))
    for row in found:
        yield row_of(row._mapping), frozenset(done.get(row.recipient, ()))


@dataclass(frozen=True)
class Trouble:
    """A recipient whom a version has not reached; ``kind`` is unknown, failed or escalation."""

    warning_id: str
    version: int
    recipient: str
    kind: str


def troubles(conn: Connection, now: datetime, world: str | None = None) -> list[Trouble]:
    """Return whom versions that are not over have not reached, or who was asked in vain to acknowledge.

    What a later version has overtaken, or another channel has brought, is no trouble.
    """
    c, other, said = outbox.c, outbox.alias(), acknowledgements.c
    is_same = and_(other.c.warning_id == c.warning_id, other.c.recipient == c.recipient)
    brought = exists().where(
        is_same,
        or_(
            other.c.version > c.version,
            and_(
                other.c.version == c.version,
                other.c.purpose.in_(CARRIERS),
                other.c.state.in_(("sent", "pending", "sending")),
            ),
        ),
    )
    is_said = exists().where(
        said.warning_id == c.warning_id, said.version == c.version, said.recipient == c.recipient
    )
    not_here = and_(c.purpose.in_(CARRIERS), c.state.in_(("failed", "unknown")), ~brought)
    later = exists().where(is_same, other.c.version > c.version)
    in_vain = and_(c.purpose == "escalation", ~later)
    query = select(c.warning_id, c.version, c.recipient, c.purpose, c.state).where(
        c.expires > now, or_(not_here, in_vain), ~is_said, ~_is_erased(), *of_world(world)
    )
    found = {
        Trouble(
            row.warning_id, row.version, row.recipient, row.state if row.purpose in CARRIERS else row.purpose
        )
        for row in conn.execute(query)
    }
    return sorted(found, key=lambda t: (t.warning_id, t.version, t.recipient, t.kind))


def _steps(warning_id: str, version: int) -> Select[tuple[str, str, int]]:
    """Return the query of the reminders and escalations of a version."""
    c = outbox.c
    return select(c.recipient, c.purpose, c.number).where(
        c.warning_id == warning_id, c.version == version, c.purpose.in_(("reminder", "escalation"))
    )
