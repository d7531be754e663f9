"""Sending what stands in the outbox: claim, send, record; safe to interrupt and to run twice at once.

A message is first marked ``sending`` under a claim (committed), then given to the channel, then marked with
what came of it. Several of a channel may be under way at once; what came of some and the claims on the next
are one transaction. If the process dies in between, the next run asks the channel: the folder knows whether
the file is there, so nothing is written twice and nothing lost. A mail server cannot be asked: the message
becomes ``unknown`` and waits for a person (:func:`resolve_unknown`), or, from the policy's level on, is sent
again once with the same Message-ID and the same bytes. Refusals for now (4xx) are tried again with growing
pauses, refusals for good (5xx) are not; a message that a later version has overtaken, or whose warning is
over, is not sent. Where a recipient has a second channel, that takes over in the same round
(:mod:`alerts.takeover`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from alerts.channels import Envelope, Outcome
from alerts.claims import claim_age, hold_claim, is_abandoned
from alerts.lanes import Lane
from alerts.retries import DeliveryPolicy
from alerts.sending import DeliveryReport, Sender, conclude, log_attempt
from alerts.takeover import take_over_failed, why_useless
from pipeline.errors import ReviewError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import OutboxRow, due_channels, move_message, read_message, read_outbox
from pipeline.ledger.recipients import address_of

__all__ = ["DeliveryPolicy", "DeliveryReport", "Sender", "deliver_pending", "put_back", "resolve_unknown"]


def deliver_pending(sender: Sender) -> DeliveryReport:
    """Send every message that is due and return what became of each.

    Several processes may do this at once: each message is taken by one of them. Raises StorageError if the
    ledger or the folder of messages cannot be used.
    """
    report = DeliveryReport()
    down: set[str] = set()
    with hold_claim(_claims(sender), sender.ledger) as claim:
        try:
            for row in _abandoned(sender, claim):
                _recover(sender, row, report)
            for _ in range(2):
                for name in _due(sender, down):
                    if not Lane(sender, name, claim, report).run():
                        down.add(name)
                if not _substituted(sender):
                    break
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


def put_back(conn: Connection, outbox_id: str, *, person: str, party: str, reason: str, at: datetime) -> str:
    """Put a message that a person asks for back into the outbox, with the same bytes and Message-ID.

    Returns the state in which it was; one that waits already stays as it is.

    Raises
    ------
    ReviewError
        it is being sent, somebody was quicker, no reason is given, or it is of no use any more
    """
    row = read_message(conn, outbox_id)
    if not reason.strip():
        raise ReviewError("say why it is sent again; it stands in the record")
    if row.state == "pending":
        return row.state
    useless = why_useless(conn, row, at)
    if row.state == "sending" or useless:
        raise ReviewError(f"message {outbox_id} is not sent again: {useless or 'it is being sent now'}")
    if not move_message(conn, row, state="pending", next_attempt_at=at, last_error="", sent_at=None):
        raise ReviewError(f"message {outbox_id} has moved meanwhile; look again")
    payload = {"party": party, "was": row.state, "reason": reason}
    append_audit(conn, at=at, actor=person, action="delivery.again", subject=outbox_id, payload=payload)
    return row.state


def _due(sender: Sender, down: set[str]) -> list[str]:
    """Return the channels on which something is due, without those that are down."""
    with sender.ledger.read() as conn:
        return [n for n in due_channels(conn, sender.clock(), sender.world) if n not in down]


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
    now, lease = sender.clock(), sender.policy.lease

    def is_left(row: OutboxRow) -> bool:
        age = claim_age(row.claimed_at, now)
        return is_abandoned(_claims(sender), sender.ledger, row.claim or "", age, lease)

    return [row for row in rows if is_left(row)]


def _recover(sender: Sender, row: OutboxRow, report: DeliveryReport) -> None:
    """Find out, or admit not to know, whether an interrupted message left."""
    channel = sender.channel_for(row)
    with sender.ledger.write() as conn:
        address = address_of(conn, row)
        envelope = Envelope(row.id, address, row.message_id, b"", row.recipient)
        has_sent = channel.has_sent(envelope) if channel is not None else None
        state = None
        if has_sent is False:
            if move_message(conn, row, state="pending", next_attempt_at=sender.clock()):
                log_attempt(conn, sender, row, Outcome("retry", "interrupted before sending"))
        elif has_sent:
            state = conclude(conn, sender, row, Outcome("sent", "found sent after an interruption"))
        else:
            state = conclude(conn, sender, row, Outcome("unknown", "interrupted while sending"))
    if state is not None:
        report.add(row.id, state)
