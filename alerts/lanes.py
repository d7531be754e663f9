"""One channel's share of a round: so many messages under way at once, none held up by a slow neighbour.

The ledger is only used by the thread that runs the lane. What came of the messages that are back and the
claims on the next ones are one transaction, so a message costs about one commit, and at any time only those
under way would be of unknown fate after a crash.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from sqlalchemy import Connection

from alerts.channels import Outcome
from alerts.sending import DeliveryReport, Sender, conclude, send_once
from alerts.takeover import why_held, why_useless
from pipeline.ledger.deliveries import OutboxRow, claim_message, due_messages, read_message
from pipeline.ledger.recipients import address_of

MOST_AT_ONCE = 200
"""Messages looked at in one transaction, so that no other process waits long for the ledger."""


@dataclass
class Lane:
    """The messages of one channel in one round."""

    sender: Sender
    channel: str
    claim: str
    report: DeliveryReport
    _waiting: deque[str] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)
    _under_way: dict[Future[Outcome], OutboxRow] = field(default_factory=dict)
    _back: list[tuple[OutboxRow, Outcome]] = field(default_factory=list)
    _is_over: bool = False
    _is_down: bool = False

    def run(self) -> bool:
        """Send all that is due; tell whether the channel still works."""
        with ThreadPoolExecutor(self.sender.policy.at_once) as pool:
            try:
                self._turn(pool)
                while self._under_way or not self._is_over:
                    if self._under_way:
                        wait(self._under_way, return_when=FIRST_COMPLETED)
                        self._collect()
                    self._turn(pool)
            finally:
                self._settle()
        return not self._is_down

    def _collect(self) -> None:
        """Take what is back; an error that is no outcome is raised after all others were taken."""
        broken = None
        for future in [f for f in self._under_way if f.done()]:
            row = self._under_way.pop(future)
            if future.exception() is None:
                self._back.append((row, future.result()))
            else:
                broken = future
        if broken is not None:
            broken.result()

    def _turn(self, pool: ThreadPoolExecutor) -> None:
        """Record what is back and claim what is next, in one transaction, then send it."""
        found: list[tuple[str, str]] = []
        with self.sender.ledger.write() as conn:
            for row, outcome in self._back:
                self._record(conn, row, outcome, found)
            taken = self._take(conn, found)
        self._back.clear()
        for name, state in found:
            self.report.add(name, state)
        for row, address in taken:
            self._under_way[pool.submit(send_once, self.sender, row, address)] = row

    def _record(
        self, conn: Connection, row: OutboxRow, outcome: Outcome, found: list[tuple[str, str]]
    ) -> None:
        """Conclude one message; a channel that is down takes no more in this round."""
        state = conclude(conn, self.sender, row, outcome)
        if state is not None:
            found.append((row.id, state))
        if outcome.kind == "down":
            self.report.down = outcome.detail
            self._is_down = self._is_over = True

    def _take(self, conn: Connection, found: list[tuple[str, str]]) -> list[tuple[OutboxRow, str]]:
        """Claim as many as there is room for; those not worth sending any more are closed on the way."""
        taken: list[tuple[OutboxRow, str]] = []
        room = self.sender.policy.at_once - len(self._under_way)
        for _ in range(MOST_AT_ONCE):
            name = self._next(conn) if len(taken) < room and not self._is_over else None
            if name is None:
                break
            now = self.sender.clock()
            if not claim_message(conn, name, self.claim, now):
                continue
            row = read_message(conn, name)
            useless = why_useless(conn, row, now)
            held = "" if useless else why_held(conn, row)
            if useless or held:
                self._record(conn, row, Outcome("failed" if useless else "retry", useless or held), found)
            else:
                taken.append((row, address_of(conn, row)))
        return taken

    def _next(self, conn: Connection) -> str | None:
        """Return the id of the next message that is due; None if there is none."""
        if not self._waiting:
            due = due_messages(conn, self.sender.clock(), self.channel, self.sender.world)
            self._waiting.extend(name for name in due if name not in self._seen)
            self._seen.update(self._waiting)
        if not self._waiting:
            self._is_over = True
            return None
        return self._waiting.popleft()

    def _settle(self) -> None:
        """Record what is still under way when a round breaks off, so that its fate is known."""
        if not self._under_way and not self._back:
            return
        wait(self._under_way)
        for future, row in self._under_way.items():
            if future.exception() is None:
                self._back.append((row, future.result()))
        self._under_way.clear()
        with self.sender.ledger.write() as conn:
            for row, outcome in self._back:
                conclude(conn, self.sender, row, outcome)
        self._back.clear()
