"""Acknowledging by signed link: who holds the link is the recipient, for one version and until it expires.

A token is the base64url of ``[warning, version, recipient, expiry]`` and of its HMAC-SHA256 (RFC 2104), with
a point between. It is no session and no login: all it can do is say that one version has arrived.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from pipeline.errors import ReviewError
from pipeline.ledger.acknowledgements import (
    AcknowledgementRow,
    insert_acknowledgement,
    read_acknowledgements,
)
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import read_outbox

LONGEST_TOKEN: Final = 600
_PURPOSE: Final = b"sameair acknowledgement 1\0"


class LinkError(ReviewError):
    """A link that does not count: ``is_expired`` if it once did."""

    def __init__(self, message: str, *, is_expired: bool = False) -> None:
        super().__init__(message)
        self.is_expired = is_expired


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
    body = json.dumps(fields, separators=(",", ":")).encode()
    return f"{_text(body)}.{_text(_seal(secret, body))}"


def read_token(secret: bytes, token: str, now: datetime) -> Receipt:
    """Return what a token speaks of.

    Raises
    ------
    LinkError
        it was not made with this secret, was altered, or has expired
    """
    receipt = _opened(secret, token)
    if receipt.expires < now:
        raise LinkError("this link has expired; acknowledge by telephone", is_expired=True)
    return receipt


def acknowledged(
    conn: Connection, warning_id: str, version: int, recipient: str
) -> AcknowledgementRow | None:
    """Return the acknowledgement of a version by a recipient, if there is one."""
    rows = read_acknowledgements(conn, warning_id)
    return next((r for r in rows if (r.version, r.recipient) == (version, recipient)), None)


def acknowledge(
    conn: Connection,
    receipt: Receipt,
    at: datetime,
    way: Literal["link", "person"] = "link",
    person: str = "",
) -> AcknowledgementRow:
    """Record that a version has arrived, with its audit row; a repetition changes nothing.

    Raises ReviewError if the version was never to go to this recipient.
    """
    before = acknowledged(conn, receipt.warning_id, receipt.version, receipt.recipient)
    if before is not None:
        return before
    sent = read_outbox(conn, receipt.warning_id, receipt.version)
    if receipt.recipient not in {row.recipient for row in sent}:
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


def _opened(secret: bytes, token: str) -> Receipt:
    """Return what a token says, whether or not it is still in time."""
    wrong = LinkError("this link is not valid; copy it whole from the message")
    body_text, _, seal_text = token.partition(".")
    if len(token) > LONGEST_TOKEN:
        raise wrong
    try:
        body, seal = _bytes(body_text), _bytes(seal_text)
    except (Base64Error, ValueError):
        raise wrong from None
    if not hmac.compare_digest(seal, _seal(secret, body)):
        raise wrong
    fields: list[Any] = json.loads(body)
    warning_id, version, recipient, expires = fields
    return Receipt(warning_id, version, recipient, datetime.fromtimestamp(expires, UTC))


def _seal(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, _PURPOSE + body, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Return decoded bytes; anything but the one way of writing them is refused."""
    raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(raw) != text:
        raise ValueError("not base64url")
    return raw
