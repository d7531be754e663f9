"""Where replies and bounces lie: an IMAP folder over TLS, or a Maildir; read, and marked as seen.

A mail is known by a key that stays the same: UIDVALIDITY and UID (RFC 9051, 2.3.1.1), or the unique name in
a Maildir. What is not marked stays where a person finds it.
"""

from __future__ import annotations

import hashlib
import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from alerts.plain_text import one_line
from pipeline.errors import StorageError, UsageError

LONGEST_MAIL: Final = 512 * 1024
"""Octets that are read of a mail; reports and replies say what they say in the first of them."""
URL_WANTED: Final = "SAMEAIR_MAILBOX_URL must be imaps://user@host[:port][/folder] or maildir:///folder"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class MailboxPlace:
    """Where the mailbox is: ``imaps://user@host[:port][/folder]`` or ``maildir:///folder``."""

    url: str
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    ca_file: Path | None = None
    timeout: float = 20.0


class OpenMailbox(Protocol):
    """A mailbox while it is open."""

    def unseen(self) -> list[str]:
        """Return the keys of the mails that are not marked as seen."""

    def read(self, key: str) -> bytes:
        """Return the beginning of a mail; empty if it is gone."""

    def mark_seen(self, key: str) -> None:
        """Mark a mail as seen; one that is gone is let be."""


@contextmanager
def open_mailbox(place: MailboxPlace) -> Iterator[OpenMailbox]:
    """Open a mailbox for the length of a block.

    Raises
    ------
    UsageError
        the address cannot be understood, or would show the password
    StorageError
        the mailbox cannot be reached or read
    """
    parts = _parts_of(place.url)
    try:
        if parts.scheme == "maildir" and not parts.netloc and parts.path.strip("/"):
            yield MaildirBox(Path(unquote(parts.path)))
        elif parts.scheme == "imaps" or (parts.scheme == "imap" and parts.hostname in LOOPBACK):
            with _imap(place) as box:
                yield box
        else:
            raise UsageError(URL_WANTED)
    except (OSError, ValueError, LookupError, imaplib.IMAP4.error) as error:
        secret = place.password.get_secret_value()
        text = str(error) if isinstance(error, (OSError, imaplib.IMAP4.error)) else ""
        said = one_line(text.replace(secret, "…") if secret else text, 200)
        where = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise StorageError(f"mailbox {where} cannot be read: {said or type(error).__name__}") from None


def _parts_of(url: str) -> SplitResult:
    """Return the parts of the address of a mailbox."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(URL_WANTED) from None
    return parts


class MaildirBox:
    """A Maildir: what is seen moves from ``new`` to ``cur`` with the flag S."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}
        if not (folder / "new").is_dir():
            raise StorageError(f"{folder} is no Maildir: it holds no folder 'new'")

    def unseen(self) -> list[str]:
        """Return the keys of what lies in ``new``, or in ``cur`` without the flag S."""
        cur = self._folder / "cur"
        paths = [*(self._folder / "new").iterdir(), *(cur.iterdir() if cur.is_dir() else ())]
        self._paths = {
            path.name.partition(":")[0]: path
            for path in paths
            if "S" not in _flags(path) and not path.name.startswith(".")
        }
        return sorted(self._paths)

    def read(self, key: str) -> bytes:
        """Return the beginning of a mail; empty if it is gone."""
        try:
            with self._paths[key].open("rb") as file:
                return file.read(LONGEST_MAIL)
        except FileNotFoundError:
            return b""

    def mark_seen(self, key: str) -> None:
        """Move a mail to ``cur`` with the flag S."""
        path = self._paths[key]
        flags = "".join(sorted({*_flags(path), "S"}))
        target = self._folder / "cur" / f"{key}:2,{flags}"
        target.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            path.replace(target)


class ImapBox:
    """A folder of an IMAP server; reading a mail does not mark it."""

    def __init__(self, imap: imaplib.IMAP4, folder: str) -> None:
        self._imap = imap
        _ok(imap.select(_quoted(folder)))
        epoch = _ok(imap.response("UIDVALIDITY"))[0]
        if not isinstance(epoch, bytes):
            raise imaplib.IMAP4.error("the server names no UIDVALIDITY")
        self._epoch = epoch.decode("ascii", "replace")

    def unseen(self) -> list[str]:
        """Return the keys of the mails that are not marked as seen."""
        found = _ok(self._imap.uid("SEARCH", "UNSEEN"))
        return [f"{self._epoch}/{uid}" for line in found if line for uid in line.decode().split()]

    def read(self, key: str) -> bytes:
        """Return the beginning of a mail; empty if it is gone."""
        parts = _ok(self._imap.uid("FETCH", key.partition("/")[2], f"(BODY.PEEK[]<0.{LONGEST_MAIL}>)"))
        return next((bytes(part[1]) for part in parts if isinstance(part, tuple)), b"")

    def mark_seen(self, key: str) -> None:
        """Mark a mail as seen."""
        _ok(self._imap.uid("STORE", key.partition("/")[2], "+FLAGS.SILENT", r"(\Seen)"))


def ledger_key(place: MailboxPlace, key: str) -> str:
    """Return by what the ledger knows a mail: neither account nor sender can be read from it.

    >>> ledger_key(MailboxPlace("maildir:///m"), "1.x")[:12]
    '5d04832cd03c'
    """
    return hashlib.sha256(f"{place.url} {key}".encode()).hexdigest()


@contextmanager
def _imap(place: MailboxPlace) -> Iterator[ImapBox]:
    """Log in to a server and open the folder."""
    parts = urlsplit(place.url)
    host, folder = parts.hostname or "", unquote(parts.path.strip("/")) or "INBOX"
    imap: imaplib.IMAP4
    if parts.scheme == "imaps":
        context = ssl.create_default_context(cafile=str(place.ca_file) if place.ca_file else None)
        imap = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=place.timeout)
    else:
        imap = imaplib.IMAP4(host, parts.port or 143, timeout=place.timeout)
    try:
        imap.login(unquote(parts.username or ""), place.password.get_secret_value())
        yield ImapBox(imap, folder)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            imap.logout()


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    """Return what a server answered; anything but OK is an error."""
    state, data = answer
    if state not in ("OK", "UIDVALIDITY"):
        said = data[0] if data else b""
        raise imaplib.IMAP4.error(said.decode("utf-8", "replace") if isinstance(said, bytes) else state)
    return data


def _quoted(folder: str) -> str:
    """Return the name of a folder as a quoted string (RFC 9051, 4.3)."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _flags(path: Path) -> str:
    """Return the flags in the name of a file in a Maildir."""
    return path.name.partition(":2,")[2]
