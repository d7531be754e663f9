"""Reading answers in quarantine once more: after a parser was put right, or a list has the station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ingest.asking import answered_hours, flaws
from ingest.feeds import Ask, Feed
from ingest.quarantine import LONGEST_FIELD, raw_answer, raw_path
from ingest.storing import (
    Intake,
    Read,
    read_answer,
    store_content,
    store_stations,
    units_of,
    unknown_stations,
)
from pipeline.errors import BadPayload, SourceError, StorageError, UnknownStation
from pipeline.ledger.asked import mark_answered, read_answered
from pipeline.ledger.quarantined import (
    Quarantined,
    list_quarantined,
    resolve_quarantined,
    restate_quarantined,
)

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Retried:
    """What came of an entry: rows stored, and what is still wrong, empty if it is resolved."""

    id: str
    feed: str
    rows: int
    trouble: str = ""


def retry(intake: Intake, feed: Feed, entry: Quarantined) -> Retried:
    """Read an answer of quarantine again and store what it holds.

    Nothing is revised that was received after the answer was fetched. What could not be read stays open.

    Raises
    ------
    StorageError
        disk or ledger cannot be used, or the bytes are gone
    """
    answer = raw_answer(intake.quarantine_dir, entry)
    ask = Ask(entry.asked.get("operation", ""), entry.description, entry.asked, entry.fills)
    try:
        read = Read(ask, answer, read_answer(feed, answer))
    except SourceError as error:
        return _still_open(intake, entry, error, 0)
    store_stations(intake, feed, [read], only_new=True)
    known = intake.store.stations(intake.world)
    rows = store_content(intake, feed, [read], known, fetched_before=entry.fetched_at)
    _mark(intake, feed, read)
    left = flaws(read.parsed, unknown_stations(read.parsed, known, feed.source))
    if left:
        return _still_open(intake, entry, left[0], rows)
    with intake.ledger.write() as conn:
        resolve_quarantined(conn, entry.id, intake.clock())
    return Retried(entry.id, entry.feed, rows)


def retry_held(intake: Intake, feeds: Sequence[Feed]) -> dict[str, int]:
    """Try answers with unknown stations again of which a list now has one; returns rows stored by feed.

    An answer whose bytes somebody has removed is passed over.
    """
    by_name = {feed.name: feed for feed in feeds}
    with intake.ledger.read() as conn:
        entries = [
            entry
            for source in sorted({feed.source for feed in feeds})
            for entry in list_quarantined(conn, world=intake.world, source=source)
            if entry.reason == UnknownStation.__name__ and entry.feed in by_name
        ]
    stored: dict[str, int] = {}
    if entries:
        known = set(intake.store.stations(intake.world)["station"])
        for entry in entries:
            if not known.isdisjoint(_held(entry)) and raw_path(intake.quarantine_dir, entry.id).is_file():
                done = _retry_safely(intake, by_name[entry.feed], entry)
                stored[entry.feed] = stored.get(entry.feed, 0) + done.rows
    return stored


def close_answered(intake: Intake, feeds: Sequence[Feed]) -> int:
    """Close answers whose every instant a later answer stands for by now; returns how many.

    Their bytes stay. What waits for a station's listing is not closed: the later answer lacks it as well.
    """
    closed = []
    with intake.ledger.read() as conn:
        for feed in feeds:
            entries = list_quarantined(conn, world=intake.world, source=feed.source)
            damaged = [
                e for e in entries if e.feed == feed.name and e.fills and e.reason == BadPayload.__name__
            ]
            oldest = min((hour for e in damaged for _, hour in e.fills), default=intake.clock()) - _TICK
            answered = read_answered(conn, intake.world, feed.name, oldest) if damaged else {}
            closed += [
                e.id for e in damaged if all(answered.get(f, e.fetched_at) > e.fetched_at for f in e.fills)
            ]
    if closed:
        with intake.ledger.write() as conn:
            for entry_id in closed:
                resolve_quarantined(conn, entry_id, intake.clock())
    return len(closed)


def _retry_safely(intake: Intake, feed: Feed, entry: Quarantined) -> Retried:
    """Try an entry again; one that cannot be stored waits for a person, and stops nothing else."""
    try:
        return retry(intake, feed, entry)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - one old answer must not stop the sources
        what = f"the answer could not be stored ({type(error).__name__})"
        return _still_open(intake, entry, BadPayload(entry.source, what, remedy="tell a developer"), 0)


def _held(entry: Quarantined) -> list[str]:
    """Return the stations that an entry waits for; the last name may be cut off."""
    names = entry.field.split(" ")
    return names[:-1] if len(entry.field) == LONGEST_FIELD and len(names) > 1 else names


def _mark(intake: Intake, feed: Feed, read: Read) -> None:
    """Mark what an old answer stands for, where no newer answer is on record."""
    hours = answered_hours(read.parsed, read.ask.fills, units_of(intake, feed))
    with intake.ledger.write() as conn:
        mark_answered(conn, intake.world, feed.name, hours, read.answer.fetched_at)


def _still_open(intake: Intake, entry: Quarantined, error: SourceError, rows: int) -> Retried:
    with intake.ledger.write() as conn:
        restate_quarantined(
            conn,
            entry.id,
            reason=type(error).__name__,
            what=error.what,
            field=(error.field or "")[:LONGEST_FIELD],
        )
    return Retried(entry.id, entry.feed, rows, str(error))
