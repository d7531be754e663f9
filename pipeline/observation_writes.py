"""Deciding what of an append is new, and turning it into batch files that a listing makes visible."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from pipeline.batches import partition_key, write_batch
from pipeline.errors import StorageError
from pipeline.ledger.batches import Batch
from pipeline.observation_reads import ns, received_of
from pipeline.observation_rows import NS, Integers, Rows, align
from pipeline.storage.folder import Folder
from pipeline.times import from_ns

MICROSECOND = 1_000
WRITER_THREADS = 2


@dataclass(frozen=True)
class Draft:
    """Rows of one month that are to become a batch; rows with ``received`` were never known before it."""

    month: str
    rows: Rows
    delay: timedelta | None = None


@dataclass(frozen=True)
class WrittenDraft:
    """A draft whose file is in place but not yet listed."""

    draft: Draft
    id: str
    bytes: int


@dataclass(frozen=True)
class Comparison:
    """What came of comparing given rows with stored ones.

    Parameters
    ----------
    drafts : what must be written
    changes : whether a stored value changes
    complete : whether every given row is then stored; a withdrawal of nothing is not
    """

    drafts: tuple[Draft, ...]
    changes: bool
    complete: bool


def compare(
    month: str, given: Rows, stored: Rows | None, *, delay: timedelta | None, earliest: datetime
) -> Comparison:
    """Compare given rows with the stored versions and keep what is new or changed.

    An assumed receipt (``delay``) holds for first versions only: a correction was really received when it
    came. A correction is never dated before the version that it corrects.

    Parameters
    ----------
    earliest : an instant before which the coming listing cannot be dated
    """
    there, old = align(given, stored) if stored is not None else (np.zeros(len(given), np.bool_), given)
    missing = np.isnan(given.value)
    same = there & (given.qc == old.qc) & ((given.value == old.value) | (missing & np.isnan(old.value)))
    changed, new = there & ~same, ~there & ~missing
    floor = received_of(old)[changed] + MICROSECOND if changed.any() else np.empty(0, dtype=np.int64)
    late = floor[floor > ns(earliest)]
    if delay is not None or len(late):
        corrections = given.take(changed)
        if len(late):
            corrections = replace(corrections, received=floor)
        found = [Draft(month, given.take(new), delay), Draft(month, corrections)]
    else:
        found = [Draft(month, given.take(new | changed))]
    drafts = tuple(draft for draft in found if len(draft.rows))
    return Comparison(drafts, bool(changed.any()), not bool((missing & ~there).any()))


def write_drafts(
    files: Folder, world: str, source: str, drafts: Iterable[Draft], follows: Mapping[str, str]
) -> list[WrittenDraft]:
    """Write the files of drafts, durably; a failed call leaves nothing behind but unlisted files.

    Parameters
    ----------
    follows : id of the batch listed last in each month, so that a repeated content gets an id of its own
    """

    def write(draft: Draft) -> WrittenDraft:
        notes = {
            "world": world,
            "source": source,
            "month": draft.month,
            "follows": follows.get(draft.month, ""),
        }
        folder = partition_key(world, source, draft.month)
        return WrittenDraft(draft, *write_batch(files, folder, draft.rows.compressed(), notes))

    with ThreadPoolExecutor(WRITER_THREADS) as pool:
        written = list(pool.map(write, drafts))
    files.secure({_key(world, source, w) for w in written})
    return written


def discard(files: Folder, world: str, source: str, written: Sequence[WrittenDraft]) -> None:
    """Remove files that will not be listed; where that fails, :func:`pipeline.compaction.repair` does."""
    try:
        files.delete([_key(world, source, w) for w in written])
    except StorageError as error:
        logging.getLogger(__name__).warning("unlisted files of %s stay until a repair: %s", source, error)


def _key(world: str, source: str, written: WrittenDraft) -> str:
    return f"{partition_key(world, source, written.draft.month)}/{written.id}.parquet"


def listing(world: str, source: str, written: WrittenDraft, at: datetime | None) -> Batch:
    """Return the entry of a written draft in the list, dated ``at`` (None: its rows say all)."""
    rows, delay = written.draft.rows, written.draft.delay
    received = _effective(rows, delay, at)
    live = delay is None and at is not None
    return Batch(
        id=written.id,
        world=world,
        source=source,
        month=written.draft.month,
        rows=len(rows),
        bytes=written.bytes,
        first_time=_instant(rows.time.min()),
        last_time=_instant(rows.time.max()),
        quantities=rows.by_quantity(),
        receipt="live" if live else "column" if delay is None else "assumed",
        received_at=at if live else None,
        delay_seconds=None if delay is None else round(delay.total_seconds()),
        first_received=_instant(received.min()),
        last_received=_instant(received.max()),
    )


def _effective(rows: Rows, delay: timedelta | None, at: datetime | None) -> Integers:
    """Return when rows count as received: see :class:`pipeline.ledger.batches.Batch`."""
    if delay is not None:
        return rows.time + round(delay.total_seconds()) * NS
    if at is None:
        return received_of(rows)
    stamp = np.full(len(rows), ns(at), dtype=np.int64)
    return stamp if rows.received is None else np.maximum(stamp, rows.received)


def _instant(when: np.int64) -> datetime:
    """Return ns since 1970 as a datetime."""
    return from_ns(np.datetime64(int(when), "ns"))
