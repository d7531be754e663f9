"""Fetching exchange files over SFTP into the inbox; nothing is ever written or deleted over there."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko

from ingest.exchange.inbox import LARGEST, MOST_FILES, UNFINISHED, Inbox
from ingest.exchange.text import SOURCE
from pipeline.errors import BadPayload, SourceUnavailable, StorageError
from pipeline.files import write_atomic
from pipeline.sftp_session import LONGEST_S, Address, Login, sftp_session

NAME = re.compile(r"[^./\\~\x00-\x1f][^/\\\x00-\x1f]{0,199}")
SETTING: Final = "SAMEAIR_EXCHANGE_SFTP"


@dataclass(frozen=True)
class Mailbox:
    """A folder on the other side's server, whose host key must be known; another one is refused.

    Parameters
    ----------
    url : ``sftp://user@host:port/folder``
    key_file : private key of the login; None: the agent's or the user's own keys
    known_hosts : file that holds the server's key; None: the user's own
    longest_s : how long a session may last [s]
    """

    url: str
    inbox: Inbox
    key_file: Path | None = None
    known_hosts: Path | None = None
    longest_s: float = LONGEST_S

    def mirror(self) -> list[str]:
        """Copy into the inbox every file that it has never had; return their names.

        Raises
        ------
        Refused
            the server's key or our login is not accepted
        SourceUnavailable
            no connection, it broke or lasted too long, or the inbox cannot be written; what was copied stays
        BadPayload
            files are too large; the others were copied
        """
        login = Login(SOURCE, self.url, SETTING, self.key_file, self.known_hosts, self.longest_s)
        try:
            with sftp_session(login) as (sftp, address):
                new, large = self._listed(sftp, address.folder)
                copied = [name for name in new if self._copy(sftp, address, name)]
        except StorageError as error:
            remedy = f"check who may write in {self.inbox.folder}"
            raise SourceUnavailable(SOURCE, "the inbox cannot be written", remedy=remedy) from error
        if large:
            what = f"larger than {LARGEST // 2**20} MiB on the server: {', '.join(large)[:200]}"
            raise BadPayload(SOURCE, what, remedy="ask the sender to split it into several files")
        return copied

    def _listed(self, sftp: paramiko.SFTPClient, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the plain files that are new to us, oldest first, and of those too large."""
        found: list[tuple[int, str]] = []
        large: list[str] = []
        for entry in sftp.listdir_attr(folder):
            size, modified = entry.st_size or 0, int(entry.st_mtime or 0)
            if not stat.S_ISREG(entry.st_mode or 0) or not is_wanted(entry.filename):
                continue
            if size > LARGEST:
                large.append(entry.filename)
            elif not self.inbox.holds(entry.filename, size, modified) and size:
                found.append((modified, entry.filename))
        return [name for _, name in sorted(found)[:MOST_FILES]], large

    def _copy(self, sftp: paramiko.SFTPClient, address: Address, name: str) -> bool:
        """Copy one file with its time; False where it changed meanwhile, so that it is left for later."""
        path = f"{address.folder.rstrip('/')}/{name}"
        before = sftp.stat(path)
        with sftp.open(path, "rb") as remote:
            payload = remote.read(LARGEST + 1)
        after = sftp.stat(path)
        same = (before.st_size, before.st_mtime) == (after.st_size, after.st_mtime)
        if not same or len(payload) != after.st_size:
            return False
        copy = write_atomic(self.inbox.folder / name, payload)
        os.utime(copy, (after.st_mtime or 0, after.st_mtime or 0))
        return True


def is_wanted(name: str) -> bool:
    """Tell whether a file of the server is taken: a finished one whose name stays within the folder.

    >>> [is_wanted(name) for name in ("forecast.csv", "forecast.csv.part", "..", "a/b", ".profile")]
    [True, False, False, False, False]
    """
    return bool(NAME.fullmatch(name)) and not name.lower().endswith(UNFINISHED)
