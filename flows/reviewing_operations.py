"""What the pages of operations and agencies can have done: sources, quarantine, keys, recipients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.delivering import channel_of
from flows.health import coverage_of, health_of, now_of, worst_first
from flows.key_list import listed_keys
from flows.live import feeds_of
from flows.metrics import metrics_now
from flows.quarantine import close_quarantined, retry_quarantined
from flows.recipient_changes import change_recipient
from flows.recipient_verification import send_verification
from flows.workspace import Workspace
from pipeline.ledger.audit import append_audit

Plain = dict[str, Any]
_OF_FEED = ("feed", "source", "state", "severity", "last_success", "newest", "quota_left", "gone", "trouble")


class ReviewingOperations:
    """The part of ``review.doing.Doing`` that keeps an installation running."""

    ws: Workspace

    def feeds(self, world: str) -> list[Plain]:
        """Return how every feed of a world is, the worst first."""
        now = now_of(self.ws, world)
        found = worst_first(health_of(self.ws, feeds_of(self.ws, world), world, now))
        return [{name: getattr(one, name) for name in _OF_FEED} | {"now": now} for one in found]

    def metrics(self) -> bytes:
        """Return every figure of the service as Prometheus text."""
        return metrics_now(self.ws, self.ws.clock())

    def coverage(self, world: str) -> list[Plain]:
        """Return how much of the last 24 h of each city's network is there."""
        found = coverage_of(self.ws, world, now_of(self.ws, world))
        return [{"city": c.city, "network": c.network, "stations": c.stations, "held": c.held} for c in found]

    def retry_answer(self, entry_id: str, person: str) -> Plain:
        """Read an answer of quarantine again; the attempt stands in the audit trail."""
        (found,) = retry_quarantined(self.ws, [entry_id])
        said = {"feed": found.feed, "rows": found.rows, "trouble": found.trouble}
        with self.ws.ledger.write() as conn:
            append_audit(
                conn,
                at=self.ws.clock(),
                actor=person,
                action="quarantine.retry",
                subject=found.id,
                payload=said,
            )
        return said

    def close_answer(self, entry_id: str, person: str, reason: str) -> None:
        """Close an answer that nobody will read again."""
        close_quarantined(self.ws, [entry_id], person=person, reason=reason)

    def keys(self) -> list[Plain]:
        """Return the public keys that this node knows, by fingerprint; no secret."""
        return [{name: row[name] for name in row if name != "public"} for row in listed_keys(self.ws)]

    def subscribe(self, recipient: str, changes: Mapping[str, Any], person: str) -> Plain:
        """Change what a recipient is sent."""
        return change_recipient(self.ws, recipient, changes, person)

    def ask_address(self, recipient: str, person: str) -> Plain:
        """Send a recipient the mail by which its address is confirmed."""
        return send_verification(self.ws, recipient, channel_of(self.ws.settings), person)
