"""Reading the chains over: when what came, which newest of a kind there is, what was not acted upon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from pipeline.ledger.envelopes import SentRow
from pipeline.ledger.exchange_tables import envelopes_handled, envelopes_received, envelopes_sent


@dataclass(frozen=True)
class Arrival:
    """One envelope that came: written at the sender's clock, received and handled at ours."""

    sequence: int
    kind: str
    world: str
    created_at: datetime
    received_at: datetime
    outcome: str
    note: str


def arrivals_since(conn: Connection, sender: str, since: datetime) -> list[Arrival]:
    """Return what was received of a party after an instant, by number; ``outcome`` is empty until handled."""
    return _arrivals(conn, sender, envelopes_received.c.received_at > since)


def newest_of_each_kind(conn: Connection, sender: str) -> list[Arrival]:
    """Return the newest envelope of each kind that a party sent, by kind."""
    c = envelopes_received.c
    newest = select(func.max(c.sequence)).where(c.sender == sender).group_by(c.kind)
    return sorted(_arrivals(conn, sender, c.sequence.in_(newest)), key=lambda a: a.kind)


def _arrivals(conn: Connection, sender: str, which: ColumnElement[bool]) -> list[Arrival]:
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.outerjoin(
        envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence)
    )
    columns = (c.sequence, c.kind, c.world, c.created_at, c.received_at)
    query = select(*columns, func.coalesce(h.outcome, ""), func.coalesce(h.note, ""))
    rows = conn.execute(query.select_from(joined).where(c.sender == sender, which).order_by(c.sequence))
    return [Arrival(*row) for row in rows]


def last_packed(
    conn: Connection, peer: str, kinds: Sequence[str], world: str, limit: int, *, sent: bool
) -> list[bytes]:
    """Return the newest envelopes of some kinds and a world, to a peer or handled of it, newest first."""
    if sent:
        s = envelopes_sent.c
        query = select(s.packed).where(s.recipient == peer, s.kind.in_(kinds), s.world == world)
        return list(conn.execute(query.order_by(s.sequence.desc()).limit(limit)).scalars())
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence))
    found = select(c.packed).select_from(joined).where(c.sender == peer, c.kind.in_(kinds), c.world == world)
    found = found.where(h.outcome == "done")
    return list(conn.execute(found.order_by(c.sequence.desc()).limit(limit)).scalars())


def newest_sent_in(conn: Connection, recipient: str, kind: str, world: str) -> SentRow | None:
    """Return the newest envelope of a kind and a world that was written to a party."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient, c.kind == kind, c.world == world)
    row = conn.execute(query.order_by(c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else SentRow(**row._mapping)


def first_sent_at(conn: Connection, recipient: str) -> datetime | None:
    """Return when the first envelope to a party was written."""
    c = envelopes_sent.c
    return conn.execute(select(func.min(c.at)).where(c.recipient == recipient)).scalar()


def unsent_since(
    conn: Connection, recipient: str, handled: int, but: Sequence[str]
) -> tuple[int, datetime | None]:
    """Return how many envelopes a party has not handled, but for some kinds, and since when."""
    c = envelopes_sent.c
    query = select(func.count(), func.min(c.at)).where(c.recipient == recipient, c.sequence > handled)
    count, oldest = conn.execute(query.where(c.kind.not_in(but))).one()
    return int(count), oldest
