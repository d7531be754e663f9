"""Looking at answers that could not be read, and reading them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.ingest import INGEST_LOCK, LONGEST_WAIT
from flows.live import forecasts_of
from flows.workspace import Workspace
from ingest.feeds import Feed
from ingest.quarantine import raw_path
from ingest.retry import Retried, retry
from ingest.simulated.loading import simulated_feeds
from ingest.sources import readers
from ingest.storing import Intake
from pipeline.errors import StorageError, UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.quarantined import (
    Quarantined,
    find_quarantined,
    list_quarantined,
    resolve_quarantined,
)
from pipeline.names import is_simulated
from pipeline.removed import NOTE, read_note
from pipeline.times import iso

HEAD = 400
"""How much of an answer is shown [bytes]."""


def quarantine_rows(
    ws: Workspace, *, world: str | None = None, source: str | None = None, resolved: bool = False
) -> list[dict[str, Any]]:
    """Return one line about each answer in quarantine, oldest first."""
    with ws.ledger.read() as conn:
        found = list_quarantined(conn, world=world, source=source, resolved=resolved)
    return [
        {
            "id": entry.id,
            "fetched": iso(entry.fetched_at),
            "reason": entry.reason,
            "what": entry.what,
            "asked for": entry.description,
            "bytes": entry.bytes,
            "seen": entry.seen,
            "resolved": "" if entry.resolved_at is None else iso(entry.resolved_at),
        }
        for entry in found
    ]


def quarantine_entry(ws: Workspace, name: str) -> dict[str, Any]:
    """Return all about one answer, and how it begins; ``name`` may be the end of its id.

    Raises
    ------
    UsageError
        no answer, or several, have that name
    """
    entry = _entry(ws, name)
    path = raw_path(ws.settings.quarantine_dir, entry.id)
    went = read_note(path.parent / NOTE).get(path.name)
    begins = f"({went.told})" if went else "(its bytes are gone)"
    if path.is_file():
        begins = path.read_bytes()[:HEAD].decode("utf-8", "replace")
    return {
        "id": entry.id,
        "world": entry.world,
        "feed": entry.feed,
        "fetched": iso(entry.fetched_at),
        "asked for": entry.description,
        "parameters": dict(entry.asked),
        "reason": entry.reason,
        "what": entry.what,
        "field": entry.field,
        "remedy": entry.remedy,
        "seen": entry.seen,
        "resolved": "" if entry.resolved_at is None else iso(entry.resolved_at),
        "bytes": entry.bytes,
        "file": str(path),
        "begins": begins,
    }


def retry_quarantined(ws: Workspace, names: Sequence[str], *, source: str | None = None) -> list[Retried]:
    """Read answers again, those named or every open one of a source or of all; returns what came of each.

    Nothing is revised that was received after an answer was fetched.

    Raises
    ------
    UsageError
        no answer, or several, have one of the names
    StorageError
        disk or ledger cannot be used, the bytes are gone, or another process has long been asking the sources
    """
    with ws.ledger.read() as conn:
        entries = [] if names else list_quarantined(conn, source=source)
    entries += [_entry(ws, name) for name in names]
    if not entries:
        return []
    try:
        # Not while the sources are asked: what they give meanwhile is newer than an old answer.
        with ledger_lock(ws.ledger, INGEST_LOCK, wait_s=LONGEST_WAIT):
            return [_retried(ws, entry) for entry in entries]
    except LockHeld as error:
        raise StorageError("another process has long been asking the sources; repeat it later") from error


def close_quarantined(ws: Workspace, names: Sequence[str], *, person: str, reason: str) -> list[str]:
    """Let a person close answers that nobody will read again; returns their ids. The bytes stay.

    Raises
    ------
    UsageError
        no answer, or several, have one of the names, or the decision lacks a name or a reason
    """
    if not person.strip() or not reason.strip():
        raise UsageError("say who closes it (--person) and why (--reason); both stand in the audit trail")
    entries = [_entry(ws, name) for name in names]
    at = ws.clock()
    with ws.ledger.write() as conn:
        for entry in entries:
            resolve_quarantined(conn, entry.id, at)
            append_audit(
                conn,
                at=at,
                actor=person,
                action="quarantine.close",
                subject=entry.id,
                payload={"reason": reason, "feed": entry.feed},
            )
    return [entry.id for entry in entries]


def _retried(ws: Workspace, entry: Quarantined) -> Retried:
    feed = _reader(entry)
    if feed is None:
        return Retried(entry.id, entry.feed, 0, f"no source has a feed {entry.feed} any more")
    return retry(Intake(ws.store, entry.world, ws.settings.quarantine_dir, forecasts_of(ws)), feed, entry)


def _reader(entry: Quarantined) -> Feed | None:
    """Return the feed that reads an answer."""
    if is_simulated(entry.world):
        return {feed.name: feed for feed in simulated_feeds()}.get(entry.feed)
    return readers().get(entry.feed)


def _entry(ws: Workspace, name: str) -> Quarantined:
    with ws.ledger.read() as conn:
        found = find_quarantined(conn, name) if name else []
    if len(found) != 1:
        which = "no answer" if not found else f"{len(found)} answers"
        raise UsageError(f"{which} in quarantine with the id {name!r}; see `sameair quarantine list`")
    return found[0]
