"""Looking after a data folder: repair and compact the store, decide about messages of unknown fate."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.delivery import resolve_unknown
from flows.workspace import Workspace
from flows.worlds import present_of
from pipeline.errors import UsageError
from pipeline.ledger.deliveries import read_attempts, read_outbox
from pipeline.ledger.warnings import list_versions
from pipeline.times import iso

Rows = list[dict[str, Any]]

STATES = ("pending", "sending", "sent", "failed", "unknown")
"""What a message of the outbox may be."""


def repair_store(ws: Workspace, world: str | None = None) -> Rows:
    """Remove files that killed writers left, and name listed files that are gone, world by world."""
    rows = []
    for name in [world] if world else ws.store.worlds():
        found = ws.store.repair(name)
        rows.append(
            {"world": name, "removed": len(found.removed), "missing": [str(p) for p in found.missing]}
        )
    return rows


def compact_store(ws: Workspace, world: str | None = None, older_than: timedelta = timedelta(days=2)) -> Rows:
    """Merge small batches older than ``older_than``; what is read as of any instant stays the same."""
    rows = []
    before = ws.clock() - older_than
    for name in [world] if world else ws.store.worlds():
        found = ws.store.compact(name, before=before)
        rows.append(
            {"world": name, "merged": found.superseded, "into": found.written, "deleted": found.deleted}
        )
    return rows


def listed_messages(ws: Workspace, state: str | None = None) -> Rows:
    """Return every message of the outbox, or those in one state, with its last attempt."""
    if state is not None and state not in STATES:
        raise UsageError(f"--state {state}: choose one of {', '.join(STATES)}")
    with ws.ledger.read() as conn:
        messages = read_outbox(conn, state=state)
        attempts = {m.id: read_attempts(conn, m.id) for m in messages}
    return [
        {
            "message": m.id,
            "to": m.recipient,
            "state": m.state,
            "attempts": m.attempts,
            "last attempt": iso(attempts[m.id][-1].at) if attempts[m.id] else "",
            "last error": m.last_error,
        }
        for m in messages
    ]


def resolve_message(ws: Workspace, message: str, *, resend: bool, person: str, reason: str) -> None:
    """Let a person decide about a message of unknown fate: send it again, or count it as sent.

    Raises
    ------
    UsageError
        there is no such message, or the decision lacks a name or a reason
    ReviewError
        its fate is known
    """
    if not person.strip() or not reason.strip():
        raise UsageError("say who decides (--person) and why (--reason); both stand in the audit trail")
    with ws.ledger.read() as conn:
        found = next((m for m in read_outbox(conn) if m.id == message), None)
        versions = list_versions(conn)
    if found is None:
        raise UsageError(f"no message {message}; see `sameair outbox list`")
    world = next(str(v.content["world"]) for v in versions if v.warning_id == found.warning_id)
    at: datetime = present_of(ws, world)
    with ws.ledger.write() as conn:
        resolve_unknown(conn, message, resend=resend, person=person, reason=reason, at=at)
