"""What was last said on a kind of occasion, and which received envelopes a later step has still to do with.

A step that works outside of the handler's transaction (files, the observation store) writes down in the audit
trail how far it is with an envelope; the row with ``whole`` ends it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from pipeline.ledger.envelopes import ReceivedRow, received_at
from pipeline.ledger.exchange_tables import envelopes_handled, envelopes_received, envelopes_sent
from pipeline.ledger.tables import audit
from pipeline.times import parse_instant


def last_occasion(conn: Connection, recipient: str, prefix: str) -> str:
    """Return the greatest occasion with a prefix on which something was sent to a party, or nothing."""
    c = envelopes_sent.c
    query = select(func.max(c.occasion)).where(
        c.recipient == recipient, c.occasion.startswith(prefix, autoescape=True)
    )
    return str(conn.execute(query).scalar() or "")


def progress(conn: Connection, sender: str, action: str) -> dict[int, datetime | None]:
    """Return how far a step came with each envelope of a sender; None where it is done with it."""
    c = audit.c
    query = select(c.payload).where(c.actor == sender, c.action == action).order_by(c.seq)
    found: dict[int, datetime | None] = {}
    for (payload,) in conn.execute(query):
        until = None if payload["whole"] else parse_instant(payload["until"])
        found.update(dict.fromkeys(payload["sequences"], until))
    return found


def unsettled(conn: Connection, sender: str, kinds: Collection[str], done: Collection[int]) -> list[int]:
    """Return the numbers of a sender's handled envelopes of some kinds but those done with, in order."""
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence))
    query = select(c.sequence).select_from(joined)
    query = query.where(c.sender == sender, c.kind.in_(kinds), h.outcome == "done")
    settled = set(done)
    return [n for (n,) in conn.execute(query.order_by(c.sequence)) if n not in settled]


def envelopes_of(conn: Connection, sender: str, sequences: Collection[int]) -> list[ReceivedRow]:
    """Return a sender's envelopes of these numbers, in order."""
    rows = [received_at(conn, sender, n) for n in sorted(sequences)]
    return [row for row in rows if row is not None]


def rows_of_action(conn: Connection, action: str) -> list[dict[str, Any]]:
    """Return what the audit trail holds of an action, oldest first, as plain data."""
    query = select(audit).where(audit.c.action == action).order_by(audit.c.seq)
    return [dict(row._mapping) for row in conn.execute(query)]
