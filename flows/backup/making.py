"""Making a backup while everything runs: first the ledger, then every file that it lists."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from uuid import uuid4

from flows.backup.checking import check_backup
from flows.backup.keeping import Keep, prune_backups
from flows.backup.manifest import LEDGER, Held, Manifest
from flows.backup.note import write_note
from flows.backup.place import Place, place_of
from flows.backup.snapshot import batch_sizes, end_of_trail, opened, row_counts, take_snapshot
from flows.backup.sources import Source, left_out, sources_of
from flows.version import code_version
from flows.workspace import Workspace, reporter
from pipeline.compaction import BACKUP_LOCK
from pipeline.errors import StorageError, UsageError
from pipeline.files import reason, write_atomic
from pipeline.ledger.locks import ledger_lock
from pipeline.ledger.migrate import head_revision
from pipeline.storage.local import LocalFolder

IDENTITY: Final = "node-id"
"""File of the data folder by which its backups are told from those of others."""

SCRATCH: Final = ".backup-"
WAIT_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Made:
    """A backup as it was made: what was new, what earlier ones held already, and which of these went."""

    manifest: Manifest
    place: str
    new_bytes: int
    removed: tuple[str, ...]


def make_backup(ws: Workspace, to: str, keep: Keep) -> Made:
    """Back everything up, check it and let older backups go.

    The snapshot of the ledger comes first; until the files it lists are read, compaction deletes none.

    Parameters
    ----------
    to : a folder on another disk, or ``s3://bucket/prefix``

    Raises
    ------
    UsageError
        the place cannot be one, or belongs to another node
    StorageError
        ledger, disk or place fail, a listed file is gone, or what was written does not check; no backup
        counts then
    """
    place = place_of(ws.settings, to)
    with ledger_lock(ws.ledger, BACKUP_LOCK, wait_s=WAIT_SECONDS) as still_held, _scratch(ws) as scratch:
        place.claim(_identity(ws))
        manifest = _snapshot(ws, scratch)
        writing = _Writing(place, place.parts(), _known(place))
        batches = _listed(scratch)
        held = [writing.bring(Source(LEDGER, LocalFolder(scratch), LEDGER, 0, 0))]
        wanted = list(sources_of(ws, batches))
        for at, source in enumerate(wanted):
            reporter.get()("backing up", at, len(wanted))
            held.append(writing.bring(source))
        reporter.get()("backing up", len(wanted), len(wanted))
        manifest = replace(manifest, files=tuple(one for one in held if one is not None))
        place.secure(writing.new)
        check_backup(place, manifest, scratch / "check", wholly=False)
        still_held()
        name = place.put_manifest(manifest)
        write_note(ws.settings.data_dir, to, manifest, name)
        return Made(manifest, place.shown, writing.new_bytes, prune_backups(place, keep))


def _identity(ws: Workspace) -> str:
    """Return the identity of the data folder, made once."""
    path = ws.settings.data_dir / IDENTITY
    if not path.exists():
        write_atomic(path, f"{uuid4().hex}\n".encode())
    return path.read_text("ascii").strip()


@contextmanager
def _scratch(ws: Workspace) -> Iterator[Path]:
    """Give a folder for the snapshot; what a killed backup left is removed first."""
    for old in ws.settings.data_dir.glob(f"{SCRATCH}*"):
        shutil.rmtree(old, ignore_errors=True)
    try:
        ws.settings.data_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=SCRATCH, dir=ws.settings.data_dir))
    except OSError as error:
        raise StorageError(f"cannot write in {ws.settings.data_dir}: {reason(error)}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _snapshot(ws: Workspace, scratch: Path) -> Manifest:
    """Take the ledger's snapshot and say what it holds."""
    made_at = ws.clock()
    take_snapshot(ws.ledger, scratch / LEDGER)
    with opened(scratch / LEDGER) as copy:
        return Manifest(
            made_at=made_at,
            node=_identity(ws),
            version=code_version(),
            revision=head_revision(),
            database=ws.ledger.engine.dialect.name,
            audit_end=end_of_trail(copy),
            rows=row_counts(copy),
            files=(),
            left_out=tuple(left_out(ws)),
        )


def _listed(scratch: Path) -> dict[str, int]:
    with opened(scratch / LEDGER) as copy:
        return batch_sizes(copy)


def _known(place: Place) -> dict[str, Held]:
    """Return the files of the newest backup that can be read."""
    for name in place.names():
        try:
            return {held.path: held for held in place.read(name).files}
        except StorageError:
            continue
    return {}


class _Writing:
    """Brings files to a place, each part once; what an earlier backup holds unchanged is not read again."""

    def __init__(self, place: Place, there: set[str], known: dict[str, Held]) -> None:
        self._place, self._there, self._known = place, there, known
        self.new: list[str] = []
        self.new_bytes = 0

    def bring(self, source: Source) -> Held | None:
        """Return a file as it is held in the backup; None where it has gone meanwhile and may have."""
        before = self._known.get(source.path)
        if before is not None and _is_same(source, before) and self._there.issuperset(before.parts):
            return before
        try:
            parts, size = self._parts(source)
        except FileNotFoundError:
            if source.is_listed:
                where = source.files.shown(source.key)
                raise StorageError(f"the listed batch {where} is gone; restore it, then repeat") from None
            return None
        except PermissionError as error:
            raise UsageError(f"{error.filename} may not be read by this account") from error
        if source.is_listed and size != source.size:
            raise StorageError(f"the listed batch {source.files.shown(source.key)} is damaged; restore it")
        return Held(source.path, size, source.modified, source.mode, parts)

    def _parts(self, source: Source) -> tuple[tuple[str, ...], int]:
        parts, size = [], 0
        for content in source.stretches():
            digest = hashlib.sha256(content).hexdigest()
            if digest not in self._there:
                self._place.put_part(digest, content)
                self._there.add(digest)
                self.new.append(digest)
                self.new_bytes += len(content)
            parts.append(digest)
            size += len(content)
        return tuple(parts), size


def _is_same(source: Source, before: Held) -> bool:
    """Tell whether a file is as it was: a batch is named by its content, others by size and time."""
    if source.is_listed:
        return before.bytes == source.size
    return source.modified > 0 and (before.bytes, before.modified) == (source.size, source.modified)
