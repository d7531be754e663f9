"""Requests between nodes that prove who asks: signed by a party, for one node, once, and not old."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.errors import EnvelopeRefused
from pipeline.exchange.envelope import KeyOf, key_id
from pipeline.exchange.keys import public_key_text, sign, verify
from pipeline.times import iso, parse_instant

PREFIX: Final = b"sameair-request/1\n"
HEADER: Final = "sameair-"
_NONCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Asked:
    """What is asked of whom: the party of the node, method, path with its query, and the body."""

    of: str
    method: str
    path: str
    body: bytes = b""

    def signed(self, date: str, nonce: str) -> bytes:
        """Return the text that is signed."""
        lines = (self.of, self.method, self.path, date, nonce, hashlib.sha256(self.body).hexdigest())
        return PREFIX + "\n".join(lines).encode()


def sign_request(asked: Asked, party: str, key: Ed25519PrivateKey, at: datetime) -> dict[str, str]:
    """Return the headers that prove who asks.

    >>> key = Ed25519PrivateKey.generate()
    >>> at, asked = parse_instant("2026-01-14T02:00Z"), Asked("beijing", "GET", "/exchange/v1/state")
    >>> headers = sign_request(asked, "seoul", key, at)
    >>> check_request(asked, headers, Nonces(), lambda party, name, at: public_key_text(key), at)
    'seoul'
    """
    date, nonce = iso(at), token_hex(16)
    return {
        f"{HEADER}party": party,
        f"{HEADER}key": key_id(public_key_text(key)),
        f"{HEADER}date": date,
        f"{HEADER}nonce": nonce,
        f"{HEADER}signature": sign(key, asked.signed(date, nonce)),
    }


@dataclass
class Nonces:
    """What was seen lately, so that a request counts once; requests older than ``skew`` count never."""

    skew: timedelta = timedelta(minutes=5)
    seen: dict[str, datetime] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock, repr=False)

    def is_new(self, nonce: str, at: datetime) -> bool:
        """Tell whether a nonce was not seen yet, and remember it."""
        with self.lock:
            for old in [n for n, when in self.seen.items() if at - when > 2 * self.skew]:
                del self.seen[old]
            if nonce in self.seen:
                return False
            self.seen[nonce] = at
            return True


def check_request(
    asked: Asked, headers: Mapping[str, str], nonces: Nonces, key_of: KeyOf, now: datetime
) -> str:
    """Return the party that asks; raises EnvelopeRefused where that is not proved.

    Parameters
    ----------
    headers : as they came; names in lower case
    """
    party, key, date, nonce, signature = (
        headers.get(f"{HEADER}{name}", "") for name in ("party", "key", "date", "nonce", "signature")
    )
    try:
        at = parse_instant(date)
    except ValueError:
        raise EnvelopeRefused("damaged", "a request without a date") from None
    if abs(now - at) > nonces.skew:
        raise EnvelopeRefused("stale", f"a request of {date}; here it is {iso(now)}")
    if not _NONCE.fullmatch(nonce):
        raise EnvelopeRefused("damaged", "a request without a nonce")
    if not verify(key_of(party, key, at), asked.signed(date, nonce), signature):
        raise EnvelopeRefused("forged", "the signature of a request does not fit")
    if not nonces.is_new(nonce, now):
        raise EnvelopeRefused("replayed", "a request that was made before")
    return party
