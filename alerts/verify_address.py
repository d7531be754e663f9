"""Confirming that messages arrive at a recipient's address: by signed link, or by a code told by telephone.

Link and code hold for the addresses as they were when they were made: once one is changed, both are worth
nothing. Neither shows an address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection

from alerts.sealed_links import LinkError, seal, unseal
from pipeline.errors import ReviewError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.recipients import Contact, RecipientRow, read_recipients, write_recipient

COUNTS_FOR: Final = timedelta(days=7)
"""How long link and code count; own choice."""
CODE_CHARACTERS: Final = 8
_PURPOSE: Final = b"sameair address 1\0"
_CODE: Final = b"sameair address code 1\0"


@dataclass(frozen=True)
class Claim:
    """What a link says: whose addresses (``mark``, a keyed digest) are to be confirmed, until when."""

    recipient: str
    mark: str
    expires: datetime


def make_claim(secret: bytes, contact: Contact, now: datetime) -> Claim:
    """Return the claim of a link that is made now."""
    until = (now + COUNTS_FOR).replace(microsecond=0)
    return Claim(contact.recipient_id, _mark(secret, contact), until)


def link_token(secret: bytes, claim: Claim) -> str:
    """Return the token of a claim.

    >>> now = datetime(2026, 1, 15, tzinfo=UTC)
    >>> claim = make_claim(b"s" * 32, Contact("r-1", "desk", {}, "duty@seoul.example"), now)
    >>> read_claim(b"s" * 32, link_token(b"s" * 32, claim), now) == claim
    True
    """
    return seal(secret, _PURPOSE, [claim.recipient, claim.mark, int(claim.expires.timestamp())])


def read_claim(secret: bytes, token: str, now: datetime) -> Claim:
    """Return what a token claims.

    Raises
    ------
    LinkError
        it was not made with this secret, was altered, or has expired
    """
    recipient, mark, expires = unseal(secret, _PURPOSE, token)
    claim = Claim(recipient, mark, datetime.fromtimestamp(expires, UTC))
    if claim.expires < now:
        raise LinkError("this link has expired; ask for a new one", is_expired=True)
    return claim


def claimed(conn: Connection, secret: bytes, claim: Claim) -> tuple[RecipientRow, Contact]:
    """Return the recipient of a claim; LinkError if it was erased or its addresses have changed."""
    found = read_recipients(conn, claim.recipient)
    if not found or not hmac.compare_digest(claim.mark, _mark(secret, found[0][1])):
        raise LinkError("the address of this link is not known here any more")
    return found[0]


def code_of(secret: bytes, contact: Contact, now: datetime) -> str:
    """Return the code that a recipient may tell by telephone; it is another each day.

    >>> now = datetime(2026, 1, 15, tzinfo=UTC)
    >>> len(code_of(b"s" * 32, Contact("r-1", "desk", {}, "duty@seoul.example"), now))
    9
    """
    body = f"{_mark(secret, contact)} {now.astimezone(UTC):%Y-%m-%d}".encode()
    text = b32encode(hmac.digest(secret, _CODE + body, hashlib.sha256)).decode()[:CODE_CHARACTERS]
    return f"{text[:4]}-{text[4:]}"


def is_code(secret: bytes, contact: Contact, code: str, now: datetime) -> bool:
    """Tell whether a code was told to a recipient in the last days; case and dashes do not count."""
    told = _plain(code)
    valid = [_plain(code_of(secret, contact, now - timedelta(days=d))) for d in range(COUNTS_FOR.days + 1)]
    return any(hmac.compare_digest(told.encode(), one.encode()) for one in valid)


def confirm(
    conn: Connection,
    row: RecipientRow,
    contact: Contact,
    at: datetime,
    way: Literal["link", "code"],
    by: str = "",
) -> datetime:
    """Record that a recipient's addresses are right and return when that was first done.

    Raises
    ------
    ReviewError
        the recipient was erased
    """
    if row.erased_at is not None:
        raise ReviewError("this recipient was removed")
    if row.verified_at is not None:
        return row.verified_at
    write_recipient(conn, replace(row, verified_at=at), contact)
    actor = by or row.id
    append_audit(conn, at=at, actor=actor, action="recipient.verify", subject=row.id, payload={"way": way})
    return at


def _mark(secret: bytes, contact: Contact) -> str:
    """Return a keyed digest of a recipient's addresses."""
    body = json.dumps([contact.recipient_id, contact.email, contact.webhook]).encode()
    return hmac.digest(secret, _PURPOSE + body, hashlib.sha256).hex()[:24]


def _plain(code: str) -> str:
    return "".join(c for c in code.upper() if c.isalnum())
