"""Trying passwords: slow for a stranger, and no stranger can shut out somebody whose browser is known.

Failures are counted over :data:`WINDOW` by the name together with where it was tried from, by the name
alone, and by the place alone. A browser in which the account signed in before carries a mark and is counted
for itself, so that the failures of strangers do not touch it. Names and places are stored as digests, for a
day.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from pipeline.errors import ReviewError
from pipeline.ledger.accounts import AccountRow, failures_since, forget_attempts, note_attempt
from review.accounts.passwords import new_token, token_digest
from review.accounts.totp import SecretBox

WINDOW: Final = timedelta(minutes=15)
TRIES_OF_PAIR: Final = 5
"""Failures of one name from one place."""
TRIES_OF_NAME: Final = 20
"""Failures of one name from everywhere; holds back browsers that are not known alone."""
TRIES_OF_PLACE: Final = 50
KEPT: Final = timedelta(days=1)
WRONG: Final = "wrong"
SLOWED: Final = "slowed"
NETWORK_BITS: Final = 64
"""An IPv6 customer has this many bits of addresses; they count as one place."""


class SignInRefused(ReviewError):
    """Signing in did not work: ``wrong`` or ``slowed``, and no more than a stranger may know."""


@dataclass(frozen=True)
class Trying:
    """Attempts for one name from one place, both as digests."""

    name: str
    place: str
    is_known: bool

    @classmethod
    def of(cls, name: str, place: str, *, is_known: bool) -> Trying:
        """Return the attempts for a name as typed from a place."""
        return cls(token_digest(name.strip().lower()), token_digest(place), is_known)

    def check(self, conn: Connection, at: datetime) -> None:
        """Raise SignInRefused if there were too many failures lately."""
        since = at - WINDOW
        slowed = failures_since(conn, since, name=self.name, address=self.place) >= TRIES_OF_PAIR
        if not self.is_known:
            slowed |= failures_since(conn, since, name=self.name) >= TRIES_OF_NAME
            slowed |= failures_since(conn, since, address=self.place) >= TRIES_OF_PLACE
        if slowed:
            raise SignInRefused(SLOWED)

    def note(self, conn: Connection, at: datetime, *, worked: bool) -> None:
        """Write down how an attempt went, and forget old ones."""
        note_attempt(conn, self.name, self.place, at, worked=worked)
        forget_attempts(conn, at - KEPT)


def network(address: str) -> str:
    """Return the place of an address.

    >>> network("2001:db8:1:2:3::9"), network("::ffff:192.0.2.1"), network("192.0.2.1"), network("testclient")
    ('2001:db8:1:2::', '192.0.2.1', '192.0.2.1', 'testclient')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False).network_address)


def device_cookie(box: SecretBox, row: AccountRow) -> str:
    """Return the mark of a browser in which an account signed in; a new password ends it."""
    nonce = new_token()
    return f"{nonce}.{box.mark(_said(row, nonce))}"


def known_device(box: SecretBox, row: AccountRow | None, cookie: str) -> str:
    """Return the browser's place if it carries the mark of an account, else nothing."""
    nonce, _, mark = cookie.partition(".")
    if row is None or not nonce or not mark:
        return ""
    good = hmac.compare_digest(mark.encode(), box.mark(_said(row, nonce)).encode())
    return f"device {nonce}" if good else ""


def _said(row: AccountRow, nonce: str) -> str:
    return f"device {row.id} {nonce} {row.password}"
