"""A folder that both nodes reach: a shared mount, one that rsync mirrors, or a stick that is carried."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Refused, SourceUnavailable
from pipeline.exchange.transports.files import Files, FileTransport
from pipeline.exchange.transports.transport import Route
from pipeline.files import reason


def folder_transport(root: Path, route: Route) -> FileTransport:
    """Return the transport by a folder; the folder itself is never made: a stick may not be in."""
    return FileTransport("folder", route, lambda: _opened(root, route))


@contextmanager
def _opened(root: Path, route: Route) -> Iterator[Files]:
    """Open the folder; what fails is told without a trace."""
    source = f"exchange with {route.peer} by folder"
    if not root.is_dir():
        raise SourceUnavailable(source, f"{root} is not there", remedy="it is looked for at the next round")
    try:
        yield _Folder(root)
    except PermissionError as error:
        raise Refused(
            source, f"{error.filename or root}: permission denied", remedy="check its owner"
        ) from error
    except OSError as error:
        raise SourceUnavailable(source, f"{error.filename or root}: {reason(error)}") from error


@dataclass(frozen=True)
class _Folder:
    """Files under a folder of this machine."""

    root: Path

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the plain files of a folder; links are none."""
        try:
            with os.scandir(self._inside(folder)) as entries:
                return {e.name: e.stat().st_size for e in entries if e.is_file(follow_symlinks=False)}
        except FileNotFoundError:
            return {}

    def read(self, folder: str, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of a plain file; None where it has gone."""
        try:
            handle = os.open(self._inside(folder) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(handle).st_mode) else None

    def place(self, folder: str, name: str, content: bytes) -> None:
        """Write beside, sync, rename; whatever lies under the name beside is removed, never followed."""
        path = self._inside(folder) / name
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f"{name}.part")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def remove(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""
        (self._inside(folder) / name).unlink(missing_ok=True)

    def _inside(self, folder: str) -> Path:
        """Return one of the two folders; a link in its place leads elsewhere and is refused."""
        path = self.root / folder
        if path.is_symlink():
            raise PermissionError(errno.EPERM, "a link", str(path))
        return path
