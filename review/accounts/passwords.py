"""Passwords and one-time tokens: hashed with argon2id, compared in constant time, never stored."""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.errors import UsageError

SHORTEST: Final = 15
LONGEST: Final = 200
"""Limits of a password [characters]; the shortest is that of NIST SP 800-63B-4, 3.1.1, for one used alone."""

AT_ONCE: Final = 2
"""Passwords that are checked at the same time: each takes 64 MiB and half a core for a moment."""

_HASHER: Final = PasswordHasher()
_TURN: Final = threading.BoundedSemaphore(AT_ONCE)
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(16))


class AccountFault(UsageError):
    """What was asked of an account cannot be; ``key`` names the fault for a page in another language."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def hash_password(password: str, *, name: str = "") -> str:
    """Return what is stored of a password; AccountFault says what is wrong with it."""
    if not SHORTEST <= len(password) <= LONGEST:
        said = f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}"
        raise AccountFault("length", said)
    if len(set(password)) < SHORTEST // 2 or (name and name.lower() in password.lower()):
        said = "a password repeats few characters and does not hold the name; choose another"
        raise AccountFault("weak", said)
    return _HASHER.hash(password)


def is_password(stored: str, given: str) -> bool:
    """Tell whether a password is the stored one; takes as long where none is stored.

    >>> is_password(hash_password("correct horse battery"), "correct horse battery")
    True
    >>> is_password("", "correct horse battery")
    False
    """
    try:
        with _TURN:
            return _HASHER.verify(stored or _NOBODY, given[:LONGEST]) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> str:
    """Return 256 random bits as text that fits into an address."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Return what is stored of a token, a name or an address.

    >>> token_digest("abc")[:8]
    'ba7816bf'
    """
    return hashlib.sha256(token.encode()).hexdigest()
