"""Restoring a backup into an empty folder: the ledger comes last, and nothing works there before."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update

from flows.backup.checking import bring_back, check_backup, refuse_newer
from flows.backup.manifest import LEDGER, Manifest
from flows.backup.place import Place, place_of
from flows.backup.snapshot import check_snapshot, opened
from flows.workspace import RESTORING, reporter
from pipeline.errors import StorageError, UsageError
from pipeline.files import reason, write_atomic
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warning_tables import outbox
from pipeline.settings import Settings
from pipeline.storage.local import sync_folders

__all__ = ["Restored", "restore_backup", "verify_backup"]


@dataclass(frozen=True)
class Restored:
    """What was restored: the backup, and how many messages wait for a person's word."""

    manifest: Manifest
    held_messages: int


def verify_backup(settings: Settings, to: str, backup: str | None, scratch: Path) -> Manifest:
    """Check a backup, the newest if none is named, in all its parts.

    Raises
    ------
    UsageError
        there is none, or a newer program made it
    StorageError
        it is damaged; says where
    """
    place = place_of(settings, to)
    manifest = place.chosen(backup)
    check_backup(place, manifest, scratch, wholly=True)
    return manifest


def restore_backup(settings: Settings, source: str, to: Path, backup: str | None, now: datetime) -> Restored:
    """Write a backup into an empty folder; one that was broken off goes on when it is repeated.

    Messages that had not left when the backup was taken may have left since, so each becomes ``unknown`` and
    waits for a person: nothing is mailed a second time by itself.

    Parameters
    ----------
    settings : how object storage is reached
    backup : the beginning of its instant; None: the newest

    Raises
    ------
    UsageError
        the folder is not empty, or there is no such backup, or a newer program made it
    StorageError
        the backup is damaged, or the disk cannot be written; the folder cannot be used before it succeeds
    """
    place = place_of(settings.model_copy(update={"data_dir": to}), source)
    manifest = place.chosen(backup)
    refuse_newer(manifest)
    _begin(to, manifest)
    files = [held for held in manifest.files if held.path != LEDGER]
    for at, held in enumerate(files):
        reporter.get()("restoring", at, len(files))
        target = _inside(to, held.path)
        bring_back(place, held, target)
        if held.modified:
            os.utime(target, ns=(held.modified, held.modified))
    reporter.get()("restoring", len(files), len(files))
    sync_folders({_inside(to, held.path).parent for held in files}, to)
    kept = _ledger(place, manifest, to, now)
    (to / RESTORING).unlink()
    return Restored(manifest, kept)


def _begin(to: Path, manifest: Manifest) -> None:
    """Mark an empty folder as one into which this backup is restored, or go on with it."""
    marker = to / RESTORING
    try:
        begun = marker.read_text("utf-8").strip() if marker.exists() else None
        if begun is None and to.exists() and any(to.iterdir()):
            raise UsageError(f"{to} is not empty; restore into an empty folder")
    except OSError as error:
        raise UsageError(f"{to} cannot be used: {error.strerror}; give an empty folder") from error
    if begun not in (None, manifest.id):
        raise UsageError(f"the restore of {begun} was begun in {to}; empty the folder first")
    write_atomic(marker, f"{manifest.id}\n".encode())


def _inside(to: Path, path: str) -> Path:
    """Return where a file goes, refusing a path that leads elsewhere."""
    target = to / path
    if ".." in Path(path).parts or Path(path).is_absolute():
        raise StorageError(f"the backup names a file outside the data folder: {path}")
    return target


def _ledger(place: Place, manifest: Manifest, to: Path, now: datetime) -> int:
    """Bring the ledger, checked, and put it in place last; returns how many messages wait for a person."""
    beside = to / ".restoring-ledger"
    shutil.rmtree(beside, ignore_errors=True)
    bring_back(place, manifest.ledger, beside / LEDGER)
    check_snapshot(beside / LEDGER, manifest)
    with opened(beside / LEDGER) as ledger:
        kept = _hold_messages(ledger, manifest, now)
    try:
        with (beside / LEDGER).open("rb") as written:
            os.fsync(written.fileno())
        (beside / LEDGER).replace(to / LEDGER)
        shutil.rmtree(beside)
    except OSError as error:
        raise StorageError(f"cannot write {to / LEDGER}: {reason(error)}") from error
    sync_folders({to}, to)
    return kept


def _hold_messages(ledger: Ledger, manifest: Manifest, now: datetime) -> int:
    """Let no message leave by itself that may have left after the backup; the trail says so."""
    waiting = outbox.c.state.in_(("pending", "sending"))
    said = f"restored from the backup of {manifest.id}: it may have left since"
    about = {"actor": "sameair", "action": "ledger.restored", "subject": "ledger"}
    with ledger.write() as conn:
        number = int(conn.execute(select(func.count()).select_from(outbox).where(waiting)).scalar_one())
        held = (
            update(outbox)
            .where(waiting)
            .values(state="unknown", claim=None, claimed_at=None, last_error=said)
        )
        conn.execute(held)
        payload = {"backup": manifest.id, "audit_end": manifest.audit_end, "messages_held": number}
        append_audit(conn, at=now, payload=payload, **about)
    return number
