"""Which files are past an age, and removing them: a note of each first, so that nobody takes it for lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from flows.storage_copy import folder_now
from flows.workspace import Workspace
from pipeline.removed import NOTE, Note, Removed, encoded, note_of
from pipeline.storage.folder import Folder
from pipeline.storage.local import LocalFolder
from pipeline.times import iso


@dataclass
class Gone:
    """What a rule removed, or would: how many, their bytes, and the digest of each note by its key."""

    number: int = 0
    bytes: int = 0
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stock:
    """A folder of the data folder of which files may go.

    Parameters
    ----------
    top : its name, such as ``runs``
    files : where it lies, the disk or object storage
    here : its place on this disk, where copies of what lies on object storage may be
    """

    top: str
    files: Folder
    here: Path

    @classmethod
    def of(cls, ws: Workspace, top: str) -> Stock:
        """Return a folder that may lie on object storage."""
        return cls(top, folder_now(ws.settings, top), ws.settings.data_dir / top)

    @classmethod
    def on_disk(cls, ws: Workspace, top: str) -> Stock:
        """Return a folder that lies on this disk always."""
        return cls(top, LocalFolder(ws.settings.data_dir / top), ws.settings.data_dir / top)

    def names(self, folder: str, patterns: Collection[str]) -> list[str]:
        """Return the names of the files of a folder that are like a pattern, its note left aside."""
        found = (PurePosixPath(key).relative_to(folder) for key in self.files.keys(folder))
        names = [p.name for p in found if len(p.parts) == 1 and p.name != NOTE]
        return [name for name in names if any(fnmatch(name, one) for one in patterns)]

    def note(self, folder: str) -> Note:
        """Return the note of a folder; raises StorageError if it is damaged."""
        try:
            return note_of(self.files.read(f"{folder}/{NOTE}"))
        except FileNotFoundError:
            return {}


def remove(
    ws: Workspace, stock: Stock, folder: str, names: Collection[str], rule: str, gone: Gone, *, dry_run: bool
) -> None:
    """Remove files of a folder, the note of them first; killed between, the next time ends it.

    Parameters
    ----------
    folder : within the stock; empty: the stock itself
    gone : what was removed is added
    """
    if not names:
        return
    inside = f"{folder}/" if folder else ""
    note, at = stock.note(folder or "."), iso(ws.clock())
    for name in names:
        try:
            content = stock.files.read(f"{inside}{name}")
        except FileNotFoundError:
            continue
        one = Removed(name, hashlib.sha256(content).hexdigest(), len(content), at, rule)
        if name not in note or note[name].sha256 != one.sha256:
            note[name] = one
        gone.number, gone.bytes = gone.number + 1, gone.bytes + len(content)
    if dry_run:
        return
    said = encoded(note)
    stock.files.put(f"{inside}{NOTE}", said)
    stock.files.secure([f"{inside}{NOTE}"])
    stock.files.delete([f"{inside}{name}" for name in names])
    for name in names:
        (stock.here / folder / name).unlink(missing_ok=True)
    gone.notes[f"{stock.top}/{inside}{NOTE}"] = hashlib.sha256(said).hexdigest()


def old_files(folder: Path, is_old: Callable[[float], bool]) -> Iterator[Path]:
    """Yield the files under a folder of this disk whose time of writing [s since 1970] is old."""
    for path in sorted(folder.glob("*/*.json")):
        try:
            if is_old(path.stat().st_mtime):
                yield path
        except FileNotFoundError:
            continue
