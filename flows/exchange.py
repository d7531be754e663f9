"""One round of the exchange with the other nodes: bring, handle, say what there is to say, send.

Bringing comes first: only so does a node that was restored from an old backup learn, before it says anything,
that the others hold more of its chain than it does itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from flows.exchange_links import links_of
from flows.exchange_notes import LONGEST_ROUND, one_at_a_time, remember_chain
from flows.exchange_parts import HANDLERS, POSTERS, STEPS
from flows.exchange_report import PeerReport, RoundReport, tell_of_round
from flows.node import Node, node_of
from flows.workspace import Workspace
from pipeline.errors import (
    ContractError,
    EnvelopeRefused,
    SameairError,
    SourceError,
    StorageError,
    UsageError,
)
from pipeline.exchange.arrivals import UNFORESEEN, Parcel, gaps, handle_next, take
from pipeline.exchange.heard import KINDS, heard, parcel_name
from pipeline.exchange.post import Message, post, why_silent
from pipeline.exchange.statements import due_statement
from pipeline.exchange.transports.transport import Outgoing, Transport, Wanted
from pipeline.ledger.envelopes import (
    last_handled,
    last_sent,
    list_received,
    list_sent,
    newest_sent_of,
    sent_at,
)
from pipeline.times import Clock

log = logging.getLogger(__name__)

MOST_REFUSED: Final = 100
"""How many parcels of one way may be refused in a round before no more is brought: each is written down."""

LinksOf = Callable[[Workspace, Node, str], list[Transport]]


def exchange_round(
    ws: Workspace, clock: Clock, links: LinksOf = links_of, *, lock_s: float = LONGEST_ROUND
) -> RoundReport:
    """Bring, handle, say and send, once; what fails with one peer or way is told and leaves the rest.

    Parameters
    ----------
    lock_s : how long to wait for another process that is at a round [s]

    Raises
    ------
    UsageError
        no SAMEAIR_PARTY is set, so that one node serves all parties; or a setting cannot be understood
    StorageError
        another process has been at a round for ``lock_s``
    """
    with one_at_a_time(ws, lock_s):
        current = _Round(ws, clock, _node(ws))
        ways = {peer: links(ws, current.node, peer) for peer in current.node.peers}
        for peer, report in current.reports.items():
            current.bring(report, ways[peer])
        current.check()
        current.step()
        current.say()
        for peer, report in current.reports.items():
            if not report.stopped:
                current.send(report, ways[peer])
    found = RoundReport(clock(), current.node.party, tuple(current.reports.values()), tuple(current.notes))
    tell_of_round(ws, found)
    return found


def exchange_if_party(ws: Workspace) -> RoundReport | None:
    """Run a round where this node speaks for one party; None where it serves all."""
    return exchange_round(ws, ws.clock) if ws.settings.party else None


def _node(ws: Workspace) -> Node:
    node = node_of(ws)
    if node is None:
        raise UsageError("this node serves all parties; name its own as SAMEAIR_PARTY to exchange envelopes")
    return node


class _Round:
    """One round under way."""

    def __init__(self, ws: Workspace, clock: Clock, node: Node) -> None:
        self.ws, self.clock, self.node = ws, clock, node
        self.reports = {peer: PeerReport(peer) for peer in node.peers}
        self.notes: list[str] = []

    def bring(self, report: PeerReport, ways: Sequence[Transport]) -> None:
        """Take and handle what every way brings, in the order in which it comes."""
        self._handle(report)
        for way in ways:
            with self.ws.ledger.read() as conn:
                wanted = _wanted(conn, self.node, report.peer)
            try:
                self._take_all(report, way.pull(wanted))
            except SourceError as error:
                report.note(error)
            except UNFORESEEN as error:
                log.exception("what %s brought cannot be taken", way.name)
                report.note(
                    ContractError(f"what {way.name} brought cannot be taken ({type(error).__name__})")
                )

    def _take_all(self, report: PeerReport, parcels: Iterable[Parcel]) -> None:
        """Take what comes, but no more than so much that is refused: the rest is for the next round."""
        before = report.refused
        for parcel in parcels:
            self._take(report, parcel)
            if report.refused - before >= MOST_REFUSED:
                report.note(EnvelopeRefused("huge", f"{MOST_REFUSED} refused at once; no more is brought"))
                return

    def _take(self, report: PeerReport, parcel: Parcel) -> None:
        """Take a parcel, then handle what is next."""
        with self.ws.ledger.write() as conn:
            outcome = take(conn, self.node.receiver, parcel, self.clock())
        report.taken += outcome == "taken"
        report.known += outcome == "known"
        report.refused += outcome == "refused"
        if outcome == "taken":
            self._handle(report)

    def _handle(self, report: PeerReport) -> None:
        """Handle what is next of a peer, one transaction each, until nothing is.

        A key that it announces counts for what comes after.
        """
        while True:
            try:
                with self.ws.ledger.write() as conn:
                    row = handle_next(conn, self.node.receiver, report.peer, HANDLERS, self.clock())
            except EnvelopeRefused as broken:
                report.note(broken)
                return
            if row is None:
                return
            report.handled += 1
            if row.kind == "key":
                self.node = _node(self.ws)

    def check(self) -> None:
        """Find what is missing of each peer's chain, and whether ours may go on."""
        for peer, report in self.reports.items():
            with self.ws.ledger.read() as conn:
                report.stopped = why_silent(conn, self.node.sender, peer)
                report.missing = gaps(conn, peer)

    def step(self) -> None:
        """Run every step; one that fails in a foreseen way leaves the others.

        None runs where a chain may not go on: a step may say something, and act on a ledger that is old.
        """
        for step in () if any(report.stopped for report in self.reports.values()) else STEPS:
            try:
                self.notes += step(self.ws, self.node, self.clock())
            except SameairError as error:
                self._tell_all(error)
            except UNFORESEEN as error:
                log.exception("a step of the exchange failed")
                self._tell_all(ContractError(f"a step failed on what was received ({type(error).__name__})"))

    def say(self) -> None:
        """Append to our chains what there is to say; the statement comes last, so that it counts all."""
        for poster in (*POSTERS, _statements):
            try:
                with self.ws.ledger.write() as conn:
                    for message in poster(conn, self.node, self.clock()):
                        self._post(conn, message)
            except SameairError as error:
                self._tell_all(error)
            except UNFORESEEN as error:
                log.exception("something cannot be said")
                self._tell_all(ContractError(f"something cannot be said ({type(error).__name__})"))
        going_on = [peer for peer, report in self.reports.items() if not report.stopped]
        remember_chain(self.ws, self.node.sender, going_on)

    def _post(self, conn: Connection, message: Message) -> None:
        report = self.reports[message.recipient]
        if not report.stopped:
            before = last_sent(conn, message.recipient)
            row = post(conn, self.node.sender, message, self.clock())
            report.said += row.sequence > (before.sequence if before else 0)

    def _tell_all(self, error: SameairError) -> None:
        for report in self.reports.values():
            report.note(error)

    def send(self, report: PeerReport, ways: Sequence[Transport]) -> None:
        """Send by every way what the peer has not handled; remove what it has, but for the last statement.

        The last statement stays, so that a peer restored from a backup can learn how far its chain was.
        """
        with self.ws.ledger.read() as conn:
            said = heard(conn, report.peer)
            rows = list_sent(conn, report.peer, said.handled)
            last = newest_sent_of(conn, report.peer, KINDS)
        outgoing = [self._outgoing(report.peer, *row) for row in rows]
        again = [
            one.name
            for one in outgoing
            if one.name in said.refused or any(a <= one.sequence <= b for a, b in said.missing)
        ]
        for way in ways:
            try:
                report.sent += way.push(outgoing, again)
                way.tidy(min(said.handled, last.sequence - 1 if last else 0))
            except SourceError as error:
                report.note(error)

    def _outgoing(self, peer: str, number: int, digest: str, size: int) -> Outgoing:
        def load() -> bytes:
            with self.ws.ledger.read() as conn:
                found = sent_at(conn, peer, number)
            if found is None:
                raise StorageError(f"envelope {number} to {peer} is not in the ledger; restore its backup")
            return found.packed

        return Outgoing(number, parcel_name(self.node.party, peer, number, digest), size, load)


def _statements(conn: Connection, node: Node, at: datetime) -> list[Message]:
    """Return the receipts and heartbeats that are due."""
    due = [due_statement(conn, node.party, peer, at) for peer in node.peers]
    return [message for message in due if message is not None]


def _wanted(conn: Connection, node: Node, peer: str) -> Wanted:
    """Return what is not here yet: all that does not lie here under its number and digest."""
    before = last_handled(conn, peer)
    after = before.sequence if before else 0
    rows = list_received(conn, peer, after)
    held = {parcel_name(peer, node.party, number, digest) for number, digest in rows}
    for number, _ in rows:
        after += number == after + 1
    return Wanted(after, held.__contains__)
