"""A session with an SFTP server whose host key must be known; another one is refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import paramiko
from paramiko.pkey import UnknownKeyType

from pipeline.errors import Refused, SourceUnavailable

TIMEOUT_S: Final = 30.0
LONGEST_S: Final = 240.0
"""A session is cut off after this long [s], so that a server that drips cannot hold up a round."""
LATER: Final = "it is asked again at the next round"


@dataclass(frozen=True)
class Login:
    """Where to log in and with what.

    Parameters
    ----------
    source : what errors name
    url : ``sftp://user@host:port/folder``
    setting : the setting that holds the address; that of the known hosts ends in ``_KNOWN_HOSTS``
    key_file : private key of the login; None: the agent's or the user's own keys
    known_hosts : file that holds the server's key; None: the user's own
    longest_s : how long a session may last [s]
    """

    source: str
    url: str
    setting: str
    key_file: Path | None = None
    known_hosts: Path | None = None
    longest_s: float = LONGEST_S


@dataclass(frozen=True)
class Address:
    """Where the files lie."""

    host: str
    port: int
    user: str
    folder: str


def parse_address(login: Login) -> Address:
    """Return the parts of ``sftp://user@host:port/folder``.

    Raises
    ------
    Refused
        it is no such address, or holds a password

    Examples
    --------
    >>> parse_address(Login("exchange", "sftp://sameair@exchange.example:2222/out/daily", "SETTING"))
    Address(host='exchange.example', port=2222, user='sameair', folder='/out/daily')
    """
    try:
        parts = urlsplit(login.url)
        port = parts.port or 22
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "sftp" or not parts.hostname or not parts.username:
        raise Refused(
            login.source, f"{login.setting} is no address", remedy="write sftp://user@host:port/folder"
        )
    if parts.password is not None:
        raise Refused(
            login.source, f"a password stands in {login.setting}", remedy=f"log in by {login.setting}_KEY"
        )
    return Address(parts.hostname, port, unquote(parts.username), unquote(parts.path) or ".")


@contextmanager
def sftp_session(login: Login) -> Iterator[tuple[paramiko.SFTPClient, Address]]:
    """Open a session; gives the client and the address.

    Raises
    ------
    Refused
        the server's key or our login is not accepted
    SourceUnavailable
        no connection, it broke or lasted too long; also for what fails while the session is used
    """
    address, source = parse_address(login), login.source
    try:
        with paramiko.SSHClient() as client, _cut_off(client, login.longest_s):
            yield _connected(client, login, address), address
    except paramiko.BadHostKeyException as error:
        raise Refused(
            source, "the server has another host key than is known", remedy="ask its owner why"
        ) from error
    except paramiko.AuthenticationException as error:
        raise Refused(source, "the server does not accept our login", remedy="check user and key") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise SourceUnavailable(source, f"SFTP failed ({cause(error)})", remedy=LATER) from error


def _connected(client: paramiko.SSHClient, login: Login, address: Address) -> paramiko.SFTPClient:
    client.set_missing_host_key_policy(_OnlyKnown(login))
    known, key_file = login.known_hosts, login.key_file
    try:
        client.load_system_host_keys(None if known is None else str(known))
        key = None if key_file is None else paramiko.PKey.from_path(key_file)
    except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as error:
        what = f"a file of the login cannot be read ({cause(error)})"
        raise Refused(login.source, what, remedy="check settings") from error
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
    sftp = client.open_sftp()
    channel = sftp.get_channel()
    if channel is not None:
        channel.settimeout(TIMEOUT_S)
    return sftp


class _OnlyKnown(paramiko.MissingHostKeyPolicy):
    """Refuses every server whose key is not known."""

    def __init__(self, login: Login) -> None:
        self.login = login

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, _key: paramiko.PKey) -> None:
        raise Refused(
            self.login.source,
            f"the host key of {hostname} is not known",
            remedy=f"ask its owner for it and add it to {self.login.setting}_KNOWN_HOSTS",
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


def cause(error: Exception) -> str:
    """Return what kind of failure it was, without addresses or keys."""
    return "timed out" if isinstance(error, TimeoutError | socket.timeout) else type(error).__name__
