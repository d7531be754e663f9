"""The folder into which exchange files are dropped: read once whole, filed away once they are stored.

``archive/`` keeps what was stored and ``rejected/`` what could not be read. A file that is still being
written stays where it is, and so does one that was replaced while it was read.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ingest.exchange.text import SOURCE, is_whole
from ingest.feeds import Ask, Due
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable
from pipeline.files import reason

ARCHIVE: Final = "archive"
REJECTED: Final = "rejected"
LARGEST: Final = 16 * 2**20
"""Bytes; a file of all Chinese stations for a day has fewer."""
MOST_FILES: Final = 500
"""Files taken in one round, the oldest first."""
PATIENCE: Final = timedelta(hours=1)
"""A file without its end is left alone so long after it was last written, then it counts as broken."""
UNFINISHED: Final = (".part", ".tmp", ".filepart", ".partial", ".crdownload", "~")
"""Endings that programs give to files they have not finished."""
LOOK: Final = "look"
FILE: Final = "file"


@dataclass(frozen=True)
class Dropped:
    """One file that lies in the inbox."""

    path: Path
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class Inbox:
    """A folder of exchange files."""

    folder: Path

    def asks(self, due: Due) -> list[Ask]:
        """Return one request for each file that can be read now; one that only says so if none can be seen.

        A file that was stored before under its name, byte for byte, is filed away unread.
        """
        found: list[Ask] = []
        try:
            for file in self._oldest():
                with contextlib.suppress(FileNotFoundError):
                    if self._is_ready(file, due.now) and not self._is_known(file.path):
                        name = file.path.name
                        found.append(Ask(FILE, f"file {name}", {"name": name, "sha256": digest(file.path)}))
        except OSError as error:
            found.append(Ask(LOOK, f"look into the inbox ({type(error).__name__})"))
        return found

    def fetch(self, ask: Ask) -> bytes:
        """Return the bytes of a file.

        Raises
        ------
        SourceUnavailable
            the folder or the file cannot be read
        NotYetAvailable
            it is gone, or another file by now
        BadPayload
            it is larger than ``LARGEST``
        """
        if ask.operation == LOOK:
            raise SourceUnavailable(SOURCE, "the inbox cannot be read", remedy=f"check {self.folder}")
        path = self.folder / ask.parameters["name"]
        try:
            if path.stat().st_size > LARGEST:
                what = f"{path.name} is larger than {LARGEST // 2**20} MiB"
                raise BadPayload(SOURCE, what, remedy="split it into several files")
            payload = path.read_bytes()
        except FileNotFoundError as error:
            raise NotYetAvailable(SOURCE, f"{path.name} is gone", remedy="nothing to do") from error
        except OSError as error:
            what = f"{path.name} cannot be read ({reason(error)})"
            raise SourceUnavailable(SOURCE, what, remedy="check who may read it") from error
        if hashlib.sha256(payload).hexdigest() != ask.parameters["sha256"]:
            raise NotYetAvailable(SOURCE, f"{path.name} is being replaced", remedy="read at the next round")
        return payload

    def settle(self, ask: Ask, stored: bool) -> None:
        """File a file away, if it is still the one that was read.

        Raises
        ------
        SourceUnavailable
            it cannot be moved; it will be read again, which changes nothing
        """
        path = self.folder / ask.parameters.get("name", "")
        try:
            if path.is_file() and digest(path) == ask.parameters["sha256"]:
                self._file_away(path, self.folder / (ARCHIVE if stored else REJECTED))
        except OSError as error:
            what = f"{path.name} cannot be filed away ({reason(error)})"
            remedy = f"check who may write in {self.folder}"
            raise SourceUnavailable(SOURCE, what, remedy=remedy) from error

    def holds(self, name: str, size: int, modified: int) -> bool:
        """Tell whether a file of this name, size and time [s since 1970] lies here or has been filed away."""
        here = (self.folder, self.folder / ARCHIVE, self.folder / REJECTED)
        for path in (path for place in here for path in _versions(place / name)):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if (found.st_size, int(found.st_mtime)) == (size, modified):
                    return True
        return False

    def _oldest(self) -> list[Dropped]:
        if not self.folder.exists():
            return []
        found: list[Dropped] = []
        for path in files_in(self.folder):
            with contextlib.suppress(FileNotFoundError):
                said = path.stat()
                found.append(Dropped(path, said.st_size, datetime.fromtimestamp(said.st_mtime, tz=UTC)))
        return sorted(found, key=lambda f: (f.modified, f.path.name))[:MOST_FILES]

    def _is_ready(self, file: Dropped, now: datetime) -> bool:
        """Tell whether a file has its end, or has waited so long for it that it counts as broken."""
        if file.bytes > LARGEST or now - file.modified >= PATIENCE:
            return True
        return is_whole(file.path.read_bytes())

    def _is_known(self, path: Path) -> bool:
        for kept in _versions(self.folder / ARCHIVE / path.name):
            if kept.is_file() and digest(kept) == digest(path):
                path.replace(kept)
                return True
        return False

    @staticmethod
    def _file_away(path: Path, where: Path) -> None:
        """Move a file; what lay there under its name steps aside, so that the newest has the plain name."""
        where.mkdir(parents=True, exist_ok=True)
        target = where / path.name
        if target.is_file() and digest(target) != digest(path):
            target.replace(target.with_name(f"{target.stem}.{digest(target)[:8]}{target.suffix}"))
        path.replace(target)


def files_in(folder: Path) -> list[Path]:
    """Return the plain files of a folder that are not marked as unfinished; links are not followed."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and not path.name.lower().endswith(UNFINISHED)
        and not path.is_symlink()
        and path.is_file()
    )


def _versions(path: Path) -> list[Path]:
    """Return a file's path and those of its older versions, named with a digest before the ending."""
    older = path.parent.glob(f"{glob.escape(path.stem)}.????????{glob.escape(path.suffix)}")
    return [path, *sorted(older)]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a"
    >>> _ = path.write_bytes(b"")
    >>> digest(path)[:8]
    'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
