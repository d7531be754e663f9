"""What a round of deliveries works with, and the two ends of an attempt: to send, and to record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from alerts.channels import Channel, Envelope, Outcome
from alerts.outbox import payload_path, read_payload
from alerts.retries import DeliveryPolicy, next_state
from alerts.takeover import Ways
from pipeline.errors import StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import AttemptRow, OutboxRow, insert_attempt, move_message
from pipeline.ledger.postgres import is_postgres
from pipeline.redaction import without_addresses
from pipeline.times import Clock

ACTOR: Final = "delivery"


@dataclass
class DeliveryReport:
    """Outbox ids by what became of them in this round; ``down`` says why the channel as a whole failed."""

    sent: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    down: str = ""

    def add(self, outbox_id: str, state: str) -> None:
        """Note the state that a message came to."""
        named = {"pending": self.deferred, "sent": self.sent, "failed": self.failed}
        named.get(state, self.unknown).append(outbox_id)


@dataclass(frozen=True)
class Sender:
    """Everything a round of deliveries works with; ``clock`` is that of the warnings' world, None: of all.

    ``channel`` takes e-mails; ``others`` are further channels by name, ``ways`` says who is reached on which.
    """

    ledger: Ledger
    channel: Channel
    payloads: Path
    clock: Clock
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    world: str | None = None
    others: Mapping[str, Channel] = field(default_factory=dict)
    ways: Ways = field(default_factory=lambda: Ways({}))

    def channel_for(self, row: OutboxRow) -> Channel | None:
        """Return the channel that a message asks for; None if there is none here."""
        return self.channel if row.channel == "email" else self.others.get(row.channel)

    def channel_name(self, row: OutboxRow) -> str:
        """Return what the log calls the channel of a message."""
        channel = self.channel_for(row)
        return channel.name if channel is not None else row.channel


def send_once(sender: Sender, row: OutboxRow, address: str) -> Outcome:
    """Try once to send a message to an address."""
    channel = sender.channel_for(row)
    if channel is None:
        return Outcome("failed", f"there is no channel {row.channel} here")
    if not address:
        return Outcome("failed", "the recipient was erased")
    try:
        payload = read_payload(sender.payloads, row.payload_digest)
    except StorageError as error:
        gone = not payload_path(sender.payloads, row.payload_digest).exists()
        # Of several machines with one ledger another may have it.
        return Outcome("retry" if gone and is_postgres(sender.ledger.engine) else "failed", str(error))
    outcome = channel.send(Envelope(row.id, address, row.message_id, payload, row.recipient))
    return Outcome(outcome.kind, without_addresses(outcome.detail, address), outcome.code)


def conclude(conn: Connection, sender: Sender, row: OutboxRow, outcome: Outcome) -> str | None:
    """Record what came of an attempt; final fates also go into the audit trail.

    Returns the state that the message came to; None if it had moved meanwhile.
    """
    now = sender.clock()
    values = next_state(conn, row, outcome, sender.policy, now)
    state = str(values["state"])
    moved = move_message(conn, row, **values)
    log_attempt(conn, sender, row, outcome)
    if moved and state != "pending":
        payload = {"attempt": row.attempts, "channel": sender.channel_name(row), "detail": outcome.detail}
        append_audit(conn, at=now, actor=ACTOR, action=f"delivery.{state}", subject=row.id, payload=payload)
    return state if moved else None


def log_attempt(conn: Connection, sender: Sender, row: OutboxRow, outcome: Outcome) -> None:
    """Append to the log of attempts."""
    insert_attempt(
        conn,
        AttemptRow(
            outbox_id=row.id,
            attempt=row.attempts,
            at=sender.clock(),
            channel=sender.channel_name(row),
            outcome=outcome.kind,
            code=outcome.code,
            detail=outcome.detail,
        ),
    )
