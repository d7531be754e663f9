"""How fresh what the nodes share is: measurements until which hour, and the bulletins of either side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from flows.exchange_statements import SOURCE
from flows.node import parties
from pipeline.bulletins import StoredBulletin, read_bulletins
from pipeline.exchange.heard import body_of
from pipeline.ledger.exchange_reads import last_packed, newest_sent_in
from pipeline.programme import Programme
from pipeline.times import iso, latest_cycle, parse_instant

NEWEST: Final = 8
"""So many envelopes of measurements are looked into: those of one round, and of the one before."""


@dataclass(frozen=True)
class Issued:
    """A bulletin of one side: when it was issued, and when it was here, or written to the other side."""

    issued_at: datetime
    at: datetime
    number: int = 0


@dataclass(frozen=True)
class Freshness:
    """How fresh what is shared with a peer is in one world; None: there never was any."""

    theirs_until: datetime | None
    ours_until: datetime | None
    their_bulletin: Issued | None
    our_bulletin: Issued | None


def freshness_of(conn: Connection, own: str, peer: str, world: str, at: datetime) -> Freshness:
    """Return how fresh what is shared with a peer is."""
    return Freshness(
        measured_until(conn, peer, world, sent=False),
        measured_until(conn, peer, world, sent=True),
        their_bulletin(conn, own, peer, world, at),
        our_bulletin(conn, peer, world),
    )


def measured_until(conn: Connection, peer: str, world: str, *, sent: bool) -> datetime | None:
    """Return the end of the newest interval that was sent to a peer, or that it sent."""
    ends = [
        end
        for packed in last_packed(conn, peer, ("observations",), world, NEWEST, sent=sent)
        for series in body_of(packed)["series"]
        for end in series["interval_end"]
    ]
    return parse_instant(max(ends)) if ends else None


def their_bulletin(conn: Connection, own: str, peer: str, world: str, at: datetime) -> Issued | None:
    """Return a peer's newest bulletin, whether it came as an envelope or as an exchange file."""
    others = {p for p in parties() if p != peer} | {own}
    found = (
        b
        for b in read_bulletins(conn, world, as_of=at, kind="forecast", source=SOURCE)
        if not any(_sender(b).endswith(other) for other in others)
    )
    newest = max(found, key=lambda b: b.bulletin.issued_at, default=None)
    return None if newest is None else Issued(newest.bulletin.issued_at, newest.received_at)


def our_bulletin(conn: Connection, peer: str, world: str) -> Issued | None:
    """Return the newest bulletin that was written to a peer."""
    row = newest_sent_in(conn, peer, "bulletin", world)
    if row is None:
        return None
    issued = max(parse_instant(said["issued_at"]) for said in body_of(row.packed)["bulletins"])
    return Issued(issued, row.at, row.sequence)


def serves(bulletin: Issued | None, due: datetime, programme: Programme) -> bool:
    """Tell whether a bulletin serves an hour at which one is due: it is not older than agreed."""
    return bulletin is not None and bulletin.issued_at >= due - programme.oldest


def stands_for(bulletin: Issued | None, programme: Programme, at: datetime) -> datetime:
    """Return for which hour a bulletin is looked at: the next if it serves that already, else the last."""
    due = programme.next_due(at)
    return due if serves(bulletin, due, programme) else programme.last_due(at)


def said_of(bulletin: Issued | None, due: datetime, programme: Programme, at: datetime) -> str:
    """Return in words which bulletin stands for an hour at which one is due.

    The cycle that serves an hour is the newest before it; where it has not run, an earlier one stands, and
    its issue time is said.
    """
    if bulletin is None:
        return "none yet"
    issued = f"issued {iso(bulletin.issued_at)}"
    if not serves(bulletin, due, programme):
        return f"{issued}: too old for {iso(due)}"
    if bulletin.issued_at > due + programme.grace:
        return f"{issued}, after that hour"
    serving = latest_cycle(due)
    if bulletin.issued_at >= serving:
        return issued
    return f"{issued}; that of {iso(serving)} {'is to follow' if at < due else 'has not come'}"


def _sender(stored: StoredBulletin) -> str:
    return str(stored.bulletin.content.get("sender") or "")
