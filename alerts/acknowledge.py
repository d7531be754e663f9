"""Acknowledging by signed link: who holds the link is the recipient, for one version and until it expires.

A token (:mod:`alerts.sealed_links`) is no session and no login: all it can do is say that one version has
arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Connection

from alerts.sealed_links import LinkError, seal, unseal
from pipeline.errors import ReviewError
from pipeline.ledger.acknowledgements import (
    AcknowledgementRow,
    insert_acknowledgement,
    read_acknowledgements,
)
from pipeline.ledger.audit import append_audit
from pipeline.ledger.mailbox import message_to

_PURPOSE: Final = b"sameair acknowledgement 1\0"


@dataclass(frozen=True)
class Receipt:
    """What a link speaks of, and until when it counts (whole seconds)."""

    warning_id: str
    version: int
    recipient: str
    expires: datetime


def make_token(secret: bytes, receipt: Receipt) -> str:
    """Return the token of a receipt.

    >>> when = datetime(2026, 1, 15, tzinfo=UTC)
    >>> token = make_token(b"s" * 32, Receipt("01K", 1, "seoul-met", when))
    >>> read_token(b"s" * 32, token, when).recipient
    'seoul-met'
    """
    fields = [receipt.warning_id, receipt.version, receipt.recipient, int(receipt.expires.timestamp())]
    return seal(secret, _PURPOSE, fields)


def read_token(secret: bytes, token: str, now: datetime) -> Receipt:
    """Return what a token speaks of.

    Raises
    ------
    LinkError
        it was not made with this secret, was altered, or has expired
    """
    warning_id, version, recipient, expires = unseal(secret, _PURPOSE, token)
    receipt = Receipt(warning_id, version, recipient, datetime.fromtimestamp(expires, UTC))
    if receipt.expires < now:
        raise LinkError("this link has expired; acknowledge by telephone", is_expired=True)
    return receipt


def acknowledged(
    conn: Connection, warning_id: str, version: int, recipient: str
) -> AcknowledgementRow | None:
    """Return the acknowledgement of a version by a recipient, if there is one."""
    return next(iter(read_acknowledgements(conn, warning_id, version, recipient)), None)


def acknowledge(
    conn: Connection,
    receipt: Receipt,
    at: datetime,
    way: Literal["link", "person", "reply"] = "link",
    person: str = "",
) -> AcknowledgementRow:
    """Record that a version has arrived, with its audit row; a repetition changes nothing.

    Raises ReviewError if the version was never to go to this recipient.
    """
    before = acknowledged(conn, receipt.warning_id, receipt.version, receipt.recipient)
    if before is not None:
        return before
    if message_to(conn, receipt.warning_id, receipt.version, receipt.recipient) is None:
        what = f"version {receipt.version} of warning {receipt.warning_id}"
        raise ReviewError(f"{what} does not go to {receipt.recipient}; see `sameair deliveries`")
    row = AcknowledgementRow(receipt.warning_id, receipt.version, receipt.recipient, way, person, at)
    insert_acknowledgement(conn, row)
    payload = {"version": row.version, "recipient": row.recipient, "way": way}
    actor = person or row.recipient
    append_audit(
        conn, at=at, actor=actor, action="delivery.acknowledge", subject=row.warning_id, payload=payload
    )
    return row
