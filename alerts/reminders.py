"""Reminders and escalation: what nobody acknowledges is sent again until somebody does or it is over.

Reminders go where the version went; from an age on, escalations go to the recipient's second channel, or the
first where there is none. Only the newest step that is due is sent, so a pause of the program brings no
flood. Exercises are not reminded of: nobody is bound to acknowledge one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.outbox import MAIL_POLICY, keep_payload, read_payload
from alerts.recipients import Way
from alerts.takeover import Ways, follow_up
from alerts.versions import IN_FORCE
from pipeline.errors import StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import OutboxRow, insert_outbox, known_ids
from pipeline.ledger.follow_ups import unacknowledged, versions_out
from pipeline.ledger.recipients import stow_addresses
from pipeline.ledger.warnings import read_version
from pipeline.times import to_utc

log = logging.getLogger(__name__)

ACTOR: Final = "delivery"
BATCH: Final = 500
"""Reminders that are written in one transaction, so that memory stays flat."""


@dataclass(frozen=True)
class ReminderPolicy:
    """Ages since sending at which reminders are due, and from which on, and how often, it is escalated."""

    remind_after: tuple[timedelta, ...] = (timedelta(minutes=30), timedelta(minutes=60))
    escalate_after: timedelta = timedelta(minutes=90)
    escalate_every: timedelta = timedelta(minutes=60)


def step_due(policy: ReminderPolicy, age: timedelta) -> tuple[str, int] | None:
    """Return the newest step that is due at an age: (purpose, number).

    >>> [step_due(ReminderPolicy(), timedelta(minutes=m)) for m in (29, 30, 89, 90)]
    [None, ('reminder', 1), ('reminder', 2), ('escalation', 1)]
    """
    if age >= policy.escalate_after:
        return "escalation", 1 + (age - policy.escalate_after) // policy.escalate_every
    passed = sum(1 for after in policy.remind_after if after <= age)
    return ("reminder", passed) if passed else None


def queue_reminders(
    ledger: Ledger,
    payloads: Path,
    ways: Ways,
    policy: ReminderPolicy,
    now: datetime,
    world: str | None = None,
) -> list[str]:
    """Enter the reminders and escalations that are due into the outbox; returns their ids.

    A message whose file is lost is logged and reminds of nothing; it never holds up another.
    """
    terms = _Terms(payloads, ways, policy, now)
    with ledger.read() as conn:
        versions = [v for v in versions_out(conn, now, world) if _binds(conn, v)]
    made: list[str] = []
    for version in versions:
        lost: set[str] = set()
        while batch := _batch(ledger, version, terms, lost):
            made += batch
    return made


@dataclass(frozen=True)
class _Terms:
    payloads: Path
    ways: Ways
    policy: ReminderPolicy
    now: datetime


def _batch(ledger: Ledger, version: tuple[str, int], terms: _Terms, lost: set[str]) -> list[str]:
    """Enter the next reminders of a version, at most BATCH; ``lost`` gathers those without a file."""
    ready: list[OutboxRow] = []
    with ledger.read() as conn:
        for row, original in _wanted(conn, version, terms):
            if row.id in lost or any(row.id == other.id for other in ready):
                continue
            try:
                ready.append(_stored(terms.payloads, row, original, terms.now))
            except StorageError as error:
                lost.add(row.id)
                log.error("no reminder: %s", error)
            if len(ready) == BATCH:
                break
    with ledger.write() as conn:
        known = known_ids(conn, [row.id for row in ready])
        new = [row for row in ready if row.id not in known]
        insert_outbox(conn, stow_addresses(conn, new))
        for row in new:
            payload = {"number": row.number, "channel": row.channel}
            action = f"delivery.{row.purpose}"
            append_audit(conn, at=terms.now, actor=ACTOR, action=action, subject=row.id, payload=payload)
    return [row.id for row in new]


def reminder_mail(original: bytes, row: OutboxRow, now: datetime) -> bytes:
    """Return a stored mail as a reminder of itself: marked in the subject, in the thread of the first."""
    mail = message_from_bytes(original, policy=MAIL_POLICY)
    first, subject = str(mail["Message-ID"]), str(mail["Subject"] or "")
    chain = " ".join([*str(mail["References"] or "").split(), first])
    fresh = {
        "Message-ID": row.message_id,
        "Date": format_datetime(to_utc(now)),
        "Subject": f"[{row.purpose.upper()} {row.number}]{subject}",
        "In-Reply-To": first,
        "References": chain,
    }
    for name, value in fresh.items():
        del mail[name]
        mail[name] = value
    return mail.as_bytes(policy=MAIL_POLICY)


def _wanted(
    conn: Connection, version: tuple[str, int], terms: _Terms
) -> Iterator[tuple[OutboxRow, OutboxRow]]:
    """Yield the messages to be sent, each with the one that it reminds of."""
    policy = terms.policy
    youngest = min((policy.escalate_after, *policy.remind_after))
    for row, done in unacknowledged(conn, version, terms.now - youngest):
        step = step_due(policy, terms.now - row.sent_at) if row.sent_at is not None else None
        if step is None or step in done:
            continue
        way = terms.ways.second(row) if step[0] == "escalation" else None
        yield follow_up(row, way or Way(row.channel, row.address), *step, terms.now), row


def _binds(conn: Connection, version: tuple[str, int]) -> bool:
    """Tell whether a version is in force and no exercise."""
    row = read_version(conn, *version)
    content = WarningContent.from_dict(row.content)
    is_live = not content.simulated and content.cap_status in ("Actual", "Test")
    return is_live and row.state in IN_FORCE


def _stored(payloads: Path, row: OutboxRow, original: OutboxRow, now: datetime) -> OutboxRow:
    """Write the mail of a reminder and return its row with the digest."""
    mail = reminder_mail(read_payload(payloads, original.payload_digest), row, now)
    return replace(row, payload_digest=keep_payload(payloads, mail))
