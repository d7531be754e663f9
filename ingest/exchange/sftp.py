"""Fetching exchange files over SFTP into the inbox; nothing is ever written or deleted over there."""

from __future__ import annotations

import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import paramiko
from paramiko.pkey import UnknownKeyType

from ingest.exchange.inbox import LARGEST, MOST_FILES, UNFINISHED, Inbox
from ingest.exchange.text import SOURCE
from pipeline.errors import BadPayload, Refused, SourceUnavailable, StorageError
from pipeline.files import write_atomic

NAME = re.compile(r"[^./\\~\x00-\x1f][^/\\\x00-\x1f]{0,199}")
TIMEOUT_S: Final = 30.0
LONGEST_S: Final = 240.0
"""A session is cut off after this long [s], so that a server that drips cannot hold up a round."""
LATER: Final = "it is asked again at the next round"


@dataclass(frozen=True)
class Address:
    """Where the files lie."""

    host: str
    port: int
    user: str
    folder: str


def parse_address(url: str) -> Address:
    """Return the parts of ``sftp://user@host:port/folder``.

    Raises
    ------
    Refused
        it is no such address, or holds a password

    Examples
    --------
    >>> parse_address("sftp://sameair@exchange.example:2222/out/daily")
    Address(host='exchange.example', port=2222, user='sameair', folder='/out/daily')
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 22
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "sftp" or not parts.hostname or not parts.username:
        raise Refused(
            SOURCE, "SAMEAIR_EXCHANGE_SFTP is no address", remedy="write sftp://user@host:port/folder"
        )
    if parts.password is not None:
        raise Refused(
            SOURCE, "a password stands in SAMEAIR_EXCHANGE_SFTP", remedy="log in by SAMEAIR_EXCHANGE_SFTP_KEY"
        )
    return Address(parts.hostname, port, unquote(parts.username), unquote(parts.path) or ".")


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
        address = parse_address(self.url)
        try:
            with self._session(address) as sftp:
                new, large = self._listed(sftp, address.folder)
                copied = [name for name in new if self._copy(sftp, address, name)]
        except paramiko.BadHostKeyException as error:
            raise Refused(
                SOURCE, "the server has another host key than is known", remedy="ask its owner why"
            ) from error
        except paramiko.AuthenticationException as error:
            raise Refused(
                SOURCE, "the server does not accept our login", remedy="check user and key"
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise SourceUnavailable(SOURCE, f"SFTP failed ({_cause(error)})", remedy=LATER) from error
        except StorageError as error:
            remedy = f"check who may write in {self.inbox.folder}"
            raise SourceUnavailable(SOURCE, "the inbox cannot be written", remedy=remedy) from error
        if large:
            what = f"larger than {LARGEST // 2**20} MiB on the server: {', '.join(large)[:200]}"
            raise BadPayload(SOURCE, what, remedy="ask the sender to split it into several files")
        return copied

    @contextmanager
    def _session(self, address: Address) -> Iterator[paramiko.SFTPClient]:
        with paramiko.SSHClient() as client, _cut_off(client, self.longest_s):
            client.set_missing_host_key_policy(_OnlyKnown())
            try:
                client.load_system_host_keys(None if self.known_hosts is None else str(self.known_hosts))
                key = None if self.key_file is None else paramiko.PKey.from_path(self.key_file)
            except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as error:
                raise Refused(
                    SOURCE, f"a file of the login cannot be read ({_cause(error)})", remedy="check settings"
                ) from error
            client.connect(
                address.host,
                address.port,
                address.user,
                pkey=key,
                allow_agent=key is None,
                look_for_keys=key is None,
                timeout=TIMEOUT_S,
                banner_timeout=TIMEOUT_S,
                auth_timeout=TIMEOUT_S,
                channel_timeout=TIMEOUT_S,
            )
            with client.open_sftp() as sftp:
                channel = sftp.get_channel()
                if channel is not None:
                    channel.settimeout(TIMEOUT_S)
                yield sftp

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


class _OnlyKnown(paramiko.MissingHostKeyPolicy):
    """Refuses every server whose key is not known."""

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, _key: paramiko.PKey) -> None:
        raise Refused(
            SOURCE,
            f"the host key of {hostname} is not known",
            remedy="ask its owner for it and add it to SAMEAIR_EXCHANGE_SFTP_KNOWN_HOSTS",
        )


@contextmanager
def _cut_off(client: paramiko.SSHClient, after_s: float) -> Iterator[None]:
    """Close a connection that lasts longer than ``after_s``: time-outs begin again with every byte."""
    timer = threading.Timer(after_s, client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cause(error: Exception) -> str:
    """Return what kind of failure it was, without addresses or keys."""
    return "timed out" if isinstance(error, TimeoutError | socket.timeout) else type(error).__name__
