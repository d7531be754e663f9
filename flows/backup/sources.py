"""What of a data folder belongs in a backup, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.backup.place import PART_BYTES
from flows.storage_copy import folder_now
from flows.workspace import Workspace
from pipeline.exchange.keys import ENCRYPTED
from pipeline.storage.folder import Folder
from pipeline.storage.local import LocalFolder
from pipeline.storage.opening import FIELDS, OBSERVATIONS
from pipeline.storage.products import KEPT

MADE_AGAIN: Final = ("prefect", "cache", "metrics")
"""Folders of which nothing is ours or everything is made again."""

KEYS: Final = "keys"
OPEN_KEY: Final = "a secret that no password protects: keep it apart, under the control of its party"
OWNER_ONLY: Final = 0o600
EVERYBODY: Final = 0o644


@dataclass(frozen=True)
class Source:
    """A file to be backed up.

    Parameters
    ----------
    path : within the data folder, with slashes
    size, modified : [bytes], [ns since 1970]; 0 where its place is not asked
    is_listed : the ledger's snapshot names it, so that it must be there and never changes
    """

    path: str
    files: Folder
    key: str
    size: int
    modified: int
    mode: int = EVERYBODY
    is_listed: bool = False

    def stretches(self) -> Iterator[bytes]:
        """Yield the content in stretches. Raises FileNotFoundError, StorageError."""
        if isinstance(self.files, LocalFolder):
            with (self.files.path / self.key).open("rb") as file:
                while content := file.read(PART_BYTES):
                    yield content
            return
        content = self.files.read(self.key)
        for at in range(0, len(content), PART_BYTES):
            yield content[at : at + PART_BYTES]


def sources_of(ws: Workspace, batches: dict[str, int]) -> Iterator[Source]:
    """Yield every file to be backed up: the snapshot's batches, then all else that is not made again.

    Parameters
    ----------
    batches : path and size of those that the snapshot lists
    """
    observations = folder_now(ws.settings, OBSERVATIONS)
    for path, size in batches.items():
        yield Source(path, observations, path.partition("/")[2], size, 0, is_listed=True)
    for name in (FIELDS, *KEPT):
        files = folder_now(ws.settings, name)
        for key in files.keys(""):
            if not _is_passing(Path(key)):
                yield _source(f"{name}/{key}", files, key)
    for path in _others(ws):
        yield _source(path, LocalFolder(ws.settings.data_dir), path)


def left_out(ws: Workspace) -> list[tuple[str, str]]:
    """Return path and reason of the secrets that are not taken: those that no password protects."""
    keys = LocalFolder(ws.settings.data_dir).keys(KEYS)
    return [(path, OPEN_KEY) for path in keys if _is_open_secret(ws.settings.data_dir / path)]


def _others(ws: Workspace) -> Iterable[str]:
    """Yield the paths of the other files of the data folder."""
    folder = ws.settings.data_dir
    elsewhere = {OBSERVATIONS, FIELDS, *KEPT, *MADE_AGAIN}
    ledger = ws.ledger.engine.url.database if ws.ledger.engine.dialect.name == "sqlite" else None
    own = Path(ledger).name if ledger else "ledger.sqlite"
    for top in sorted(folder.iterdir()):
        if top.name in elsewhere or top.name.startswith((own, ".")):
            continue
        found = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for path in found:
            inner = path.relative_to(folder)
            if not _is_passing(inner) and not (top.name == KEYS and _is_open_secret(path)):
                yield inner.as_posix()


def _source(path: str, files: Folder, key: str) -> Source:
    """Return a file as it is now; one that has gone meanwhile is found out when it is read."""
    if not isinstance(files, LocalFolder):
        return Source(path, files, key, 0, 0)
    try:
        held = (files.path / key).stat()
    except FileNotFoundError:
        return Source(path, files, key, 0, 0)
    mode = OWNER_ONLY if not held.st_mode & 0o077 else EVERYBODY
    return Source(path, files, key, held.st_size, held.st_mtime_ns, mode)


def _is_passing(path: Path) -> bool:
    """Tell whether a file is a lock or what a writer has not finished."""
    return path.suffix in (".lock", ".tmp") or any(part.startswith(".") for part in path.parts)


def _is_open_secret(path: Path) -> bool:
    """Tell whether a file of the keys is a secret that no password protects."""
    if path.suffix in (".pub", ".toml", ".lock"):
        return False
    return ENCRYPTED not in path.read_bytes()
