"""Sending what stands in the outbox: claim, send, record; safe to interrupt and to run twice at once.

A message is first marked ``sending`` under a claim (committed), then given to the channel, then marked with
what came of it. If the process dies in between, the next run asks the channel: the folder knows whether the
file is there, so nothing is written twice and nothing lost. A mail server cannot be asked: the message
becomes ``unknown`` and waits for a person (:func:`resolve_unknown`), or, by policy, is sent again with the
same Message-ID and the same bytes. Refusals for now (4xx) are tried again with growing pauses, refusals for
good (5xx) are not; a message that a later version has overtaken, or whose warning is over, is not sent.
Where a recipient has a second channel, that takes over in the same round (:mod:`alerts.takeover`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from alerts.channels import Channel, Envelope, Outcome
from alerts.claims import claim_age, hold_claim, is_abandoned
from alerts.outbox import read_payload
from alerts.takeover import Ways, take_over_failed, why_useless
from pipeline.errors import ReviewError, StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import (
    AttemptRow,
    OutboxRow,
    claim_message,
    due_messages,
    insert_attempt,
    move_message,
    read_message,
    read_outbox,
)
from pipeline.times import Clock

ACTOR = "delivery"


@dataclass(frozen=True)
class DeliveryPolicy:
    """How often and how long a message is tried; ``resend_unknown`` prefers a mail twice to one lost."""

    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=1)
    most_refusals: int = 12
    lease: timedelta = timedelta(minutes=15)
    resend_unknown: bool = False


@dataclass
class DeliveryReport:
    """Outbox ids by what became of them in this round; ``down`` says why the channel as a whole failed."""

    sent: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    down: str = ""


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


def deliver_pending(sender: Sender) -> DeliveryReport:
    """Send every message that is due and return what became of each.

    Several processes may do this at once: each message is taken by one of them. Raises StorageError if the
    ledger or the folder of messages cannot be used.
    """
    report = DeliveryReport()
    with hold_claim(_claims(sender)) as claim:
        try:
            for row in _abandoned(sender, claim):
                _recover(sender, row, report)
            down: set[str] = set()
            _send_due(sender, claim, report, down)
            if _substituted(sender):
                _send_due(sender, claim, report, down)
        finally:
            for channel in (sender.channel, *sender.others.values()):
                channel.close()
    return report


def resolve_unknown(
    conn: Connection, outbox_id: str, *, resend: bool, person: str, reason: str, at: datetime
) -> None:
    """Let a person decide about a message of unknown fate: send it again, or count it as sent.

    Raises ReviewError if its fate is known.
    """
    row = read_message(conn, outbox_id)
    if row.state != "unknown":
        raise ReviewError(f"message {outbox_id} is {row.state}, not unknown; nothing to resolve")
    if resend:
        move_message(conn, row, state="pending", next_attempt_at=at)
    else:
        move_message(conn, row, state="sent", sent_at=at)
    payload = {"resend": resend, "reason": reason}
    append_audit(conn, at=at, actor=person, action="delivery.resolve", subject=outbox_id, payload=payload)


def pause_after(refusals: int, policy: DeliveryPolicy) -> timedelta:
    """Return how long to wait after a number of refusals: doubling, up to the longest pause.

    >>> [str(pause_after(n, DeliveryPolicy())) for n in (1, 2, 3, 20)]
    ['0:01:00', '0:02:00', '0:04:00', '1:00:00']
    """
    doublings: int = min(max(refusals, 1) - 1, 16)
    factor: int = 2**doublings
    return min(policy.first_pause * factor, policy.longest_pause)


def _send_due(sender: Sender, claim: str, report: DeliveryReport, down: set[str]) -> None:
    """Send what is due, except on channels that are ``down``."""
    for row in _taken(sender, claim, report, down):
        outcome = _send(sender, row)
        _conclude(sender, row, outcome, report)
        if outcome.kind == "down":
            report.down = outcome.detail
            down.add(row.channel)


def _substituted(sender: Sender) -> bool:
    """Let second channels take over what the first ones do not bring; tell whether there is any."""
    if not any(len(ways) > 1 for ways in sender.ways.by_recipient.values()):
        return False
    with sender.ledger.write() as conn:
        return bool(take_over_failed(conn, sender.ways, sender.clock(), sender.world))


def _claims(sender: Sender) -> Path:
    """Return the folder of claims."""
    return sender.payloads / "claims"


def _abandoned(sender: Sender, claim: str) -> list[OutboxRow]:
    """Return the messages whose sender is gone."""
    with sender.ledger.read() as conn:
        held = read_outbox(conn, state="sending", world=sender.world)
        rows = [row for row in held if row.claim and row.claim != claim]
    now = sender.clock()
    return [
        row
        for row in rows
        if is_abandoned(_claims(sender), row.claim or "", claim_age(row.claimed_at, now), sender.policy.lease)
    ]


def _recover(sender: Sender, row: OutboxRow, report: DeliveryReport) -> None:
    """Find out, or admit not to know, whether an interrupted message left."""
    channel = sender.channel_for(row)
    has_sent = channel.has_sent(_envelope(row, b"")) if channel is not None else None
    if has_sent:
        _conclude(sender, row, Outcome("sent", "found sent after an interruption"), report)
    elif has_sent is None:
        _conclude(sender, row, Outcome("unknown", "interrupted while sending"), report)
    else:
        with sender.ledger.write() as conn:
            if move_message(conn, row, state="pending", next_attempt_at=sender.clock()):
                _log(conn, sender, row, Outcome("retry", "interrupted before sending"))


def _taken(sender: Sender, claim: str, report: DeliveryReport, down: set[str]) -> Iterator[OutboxRow]:
    """Claim the due messages one by one; those not worth sending any more are closed on the way."""
    with sender.ledger.read() as conn:
        due = due_messages(conn, sender.clock(), sender.world)
    for row in due:
        if row.channel in down:
            continue
        now = sender.clock()
        with sender.ledger.write() as conn:
            if not claim_message(conn, row.id, claim, now):
                continue
            taken = read_message(conn, row.id)
            useless = why_useless(conn, taken, now)
        if useless:
            _conclude(sender, taken, Outcome("failed", useless), report)
        else:
            yield taken


def _send(sender: Sender, row: OutboxRow) -> Outcome:
    """Try once."""
    channel = sender.channel_for(row)
    if channel is None:
        return Outcome("failed", f"there is no channel {row.channel} here")
    try:
        payload = read_payload(sender.payloads, row.payload_digest)
    except StorageError as error:
        return Outcome("failed", str(error))
    return channel.send(_envelope(row, payload))


def _envelope(row: OutboxRow, payload: bytes) -> Envelope:
    """Return what a channel needs."""
    return Envelope(row.id, row.address, row.message_id, payload, row.recipient)


def _conclude(sender: Sender, row: OutboxRow, outcome: Outcome, report: DeliveryReport) -> None:
    """Record what came of an attempt; final fates also go into the audit trail."""
    now = sender.clock()
    values = _next_state(row, outcome, sender.policy, now)
    state = str(values["state"])
    with sender.ledger.write() as conn:
        moved = move_message(conn, row, **values)
        _log(conn, sender, row, outcome)
        if moved and state != "pending":
            payload = {"attempt": row.attempts, "channel": sender.channel_name(row), "detail": outcome.detail}
            append_audit(
                conn, at=now, actor=ACTOR, action=f"delivery.{state}", subject=row.id, payload=payload
            )
    if moved:
        named = {"pending": report.deferred, "sent": report.sent, "failed": report.failed}
        named.get(state, report.unknown).append(row.id)


def _next_state(row: OutboxRow, outcome: Outcome, policy: DeliveryPolicy, now: datetime) -> dict[str, object]:
    """Return the columns of a message after an attempt."""
    if outcome.kind == "sent":
        return {"state": "sent", "sent_at": now, "last_error": ""}
    if outcome.kind == "failed":
        return {"state": "failed", "last_error": outcome.detail}
    if outcome.kind == "unknown" and not policy.resend_unknown:
        return {"state": "unknown", "last_error": outcome.detail}
    if outcome.kind == "retry" and row.attempts >= policy.most_refusals:
        return {"state": "failed", "last_error": f"given up after {row.attempts} attempts: {outcome.detail}"}
    later = now + pause_after(row.attempts, policy)
    return {"state": "pending", "next_attempt_at": later, "last_error": outcome.detail}


def _log(conn: Connection, sender: Sender, row: OutboxRow, outcome: Outcome) -> None:
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
