"""A second channel takes over where the first has failed, hangs, or has left a message of unknown fate.

The message on the first channel is not given up: whichever arrives first makes the other useless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts.identifiers import follow_up_id, message_id_of
from alerts.recipient_checks import is_reserved
from alerts.recipients import Way
from pipeline.ledger.acknowledgements import has_acknowledged
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import CARRIERS, OutboxRow, arrived_by, insert_outbox, is_overtaken
from pipeline.ledger.follow_ups import stuck_messages
from pipeline.ledger.recipients import Contact, read_recipients, stow_addresses
from pipeline.ledger.warnings import read_version


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
    made = []
    for row in stuck_messages(conn, now, now - ways.takeover_after, world):
        way = ways.second(row)
        if way is not None:
            made.append(follow_up(row, way, "substitute", 0, now))
    insert_outbox(conn, stow_addresses(conn, made))
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


def why_held(conn: Connection, row: OutboxRow) -> str:
    """Return why a message must wait: its recipient's address was changed and is not verified; or nothing.

    An exercise may go there, as it might have been issued to it.
    """
    found = read_recipients(conn, row.recipient)
    if not found or found[0][0].verified_at is not None or _reaches_nobody(found[0][1]):
        return ""
    status = read_version(conn, row.warning_id, row.version).content["cap_status"]
    return "" if status == "Exercise" else "its present address is not verified"


def _reaches_nobody(contact: Contact) -> bool:
    return not contact.webhook and is_reserved(contact.email)


def why_useless(conn: Connection, row: OutboxRow, now: datetime) -> str:
    """Return why a message is not worth sending any more, or nothing."""
    if row.expires <= now:
        return "the warning was over before the message could be sent"
    if row.purpose == "digest":
        return ""
    if is_overtaken(conn, row):
        return "a later version is on its way to this recipient"
    if row.purpose in CARRIERS:
        other = arrived_by(conn, row)
        return f"it arrived by {other} meanwhile" if other else ""
    is_said = has_acknowledged(conn, row.warning_id, row.version, row.recipient)
    return "acknowledged meanwhile" if is_said else ""
