"""Files in a folder of the disk: written beside, synced, renamed into place."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from pipeline.errors import StorageError
from pipeline.files import reason
from pipeline.ledger.connect import Ledger
from pipeline.storage.folder import Folder, Item, Result, StillHeld
from pipeline.world_lock import world_lock


@dataclass(frozen=True)
class LocalFolder:
    """A folder of the disk; see :class:`pipeline.storage.folder.Folder`.

    >>> import tempfile
    >>> files = LocalFolder(Path(tempfile.mkdtemp()))
    >>> files.put("measured/a.txt", b"hello")
    >>> files.read("measured/a.txt"), list(files.keys("measured"))
    (b'hello', ['measured/a.txt'])
    """

    path: Path

    @property
    def lists_under_lock(self) -> bool:
        """A locked file is free only when its holder is dead."""
        return False

    def put(self, key: str, content: bytes) -> None:
        """Write a file beside its place, sync it and rename it; :meth:`secure` makes the name durable."""
        target = self.path / key
        beside = target.parent / f".{uuid4().hex}.tmp"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(content)
                with beside.open("rb") as file:
                    os.fsync(file.fileno())
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            advice = reason(error)
            remedy = "free it, then repeat" if advice == error.strerror else advice
            raise StorageError(f"cannot write under {target.parent}: {error}; {remedy}") from error

    def secure(self, keys: Collection[str]) -> None:
        """Sync the folders of files, up to the root."""
        sync_folders({(self.path / key).parent for key in keys}, self.path)

    def read(self, key: str) -> bytes:
        """Return a file of the disk."""
        try:
            return (self.path / key).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageError(f"{self.path / key} cannot be read ({error}); restore it") from error

    def opened(self, key: str, size: int) -> pa.NativeFile:
        """Open a file of the disk."""
        return pa.OSFile(f"{self.path}/{key}")

    def keys(self, prefix: str) -> Iterator[str]:
        """Return every file below a folder, those that killed writers left too, less the locks."""
        found = (path for path in (self.path / prefix).glob("**/*") if path.is_file())
        yield from sorted(p.relative_to(self.path).as_posix() for p in found if p.name != ".lock")

    def has(self, key: str) -> bool:
        """Tell whether there is a file of that name."""
        return (self.path / key).is_file()

    def delete(self, keys: Collection[str]) -> None:
        """Remove files from the disk."""
        try:
            for key in keys:
                (self.path / key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot clear {self.path}: {error}; free it, then repeat") from error

    def shown(self, key: str) -> Path:
        """Return the path of a file."""
        return self.path / key

    def turn(self, ledger: Ledger, name: str) -> AbstractContextManager[StillHeld]:
        """Lock a file in the world's folder."""
        return world_lock(self.path, name)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do one after the other."""
        return map(work, items)


def folder_of(root: Path | Folder) -> Folder:
    """Return the files under a path of the disk, or what is such a place already."""
    return LocalFolder(root) if isinstance(root, Path) else root


def sync_folders(folders: Collection[Path], root: Path) -> None:
    """Make renames and new folders durable, from each folder up to the root of the store."""
    chain = {parent for f in folders for parent in (f, *f.parents) if parent.is_relative_to(root)}
    try:
        for folder in sorted(chain, reverse=True):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise StorageError(f"cannot secure files under {root}: {error}; free it, then repeat") from error
