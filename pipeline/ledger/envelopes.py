"""Rows of the exchange between nodes: our own chain, what came, what was handled, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select

from pipeline.ledger.exchange_tables import (
    envelopes_handled,
    envelopes_received,
    envelopes_refused,
    envelopes_sent,
)


@dataclass(frozen=True)
class SentRow:
    """One envelope of our own chain to a party."""

    recipient: str
    sequence: int
    digest: str
    kind: str
    world: str
    occasion: str
    at: datetime
    packed: bytes


@dataclass(frozen=True)
class ReceivedRow:
    """One envelope of another party."""

    sender: str
    sequence: int
    digest: str
    previous: str
    kind: str
    world: str
    created_at: datetime
    received_at: datetime
    transport: str
    packed: bytes


@dataclass(frozen=True)
class RefusedRow:
    """Something that came and was not taken."""

    at: datetime
    transport: str
    name: str
    reason: str
    what: str
    payload_digest: str
    size: int


def insert_sent(conn: Connection, row: SentRow) -> None:
    """Append to our chain."""
    conn.execute(insert(envelopes_sent).values(**asdict(row)))


def last_sent(conn: Connection, recipient: str) -> SentRow | None:
    """Return the newest envelope of our chain to a party."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient).order_by(c.sequence.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else SentRow(**row._mapping)


def newest_sent_of(conn: Connection, recipient: str, kinds: Sequence[str]) -> SentRow | None:
    """Return the newest envelope of some kinds of our chain to a party."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient, c.kind.in_(kinds))
    row = conn.execute(query.order_by(c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else SentRow(**row._mapping)


def sent_at(conn: Connection, recipient: str, sequence: int) -> SentRow | None:
    """Return what we sent to a party under a number."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient, c.sequence == sequence)
    row = conn.execute(query).one_or_none()
    return None if row is None else SentRow(**row._mapping)


def list_sent(conn: Connection, recipient: str, after: int = 0) -> list[tuple[int, str, int]]:
    """Return number, digest and packed size [bytes] of our chain to a party after a number, in order."""
    c = envelopes_sent.c
    query = select(c.sequence, c.digest, func.length(c.packed)).where(c.recipient == recipient)
    rows = conn.execute(query.where(c.sequence > after).order_by(c.sequence))
    return [(row[0], row[1], row[2]) for row in rows]


def sent_for(conn: Connection, recipient: str, occasion: str) -> SentRow | None:
    """Return what was sent to a party on an occasion."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient, c.occasion == occasion)
    row = conn.execute(query).one_or_none()
    return None if row is None else SentRow(**row._mapping)


def read_sent(conn: Connection, recipient: str, after: int = 0, limit: int = 500) -> list[SentRow]:
    """Return our chain to a party after a sequence number, in order, at most ``limit`` of it."""
    c = envelopes_sent.c
    query = select(envelopes_sent).where(c.recipient == recipient, c.sequence > after)
    return [SentRow(**row._mapping) for row in conn.execute(query.order_by(c.sequence).limit(limit))]


def received_at(conn: Connection, sender: str, sequence: int) -> ReceivedRow | None:
    """Return what a party sent under a number."""
    c = envelopes_received.c
    query = select(envelopes_received).where(c.sender == sender, c.sequence == sequence)
    row = conn.execute(query).one_or_none()
    return None if row is None else ReceivedRow(**row._mapping)


def newest_received(conn: Connection, sender: str) -> int:
    """Return the highest number of a party that came; 0 where none did."""
    c = envelopes_received.c
    return conn.execute(select(func.max(c.sequence)).where(c.sender == sender)).scalar() or 0


def newest_received_of(conn: Connection, sender: str, kinds: Sequence[str]) -> ReceivedRow | None:
    """Return what a party sent last of some kinds, handled or not."""
    c = envelopes_received.c
    query = select(envelopes_received).where(c.sender == sender, c.kind.in_(kinds))
    row = conn.execute(query.order_by(c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else ReceivedRow(**row._mapping)


def read_received(conn: Connection, sender: str, limit: int) -> list[ReceivedRow]:
    """Return what a party sent last, newest first, at most ``limit`` of it."""
    query = select(envelopes_received).where(envelopes_received.c.sender == sender)
    rows = conn.execute(query.order_by(envelopes_received.c.sequence.desc()).limit(limit))
    return [ReceivedRow(**row._mapping) for row in rows]


def list_received(conn: Connection, sender: str, after: int = 0) -> list[tuple[int, str]]:
    """Return number and digest of what a party sent after a number, in order; there may be gaps in it."""
    c = envelopes_received.c
    query = select(c.sequence, c.digest).where(c.sender == sender, c.sequence > after)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(c.sequence))]


def insert_received(conn: Connection, row: ReceivedRow) -> None:
    """Keep what a party signed."""
    conn.execute(insert(envelopes_received).values(**asdict(row)))


def received_with_outcome(conn: Connection, sender: str, outcome: str) -> list[ReceivedRow]:
    """Return what a party sent of which a certain outcome was written down, in its order."""
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence))
    query = select(envelopes_received).select_from(joined).where(c.sender == sender, h.outcome == outcome)
    return [ReceivedRow(**row._mapping) for row in conn.execute(query.order_by(c.sequence))]


def last_handled(conn: Connection, sender: str) -> ReceivedRow | None:
    """Return the newest envelope of a party that was handled, up to which its chain is whole."""
    c = envelopes_handled.c
    newest = conn.execute(select(func.max(c.sequence)).where(c.sender == sender)).scalar()
    return None if newest is None else received_at(conn, sender, newest)


def kinds_handled(conn: Connection, sender: str, after: int) -> list[str]:
    """Return the kinds of what was handled of a party after a number, each once."""
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence))
    query = select(c.kind).distinct().select_from(joined).where(c.sender == sender, c.sequence > after)
    return sorted(conn.execute(query).scalars())


def insert_handled(
    conn: Connection, sender: str, sequence: int, outcome: str, note: str, at: datetime
) -> None:
    """Write down what came of an envelope."""
    conn.execute(
        insert(envelopes_handled).values(sender=sender, sequence=sequence, outcome=outcome, note=note, at=at)
    )


def insert_refused(conn: Connection, row: RefusedRow) -> bool:
    """Write down what was refused; False if the same payload was refused for the same reason before."""
    c = envelopes_refused.c
    query = select(c.seq).where(c.payload_digest == row.payload_digest, c.reason == row.reason)
    if conn.execute(query).first() is not None:
        return False
    conn.execute(insert(envelopes_refused).values(**asdict(row)))
    return True


def read_refused(conn: Connection, limit: int = 50) -> list[RefusedRow]:
    """Return what was refused, newest first."""
    c = envelopes_refused.c
    names: list[Any] = [c[name] for name in RefusedRow.__dataclass_fields__]
    query = select(*names).order_by(c.seq.desc()).limit(limit)
    return [RefusedRow(**row._mapping) for row in conn.execute(query)]


def refused_since(conn: Connection, since: datetime) -> list[str]:
    """Return the reason of everything that was refused since an instant."""
    c = envelopes_refused.c
    return list(conn.execute(select(c.reason).where(c.at >= since)).scalars())


def received_of_kind(conn: Connection, sender: str, kind: str) -> list[ReceivedRow]:
    """Return what a party sent of a kind and was handled, in its order."""
    c, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == c.sender, h.sequence == c.sequence))
    query = select(envelopes_received).select_from(joined).where(c.sender == sender, c.kind == kind)
    return [ReceivedRow(**row._mapping) for row in conn.execute(query.order_by(c.sequence))]


def packed_of_kinds(
    conn: Connection, peer: str, kinds: Sequence[str], *, sent: bool, since: datetime | None = None
) -> list[bytes]:
    """Return the envelopes of some kinds that were sent to a peer, or that it sent and were handled.

    ``since`` None: of all times.
    """
    if sent:
        c = envelopes_sent.c
        query = select(c.packed).where(c.recipient == peer, c.kind.in_(kinds)).order_by(c.sequence)
        return list(conn.execute(query if since is None else query.where(c.at >= since)).scalars())
    r, h = envelopes_received.c, envelopes_handled.c
    joined = envelopes_received.join(envelopes_handled, and_(h.sender == r.sender, h.sequence == r.sequence))
    found = select(r.packed).select_from(joined).where(r.sender == peer, r.kind.in_(kinds))
    if since is not None:
        found = found.where(r.received_at >= since)
    return list(conn.execute(found.order_by(r.sequence)).scalars())


def received_instants(conn: Connection, sender: str, limit: int = 200) -> list[tuple[datetime, datetime]]:
    """Return (created, received) of what a party sent last: the one by its clock, the other by ours."""
    c = envelopes_received.c
    query = select(c.created_at, c.received_at).where(c.sender == sender)
    return [
        (r.created_at, r.received_at) for r in conn.execute(query.order_by(c.sequence.desc()).limit(limit))
    ]
