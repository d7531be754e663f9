"""Signing keys of the parties (Ed25519, RFC 8032): one private file per party, public keys as text."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path
from secrets import token_hex
from tempfile import mkstemp
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pipeline.errors import StorageError, UsageError

SECRET_BYTES: Final = 32
ENCRYPTED: Final = b"ENCRYPTED PRIVATE KEY"
"""What the first line of an encrypted key file says."""


def load_or_create_key(folder: Path, name: str, password: str = "") -> Ed25519PrivateKey:
    """Return the private key ``folder/name.key``, made once with mode 0600, encrypted under a password.

    Of several processes that create it at the same instant one wins and all get its key. The public half
    is written beside it as ``name.pub``. Raises StorageError if the file cannot be used.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     key = load_or_create_key(Path(folder), "seoul")
    ...     same = load_or_create_key(Path(folder), "seoul")
    >>> public_key_text(key) == public_key_text(same)
    True
    """
    path = private_path(folder, name)
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _place(path, _pem(Ed25519PrivateKey.generate(), password), replace=False)
        key = load_private_key(path, password)
        public = folder / f"{name}.pub"
        if not public.exists():
            _place(public, f"{public_key_text(key)}\n".encode(), replace=True)
    except OSError as error:
        raise StorageError(f"the key {path} cannot be used: {error.strerror or error}") from error
    return key


def load_or_create_secret(folder: Path, name: str) -> bytes:
    """Return the 32 secret bytes of ``folder/name.secret``, made once with mode 0600.

    Raises StorageError if the file cannot be used, is damaged or may be read by others.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     secret = load_or_create_secret(Path(folder), "links")
    ...     print(len(secret), secret == load_or_create_secret(Path(folder), "links"))
    32 True
    """
    path = folder / f"{name}.secret"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _place(path, f"{token_hex(SECRET_BYTES)}\n".encode(), replace=False)
        if path.stat().st_mode & 0o077:
            raise StorageError(f"the secret {path} is readable by others; run chmod 600 on it, or replace it")
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise StorageError(f"the secret {path} cannot be used: {error.strerror or error}") from error
    except ValueError as error:
        raise StorageError(f"the secret {path} is damaged; restore it from its backup") from error
    if len(secret) != SECRET_BYTES:
        raise StorageError(f"the secret {path} is damaged; restore it from its backup")
    return secret


def load_private_key(path: Path, password: str = "") -> Ed25519PrivateKey:
    """Read a private key file; refuses one that others may read.

    A password is only used where the file is encrypted.
    """
    if path.stat().st_mode & 0o077:
        raise StorageError(f"the key {path} is readable by others; run chmod 600 on it, or replace it")
    pem = path.read_bytes()
    is_encrypted = ENCRYPTED in pem
    if is_encrypted and not password:
        raise StorageError(f"the key {path} is encrypted; set SAMEAIR_KEY_PASSWORD or its file")
    try:
        key = load_pem_private_key(pem, password=password.encode() if is_encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        cause = "cannot be opened with this password, or " if is_encrypted else ""
        raise StorageError(f"the key {path} {cause}is damaged; restore it from its backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"the key {path} is not an Ed25519 key")
    return key


def save_private_key(path: Path, key: Ed25519PrivateKey, password: str, *, replace: bool = False) -> None:
    """Write a private key file of mode 0600, encrypted under a password; one that is there stays.

    Raises StorageError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _place(path, _pem(key, password), replace=replace)
    except OSError as error:
        raise StorageError(f"the key {path} cannot be written: {error.strerror or error}") from error


def private_path(folder: Path, name: str) -> Path:
    """Return where a private key lies; UsageError where a name could lead elsewhere."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{name}' cannot name a key; use letters, digits, - and _")
    return folder / f"{name}.key"


def _pem(key: Ed25519PrivateKey, password: str) -> bytes:
    """Return a private key as text, encrypted under a password if there is one."""
    how: KeySerializationEncryption = NoEncryption()
    if password:
        how = BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def public_key_text(key: Ed25519PrivateKey) -> str:
    """Return the raw 32-byte public key in base64."""
    return b64encode(key.public_key().public_bytes_raw()).decode()


def sign(key: Ed25519PrivateKey, message: bytes) -> str:
    """Return the signature over a message in base64."""
    return b64encode(key.sign(message)).decode()


def verify(public_key: str, message: bytes, signature: str) -> bool:
    """Tell whether the signature over the message was made with the key; nonsense is simply not valid.

    >>> key = Ed25519PrivateKey.generate()
    >>> signature = sign(key, b"J2")
    >>> verify(public_key_text(key), b"J2", signature), verify(public_key_text(key), b"J3", signature)
    (True, False)
    """
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(public_key, validate=True))
        public.verify(b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _place(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file of mode 0600 that appears whole; an existing one stays unless ``replace``."""
    handle, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(temporary).replace(path)
        else:
            path.hardlink_to(temporary)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink(missing_ok=True)
