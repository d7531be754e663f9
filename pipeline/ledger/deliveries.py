"""Rows of the outbox: what each recipient is sent, moved on only by whoever holds the claim on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from pipeline.ledger.warning_tables import delivery_attempts, outbox, warnings

CARRIERS: Final = ("warning", "substitute")
"""Purposes of messages that bring a version for the first time, beside reminders of it."""


@dataclass(frozen=True)
class OutboxRow:
    """One message on its way; ``state`` is pending, sending, sent, failed or unknown.

    ``purpose`` is warning, substitute (the same on a second channel), reminder or escalation.
    """

    id: str
    warning_id: str
    version: int
    recipient: str
    address: str
    message_id: str
    payload_digest: str
    expires: datetime
    created_at: datetime
    next_attempt_at: datetime
    state: str = "pending"
    attempts: int = 0
    claim: str | None = None
    claimed_at: datetime | None = None
    last_error: str = ""
    sent_at: datetime | None = None
    purpose: str = "warning"
    number: int = 0
    channel: str = "email"


@dataclass(frozen=True)
class AttemptRow:
    """One thing that was tried for a message, and what came of it."""

    outbox_id: str
    attempt: int
    at: datetime
    channel: str
    outcome: str
    code: int | None
    detail: str


def insert_outbox(conn: Connection, rows: Iterable[OutboxRow]) -> None:
    """Enter messages to be sent; a message that is there already is an integrity error."""
    values = [asdict(row) for row in rows]
    if values:
        conn.execute(insert(outbox), values)


def read_outbox(
    conn: Connection,
    warning_id: str | None = None,
    version: int | None = None,
    state: str | None = None,
    world: str | None = None,
) -> list[OutboxRow]:
    """Return messages in the order of sending, of one warning, version, state or world if given."""
    c = outbox.c
    given = ((c.warning_id, warning_id), (c.version, version), (c.state, state))
    where = [column == value for column, value in given if value is not None]
    where += of_world(world)
    order = (c.created_at, c.warning_id, c.version, c.recipient, c.purpose.desc(), c.number)
    query = select(outbox).where(*where).order_by(*order)
    return [row_of(row._mapping) for row in conn.execute(query)]


def of_world(world: str | None) -> list[ColumnElement[bool]]:
    """Return the condition that a message belongs to a world; none where all are meant."""
    if world is None:
        return []
    return [outbox.c.warning_id.in_(select(warnings.c.id).where(warnings.c.world == world))]


def due_channels(conn: Connection, now: datetime, world: str | None = None) -> list[str]:
    """Return the channels on which messages are to be tried now, in the order of their names."""
    c = outbox.c
    query = select(c.channel).where(c.state == "pending", c.next_attempt_at <= now, *of_world(world))
    return list(conn.execute(query.distinct().order_by(c.channel)).scalars())


def due_messages(
    conn: Connection, now: datetime, channel: str, world: str | None = None, limit: int = 500
) -> list[str]:
    """Return the ids of the messages to be tried now on a channel, those due first, at most ``limit``."""
    c = outbox.c
    where = (c.state == "pending", c.channel == channel, c.next_attempt_at <= now, *of_world(world))
    query = select(c.id).where(*where).order_by(c.next_attempt_at, c.id).limit(limit)
    return list(conn.execute(query).scalars())


def arrived_by(conn: Connection, row: OutboxRow) -> str | None:
    """Return on which other channel the version of a message has reached its recipient, if on any."""
    c = outbox.c
    query = select(c.channel).where(
        c.warning_id == row.warning_id,
        c.recipient == row.recipient,
        c.version == row.version,
        c.state == "sent",
        c.purpose.in_(CARRIERS),
        c.id != row.id,
    )
    return conn.execute(query.limit(1)).scalar()


def known_ids(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of some messages stand in the outbox."""
    c = outbox.c
    return set(conn.execute(select(c.id).where(c.id.in_(ids))).scalars())


def is_overtaken(conn: Connection, row: OutboxRow) -> bool:
    """Tell whether a later version is already on its way, or gone, to the same recipient."""
    later = exists().where(
        outbox.c.warning_id == row.warning_id,
        outbox.c.recipient == row.recipient,
        outbox.c.version > row.version,
    )
    return bool(conn.execute(select(later)).scalar())


def claim_message(conn: Connection, outbox_id: str, claim: str, now: datetime) -> bool:
    """Take a pending message for sending; False if somebody else has taken it (compare-and-swap)."""
    c = outbox.c
    taken = conn.execute(
        update(outbox)
        .where(c.id == outbox_id, c.state == "pending")
        .values(state="sending", claim=claim, claimed_at=now, attempts=c.attempts + 1)
    )
    return taken.rowcount == 1


def move_message(conn: Connection, row: OutboxRow, **values: Any) -> bool:
    """Change a message that is still as ``row`` shows it; False if it has moved meanwhile.

    A message that leaves the state ``sending`` loses its claim.
    """
    c = outbox.c
    holder = c.claim.is_(None) if row.claim is None else c.claim == row.claim
    moved = conn.execute(
        update(outbox)
        .where(c.id == row.id, c.state == row.state, holder, c.attempts == row.attempts)
        .values(claim=None, claimed_at=None, **values)
    )
    return moved.rowcount == 1


def read_message(conn: Connection, outbox_id: str) -> OutboxRow:
    """Return one message as it stands."""
    return row_of(conn.execute(select(outbox).where(outbox.c.id == outbox_id)).one()._mapping)


def find_message(conn: Connection, outbox_id: str) -> OutboxRow | None:
    """Return one message, None where there is none of that id."""
    found = conn.execute(select(outbox).where(outbox.c.id == outbox_id)).one_or_none()
    return None if found is None else row_of(found._mapping)


def count_attempts(conn: Connection, outbox_id: str, outcome: str) -> int:
    """Return how many attempts for a message came to an outcome."""
    return sum(a.outcome == outcome for a in read_attempts(conn, outbox_id))


def insert_attempt(conn: Connection, attempt: AttemptRow) -> None:
    """Append to the log of attempts."""
    conn.execute(insert(delivery_attempts).values(**asdict(attempt)))


def read_attempts(conn: Connection, outbox_id: str) -> list[AttemptRow]:
    """Return everything that was tried for a message, in order."""
    c = delivery_attempts.c
    query = select(delivery_attempts).where(c.outbox_id == outbox_id).order_by(c.seq)
    names = AttemptRow.__dataclass_fields__
    return [AttemptRow(**{name: row._mapping[name] for name in names}) for row in conn.execute(query)]


def earlier_messages(conn: Connection, warning_id: str, before: int) -> dict[str, list[str]]:
    """Return the Message-IDs that each recipient was sent for versions before one, oldest first.

    Messages that failed for good are left out; those still under way or of unknown fate count. A recipient
    reached on the second channel alone is named with nothing to refer to.
    """
    chain: dict[str, list[str]] = {}
    for row in read_outbox(conn, warning_id):
        if row.version < before and row.state != "failed" and row.purpose != "digest":
            known = chain.setdefault(row.recipient, [])
            known += [row.message_id] if row.purpose == "warning" else []
    return chain


def row_of(values: Any) -> OutboxRow:
    """Return one row of the table ``outbox``."""
    return OutboxRow(**{name: values[name] for name in OutboxRow.__dataclass_fields__})
