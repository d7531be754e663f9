"""Telling the operator what of the exchange is late: once, and once more when it is over.

A peer that is silent is told of as such alone: what it could not say meanwhile is no news of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from flows.delivering import channel_of
from flows.exchange_freshness import Freshness, freshness_of, said_of, serves
from flows.node import Node, parties
from flows.operator import TELL_FROM, tell_operator
from flows.workspace import Workspace
from pipeline.exchange.standing import Standing, duration, standing_of
from pipeline.ledger.notices import Condition
from pipeline.names import MEASURED
from pipeline.programme import Programme, programme_of
from pipeline.times import iso

KIND: Final = "exchange "
ENOUGH: Final = 6
"""Fewer envelopes of the last day tell nothing of how long they are under way."""


def tell_of_lateness(ws: Workspace, _node: Node, at: datetime) -> list[str]:
    """Tell the operator what of the exchange is late, as a step of a round; returns what it did."""
    told = watch_exchange(ws, at)
    return [f"told the operator {told} news of the exchange"] * bool(told)


def watch_exchange(ws: Workspace, at: datetime) -> int:
    """Tell the operator what of the exchange is late by the programme; returns the lines of news."""
    if not ws.settings.party:
        return 0
    channel = channel_of(ws.settings)
    try:
        return tell_operator(ws, MEASURED, late_at(ws, at), channel, "", at)
    finally:
        channel.close()


def peers_of(ws: Workspace) -> tuple[str, ...]:
    """Return the other parties, none where one node serves all; no key is needed to look at them."""
    own = ws.settings.party
    return tuple(p for p in parties() if p != own) if own else ()


def late_at(ws: Workspace, at: datetime) -> list[Condition]:
    """Return how every peer stands to what is expected; none where one node serves all parties."""
    return [c for peer in peers_of(ws) for c in late_conditions(ws, peer, at)]


def standing_rows(ws: Workspace) -> list[dict[str, str]]:
    """Return a line for each peer as a row; none where one node serves all parties."""
    at = ws.clock()
    with ws.ledger.read() as conn:
        return [
            {"peer": peer, "stands": standing_of(conn, peer, at).line(at).partition(": ")[2]}
            for peer in peers_of(ws)
        ]


def late_conditions(ws: Workspace, peer: str, at: datetime) -> list[Condition]:
    """Return how a peer stands to what is expected of it, and we to what it expects of us."""
    programme = programme_of(ws.settings.programme_file)
    with ws.ledger.read() as conn:
        standing = standing_of(conn, peer, at)
        fresh = freshness_of(conn, ws.settings.party, peer, MEASURED, at)
    found = list(_silence(standing, programme, at))
    if not any(c.severity for c in found):
        promised = programme.promised.get(peer, ())
        found += _measurements(standing, fresh, programme, at, "observations" in promised)
        found += _their_bulletin(standing, fresh, programme, at, "bulletin" in promised)
        found += _under_way(standing, programme)
    found += _our_bulletin(peer, fresh, programme, at)
    return found


def _condition(peer: str, what: str, late: bool, ill: str, well: str) -> Condition:
    """Return a condition; its text names what to do where it is ill."""
    subject = f"{KIND}{peer} {what}"
    if late:
        return Condition(subject, "late", TELL_FROM, f"{subject}: {ill}")
    return Condition(subject, "ok", 0, f"{subject}: {well}")


def _silence(standing: Standing, programme: Programme, at: datetime) -> Iterator[Condition]:
    silence = standing.silence(at)
    if standing.began is None and standing.heard is None:
        return
    last = standing.heard
    what = f"the last was a {last.kind} at {iso(last.received_at)}" if last else "nothing ever came"
    ill = (
        f"nothing heard for {duration(silence)}, {what}; `sameair exchange sync --once` shows whether"
        " the way is open; else ring the other side"
    )
    yield _condition(standing.peer, "silence", silence > programme.silent, ill, "heard again")


def _measurements(
    standing: Standing, fresh: Freshness, programme: Programme, at: datetime, promised: bool
) -> Iterator[Condition]:
    until = fresh.theirs_until
    if until is None and not (promised and standing.began):
        return
    since = until or standing.began
    late = since is not None and at - since > programme.observations
    held = f"none after {iso(until)}" if until else "none ever"
    ill = f"{held} came; ask the other side, and see `sameair exchange status`"
    well = f"measurements come again, until {iso(until)}" if until else "not due yet"
    yield _condition(standing.peer, "measurements", late, ill, well)


def _their_bulletin(
    standing: Standing, fresh: Freshness, programme: Programme, at: datetime, promised: bool
) -> Iterator[Condition]:
    """Yield whether the peer's bulletin of the last hour came; nothing before the first one or a promise."""
    due = programme.last_due(at - programme.grace)
    known = fresh.their_bulletin
    if known is None and not (promised and standing.began and standing.began < due):
        return
    ill = f"none came for {iso(due)} ({said_of(known, due, programme, at)}); ask the other side"
    well = f"{said_of(known, due, programme, at)}, serves {iso(due)}"
    yield _condition(standing.peer, "bulletin", not serves(known, due, programme), ill, well)


def _our_bulletin(peer: str, fresh: Freshness, programme: Programme, at: datetime) -> Iterator[Condition]:
    """Yield whether we have written what the peer expects by the next hour; nothing before our first one."""
    own = fresh.our_bulletin
    if own is None:
        return
    due = programme.last_due(at + programme.ahead)
    ill = (
        f"nothing is written for {iso(due)}: our newest was issued {iso(own.issued_at)}; run a cycle now, it"
        " leaves by itself"
    )
    well = f"{said_of(own, due, programme, at)}, serves {iso(due)}"
    yield _condition(peer, "own bulletin", not serves(own, due, programme), ill, well)


def _under_way(standing: Standing, programme: Programme) -> Iterator[Condition]:
    if standing.lag is None or len(standing.lags) < ENOUGH:
        return
    middle, _ = standing.lag
    limit = programme.lag.total_seconds()
    ill = (
        f"half of the last day's envelopes were longer than {middle / 60:.0f} min under way, agreed are"
        f" {limit / 60:.0f}; see the rounds of both nodes"
    )
    well = f"half of the last day's envelopes came within {middle / 60:.0f} min"
    yield _condition(standing.peer, "delay", middle > limit, ill, well)
