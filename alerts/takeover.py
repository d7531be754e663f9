"""A second channel takes over where the first has failed, hangs, or has left a message of unknown fate.

The message on the first channel is not given up: whichever arrives first makes the other useless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from alerts.identifiers import follow_up_id, message_id_of
from alerts.recipients import Way
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import OutboxRow, insert_outbox, is_overtaken, read_outbox

CARRIERS: Final = ("warning", "substitute")
"""Messages that bring a version for the first time, beside reminders of it."""


@dataclass(frozen=True)
class Ways:
    """On which channels each recipient is reached, first and second, and when the second takes over."""

    by_recipient: Mapping[str, tuple[Way, ...]]
    takeover_after: timedelta = timedelta(minutes=10)

    def second(self, row: OutboxRow) -> Way | None:
        """Return a channel of the recipient of a message that is not the message's own."""
        return next((w for w in self.by_recipient.get(row.recipient, ()) if w.channel != row.channel), None)


def take_over_failed(
    conn: Connection, ways: Ways, now: datetime, world: str | None = None
) -> list[OutboxRow]:
    """Enter a substitute on the second channel for every warning that the first does not bring."""
    rows = [r for r in read_outbox(conn, world=world) if r.purpose in CARRIERS and r.expires > now]
    known = {(r.warning_id, r.version, r.recipient) for r in rows if r.purpose == "substitute"}
    made = []
    for row in rows:
        way = ways.second(row)
        is_first = row.purpose == "warning" and (row.warning_id, row.version, row.recipient) not in known
        if way is None or not is_first or not _is_stuck(row, ways, now) or is_overtaken(conn, row):
            continue
        made.append(follow_up(row, way, "substitute", 0, now))
    insert_outbox(conn, made)
    for new in made:
        append_audit(
            conn,
            at=now,
            actor="delivery",
            action="delivery.take_over",
            subject=new.id,
            payload={"channel": new.channel},
        )
    return made


def follow_up(row: OutboxRow, way: Way, purpose: str, number: int, now: datetime) -> OutboxRow:
    """Return a further message about the version of a message, to the same recipient."""
    name = follow_up_id(row.warning_id, row.version, row.recipient, purpose, number)
    return replace(
        row,
        id=name,
        address=way.address,
        channel=way.channel,
        message_id=message_id_of(name),
        purpose=purpose,
        number=number,
        created_at=now,
        next_attempt_at=now,
        state="pending",
        attempts=0,
        claim=None,
        claimed_at=None,
        last_error="",
        sent_at=None,
    )


def why_useless(conn: Connection, row: OutboxRow, now: datetime) -> str:
    """Return why a message is not worth sending any more, or nothing."""
    if row.expires <= now:
        return "the warning was over before the message could be sent"
    if is_overtaken(conn, row):
        return "a later version is on its way to this recipient"
    if row.purpose in CARRIERS:
        return _arrived_otherwise(conn, row)
    said = {(a.version, a.recipient) for a in read_acknowledgements(conn, row.warning_id)}
    return "acknowledged meanwhile" if (row.version, row.recipient) in said else ""


def _is_stuck(row: OutboxRow, ways: Ways, now: datetime) -> bool:
    """Tell whether a message on the first channel needs help."""
    if row.state in ("failed", "unknown"):
        return True
    return row.state == "pending" and row.created_at + ways.takeover_after <= now


def _arrived_otherwise(conn: Connection, row: OutboxRow) -> str:
    """Return on which other channel a version has arrived, or nothing."""
    rows = read_outbox(conn, row.warning_id, row.version, state="sent")
    other = next(
        (r for r in rows if r.recipient == row.recipient and r.purpose in CARRIERS and r.id != row.id), None
    )
    return f"it arrived by {other.channel} meanwhile" if other is not None else ""
