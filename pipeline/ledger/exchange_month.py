"""Reading what passed between two nodes in a stretch of time: both chains, refusals, decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from pipeline.ledger.agreement import StatementRow
from pipeline.ledger.agreement_tables import agreement_statements
from pipeline.ledger.exchange_tables import (
    envelopes_handled,
    envelopes_received,
    envelopes_refused,
    envelopes_sent,
)


@dataclass(frozen=True)
class Passed:
    """One envelope: written at the sender's clock; of theirs when it was here and what came of it."""

    sequence: int
    kind: str
    world: str
    written_at: datetime
    here_at: datetime
    outcome: str = ""


def sent_between(conn: Connection, recipient: str, start: datetime, end: datetime) -> list[Passed]:
    """Return what was written to a party from one instant to another, by number."""
    c = envelopes_sent.c
    query = select(c.sequence, c.kind, c.world, c.at, c.at).where(c.recipient == recipient)
    return [Passed(*row) for row in conn.execute(query.where(c.at >= start, c.at < end).order_by(c.sequence))]


def came_between(conn: Connection, sender: str, start: datetime, end: datetime) -> list[Passed]:
    """Return what was received of a party from one instant to another, by number."""
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.outerjoin(
        envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence)
    )
    columns = (c.sequence, c.kind, c.world, c.created_at, c.received_at, func.coalesce(h.outcome, ""))
    query = select(*columns).select_from(joined).where(c.sender == sender)
    found = query.where(c.received_at >= start, c.received_at < end).order_by(c.sequence)
    return [Passed(*row) for row in conn.execute(found)]


def began_at(conn: Connection, peer: str) -> datetime | None:
    """Return when the first envelope to or from a party was written or received."""
    s, r = envelopes_sent.c, envelopes_received.c
    first = (
        conn.execute(select(func.min(s.at)).where(s.recipient == peer)).scalar(),
        conn.execute(select(func.min(r.received_at)).where(r.sender == peer)).scalar(),
    )
    return min((at for at in first if at is not None), default=None)


def packed_between(
    conn: Connection, peer: str, kinds: Sequence[str], start: datetime, end: datetime, *, sent: bool
) -> list[tuple[datetime, str, bytes]]:
    """Return (instant here, world, envelope) of some kinds, to a party or of it, in order."""
    if sent:
        s = envelopes_sent.c
        query = select(s.at, s.world, s.packed).where(s.recipient == peer, s.kind.in_(kinds))
        rows = conn.execute(query.where(s.at >= start, s.at < end).order_by(s.sequence))
    else:
        c = envelopes_received.c
        query = select(c.received_at, c.world, c.packed).where(c.sender == peer, c.kind.in_(kinds))
        rows = conn.execute(query.where(c.received_at >= start, c.received_at < end).order_by(c.sequence))
    return [(row[0], row[1], row[2]) for row in rows]


def refused_between(conn: Connection, start: datetime, end: datetime) -> list[tuple[str, str]]:
    """Return (name, reason) of what was refused from one instant to another, in order."""
    c = envelopes_refused.c
    query = select(c.name, c.reason).where(c.at >= start, c.at < end).order_by(c.seq)
    return [(row[0], row[1]) for row in conn.execute(query)]


def said_between(conn: Connection, world: str, start: datetime, end: datetime) -> list[StatementRow]:
    """Return what both parties said of texts of a world from one instant to another, by their own clocks."""
    c = agreement_statements.c
    names = tuple(StatementRow.__dataclass_fields__)
    query = select(*(c[name] for name in names)).where(c.world == world, c.at >= start, c.at < end)
    return [StatementRow(**row._mapping) for row in conn.execute(query.order_by(c.at, c.seq))]
