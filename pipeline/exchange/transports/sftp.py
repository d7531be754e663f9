"""A folder on an SFTP server, the peer's, ours or a third one's; see ``folder.py`` for what lies in it."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import paramiko

from pipeline.errors import Refused
from pipeline.exchange.transports.files import Files, FileTransport
from pipeline.exchange.transports.transport import Route
from pipeline.sftp_session import Login, sftp_session


def sftp_transport(login: Login, route: Route) -> FileTransport:
    """Return the transport by a server whose host key is known."""
    return FileTransport("sftp", route, lambda: _opened(login))


@contextmanager
def _opened(login: Login) -> Iterator[Files]:
    """Log in for one pull or push."""
    with sftp_session(login) as (sftp, address):
        try:
            yield _Remote(sftp, address.folder.rstrip("/"))
        except PermissionError as error:
            remedy = "ask its owner who may write where"
            raise Refused(login.source, "the server denies a file to our login", remedy=remedy) from error


@dataclass(frozen=True)
class _Remote:
    """Files under a folder of the server."""

    sftp: paramiko.SFTPClient
    root: str

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the plain files of a folder; none where there is no such folder."""
        try:
            entries = self.sftp.listdir_attr(f"{self.root}/{folder}")
        except FileNotFoundError:
            return {}
        return {e.filename: e.st_size or 0 for e in entries if stat.S_ISREG(e.st_mode or 0)}

    def read(self, folder: str, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of a file; None where it has gone."""
        try:
            with self.sftp.open(f"{self.root}/{folder}/{name}", "rb") as remote:
                return remote.read(most)
        except FileNotFoundError:
            return None

    def place(self, folder: str, name: str, content: bytes) -> None:
        """Write beside, check the size, rename; OSError where it did not come whole."""
        path, beside = f"{self.root}/{folder}/{name}", f"{self.root}/{folder}/{name}.part"
        try:
            self.sftp.stat(f"{self.root}/{folder}")
        except FileNotFoundError:
            self.sftp.mkdir(f"{self.root}/{folder}")
        with self.sftp.open(beside, "wb") as remote:
            remote.write(content)
        if self.sftp.stat(beside).st_size != len(content):
            raise OSError(errno.EIO, "a file did not come whole")
        self._rename(beside, path)

    def _rename(self, beside: str, path: str) -> None:
        """Rename over what is there; servers without that get it removed first."""
        try:
            self.sftp.posix_rename(beside, path)
        except OSError:
            with suppress(FileNotFoundError):
                self.sftp.remove(path)
            self.sftp.rename(beside, path)

    def remove(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self.sftp.remove(f"{self.root}/{folder}/{name}")
