"""Merging small batches, and clearing away files that no list names; neither changes what is read."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote

import numpy as np

from pipeline.batches import Selection, partition_key
from pipeline.errors import StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.batches import Batch, known_files, list_batches, listed_batches, newest_ids, supersede
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.observation_reads import load_versions, received_of
from pipeline.observation_rows import version_order
from pipeline.observation_writes import Draft, discard, listing, write_drafts
from pipeline.storage.folder import Folder, StillHeld
from pipeline.times import Clock

MERGE_BELOW_ROWS = 500_000
"""A batch of this size is left as it is."""

TAIL_BELOW_ROWS = 20_000
"""Live batches below this size are merged when many have gathered in a month."""

BACKUP_LOCK = "backup"
"""Held among all processes of a ledger while a backup reads what its snapshot lists."""

FOLDERS = 3
"""Above a batch: world, source and month."""


class _Store(Protocol):
    """What compaction needs of an observation store."""

    @property
    def files(self) -> Folder: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def merge_after(self) -> int: ...


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: batches taken off the list, batches listed for them, old files deleted."""

    superseded: int
    written: int
    deleted: int


@dataclass(frozen=True)
class Repaired:
    """What a repair found: files removed because no list names them, and listed files that are gone."""

    removed: tuple[Path | str, ...]
    missing: tuple[Path | str, ...]


def compact(store: _Store, world: str, *, before: datetime, grace: timedelta) -> Compacted:
    """Merge, month by month, the small batches listed before an instant; see ObservationStore.compact."""
    with store.ledger.read() as conn:
        listed = listed_batches(conn, world, listed_before=before)
    months: dict[tuple[str, str], list[Batch]] = defaultdict(list)
    for batch in listed:
        if batch.rows < MERGE_BELOW_ROWS:
            months[batch.source, batch.month].append(batch)
    superseded = written = 0
    for (source, month), small in sorted(months.items()):
        if len(small) > 1:
            with store.files.turn(store.ledger, world) as still_held:
                merged = _merge(store, world, (source, month), {b.id for b in small}, still_held)
            superseded, written = superseded + merged, written + (merged > 0)
    return Compacted(superseded, written, len(repair(store, world, grace=grace).removed))


def merge_tail(
    store: _Store, world: str, source: str, months: Collection[str], still_held: StillHeld
) -> None:
    """Merge the small batches of months once there are many; the caller holds the world's lock.

    What it was called after is stored already, so a failure is only logged: the next call tries again.
    """
    with store.ledger.read() as conn:
        listed = listed_batches(conn, world, source=source, months=sorted(months))
    for month in sorted(months):
        small = {b.id for b in listed if b.month == month and b.rows < TAIL_BELOW_ROWS}
        if len(small) >= store.merge_after:
            try:
                _merge(store, world, (source, month), small, still_held)
            except StorageError as error:
                logging.getLogger(__name__).warning(
                    "batches of %s %s stay unmerged: %s", source, month, error
                )


def _merge(store: _Store, world: str, place: tuple[str, str], chosen: set[str], still_held: StillHeld) -> int:
    """Publish one batch in place of the chosen ones that are still listed; the world is locked."""
    source, month = place
    with store.ledger.read() as conn:
        listed = listed_batches(conn, world, source=source, months=(month, month))
        follows = newest_ids(conn, world, source, (month,))
    old = [batch for batch in listed if batch.id in chosen]
    if len(old) < 2:
        return 0
    rows = load_versions(store.files, old, Selection()).rows
    rows = rows.take(version_order(rows.keys(), received_of(rows), np.zeros(len(rows), dtype=np.int32)))
    written = write_drafts(store.files, world, source, [Draft(month, rows)], follows)
    try:
        with store.ledger.write() as conn:
            still_held()
            at = store.clock()
            list_batches(conn, [listing(world, source, written[0], None)], at)
            if supersede(conn, [b.id for b in old], written[0].id, at) != len(old):
                raise StorageError(f"the list of {source} {month} changed during compaction; repeat it")
    except Exception:
        discard(store.files, world, source, written)
        raise
    return len(old)


def repair(store: _Store, world: str, *, grace: timedelta) -> Repaired:
    """Remove files that no list names, under the world's lock; see ObservationStore.repair."""
    files = store.files
    with files.turn(store.ledger, world) as still_held, _kept_since(store, grace) as since:
        there = [key for key in files.keys(world) if key.count("/") == FOLDERS]
        with store.ledger.read() as conn:
            keep = known_files(conn, world, since)
            listed = listed_batches(conn, world)
        removed = [key for key in there if _identity(key) not in keep]
        if removed and files.lists_under_lock:
            removed = _removed_in_turn(store, world, removed, still_held, since)
        else:
            files.delete(removed)
        expected = (f"{partition_key(world, b.source, b.month)}/{b.id}.parquet" for b in listed)
        found = set(there)
        missing = tuple(files.shown(key) for key in expected if key not in found and not files.has(key))
        return Repaired(tuple(files.shown(key) for key in removed), missing)


@contextmanager
def _kept_since(store: _Store, grace: timedelta) -> Iterator[datetime]:
    """Give since when superseded files stay: those of the grace, and while a backup runs every one."""
    since = store.clock() - grace
    with ExitStack() as held:
        try:
            held.enter_context(ledger_lock(store.ledger, BACKUP_LOCK, wait_s=0))
        except LockHeld:
            since = datetime(1970, 1, 1, tzinfo=UTC)
        yield since


def _removed_in_turn(
    store: _Store, world: str, unlisted: list[str], still_held: StillHeld, kept_since: datetime
) -> list[str]:
    """Remove unlisted files where the lock could have been lost: nobody can list one of them meanwhile.

    A writer asks within its listing transaction whether it holds the lock; within ours that transaction is
    either over, and its files are listed, or has not begun, and finds that its lock is lost.
    """
    with store.ledger.write() as conn:
        still_held()
        keep = known_files(conn, world, kept_since)
        gone = [key for key in unlisted if _identity(key) not in keep]
        store.files.delete(gone)
    return gone


def _identity(key: str) -> tuple[str, str, str]:
    """Return source, month and id that the key of a file says; a temporary file has none that is listed."""
    path = PurePosixPath(key)
    return unquote(path.parts[1]), path.parts[2], path.stem if path.suffix == ".parquet" else ""
