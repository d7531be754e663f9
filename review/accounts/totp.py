"""The second factor: codes of RFC 6238, each good once, from a secret that is stored sealed."""

from __future__ import annotations

import base64
import hmac
import os
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Final

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock

from pipeline.errors import StorageError
from pipeline.files import write_atomic

STEP: Final = 30
"""Length of a time step [s]; a code of the step before or after counts, too."""
_NONCE: Final = 12


class SecretBox:
    """Seals secrets with a key of its own file, so that a copy of the ledger alone gives no codes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     box = SecretBox(Path(folder) / "totp.key")
    ...     box.open(box.seal("JBSWY3DPEHPK3PXP", "kim"), "kim")
    'JBSWY3DPEHPK3PXP'
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def seal(self, secret: str, name: str) -> str:
        """Return a secret sealed for one account."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(
            nonce + self._cipher().encrypt(nonce, secret.encode(), name.encode())
        ).decode()

    def open(self, sealed: str, name: str) -> str:
        """Return what was sealed; StorageError if the key is another one."""
        raw = base64.b64decode(sealed)
        try:
            return self._cipher().decrypt(raw[:_NONCE], raw[_NONCE:], name.encode()).decode()
        except InvalidTag:
            raise StorageError(
                f"{self._file.name} is not the key with which second factors were sealed; restore it"
            ) from None

    def mark(self, text: str) -> str:
        """Return by what a text is known as ours."""
        return hmac.new(self._key(), b"mark " + text.encode(), "sha256").hexdigest()

    def _cipher(self) -> AESGCM:
        return AESGCM(self._key())

    def _key(self) -> bytes:
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._file}.lock"):
                if not self._file.exists():
                    write_atomic(self._file, AESGCM.generate_key(256)).chmod(0o600)
        return self._file.read_bytes()


def new_secret() -> str:
    """Return a new secret in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str) -> str:
    """Return what an authenticator program reads from a QR code."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=name, issuer_name="sameair")


def matching_step(secret: str, code: str, at: datetime, newest: int) -> int | None:
    """Return the time step that a code is of, None if it is wrong or of a step used before.

    Examples
    --------
    The last six digits of the SHA-1 value at 59 s of RFC 6238, appendix B:

    >>> from datetime import UTC
    >>> secret = base64.b32encode(b"12345678901234567890").decode()
    >>> at = datetime(1970, 1, 1, 0, 0, 59, tzinfo=UTC)
    >>> matching_step(secret, "287082", at, 0), matching_step(secret, "287082", at, 1)
    (1, None)

    A keyboard for Korean or Chinese may write wide digits:

    >>> matching_step(secret, "２８７ ０８２", at, 0), matching_step(secret, "이팔칠", at, 0)
    (1, None)
    """
    now, given = int(at.timestamp()) // STEP, "".join(unicodedata.normalize("NFKC", code).split()).encode()
    codes = pyotp.TOTP(secret, interval=STEP)
    for step in (now - 1, now, now + 1):
        if step > newest and hmac.compare_digest(codes.generate_otp(step).encode(), given):
            return step
    return None
