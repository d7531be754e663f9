"""Tokens of signed links: what they say can be read by anybody and altered by nobody.

A token is the base64url of the JSON of some fields and of its HMAC-SHA256 (RFC 2104), with a point between.
Each kind of link has a purpose of its own, so that a token of one is worth nothing for another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any, Final

from pipeline.errors import ReviewError

LONGEST_TOKEN: Final = 600


class LinkError(ReviewError):
    """A link that does not count: ``is_expired`` if it once did."""

    def __init__(self, message: str, *, is_expired: bool = False) -> None:
        super().__init__(message)
        self.is_expired = is_expired


def seal(secret: bytes, purpose: bytes, fields: list[Any]) -> str:
    """Return the token of some fields, which JSON can hold.

    >>> unseal(b"s" * 32, b"test", seal(b"s" * 32, b"test", ["seoul", 1]))
    ['seoul', 1]
    """
    body = json.dumps(fields, separators=(",", ":")).encode()
    return f"{_text(body)}.{_text(hmac.digest(secret, purpose + body, hashlib.sha256))}"


def unseal(secret: bytes, purpose: bytes, token: str) -> list[Any]:
    """Return the fields of a token.

    Raises
    ------
    LinkError
        it was not made with this secret and purpose, or was altered
    """
    wrong = LinkError("this link is not valid; copy it whole from the message")
    body_text, _, seal_text = token.partition(".")
    if len(token) > LONGEST_TOKEN:
        raise wrong
    try:
        body, given = _bytes(body_text), _bytes(seal_text)
    except (Base64Error, ValueError):
        raise wrong from None
    if not hmac.compare_digest(given, hmac.digest(secret, purpose + body, hashlib.sha256)):
        raise wrong
    fields: list[Any] = json.loads(body)
    return fields


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Return decoded bytes; anything but the one way of writing them is refused."""
    raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(raw) != text:
        raise ValueError("not base64url")
    return raw
