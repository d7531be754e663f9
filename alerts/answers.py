"""What follows from a mail in the mailbox: a message bounced, or its recipient has it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from alerts.acknowledge import Receipt, acknowledge
from alerts.replies import Answer
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import AttemptRow, OutboxRow, insert_attempt, move_message
from pipeline.ledger.mailbox import BounceRow, insert_bounce, message_named, message_to
from pipeline.ledger.recipients import email_of


def take_answer(conn: Connection, answer: Answer, at: datetime) -> tuple[str, str | None]:
    """Enter what a mail says into the ledger; returns what it was taken for and the message it is about.

    What it was taken for is hard, soft, delayed, reply or automatic; anything else is unknown and changes
    nothing, and one that comes too ``early`` is to be read again. A reply counts only from the recipient's
    own e-mail address, on whatever channel the version went out; a digest has nothing to acknowledge.
    """
    row = _row_of(conn, answer)
    if row is None or answer.kind == "unknown":
        return "unknown", None
    if answer.kind in ("hard", "soft") and row.state == "sending":
        return "early", row.id
    if answer.kind in ("hard", "soft", "delayed"):
        _bounce(conn, row, answer, at)
    elif answer.kind == "reply":
        own = email_of(conn, row).lower()
        if row.purpose == "digest" or not own or answer.sender != own:
            return "unknown", row.id
        receipt = Receipt(row.warning_id, row.version, row.recipient, at)
        acknowledge(conn, receipt, at, way="reply")
    return answer.kind, row.id


def _row_of(conn: Connection, answer: Answer) -> OutboxRow | None:
    """Return the message that a mail is about."""
    if answer.named is not None:
        return message_to(conn, *answer.named)
    return message_named(conn, answer.message_ids)


def _bounce(conn: Connection, row: OutboxRow, answer: Answer, at: datetime) -> None:
    """Enter a bounce; a message that came back has failed, and a second channel may take over."""
    insert_bounce(conn, BounceRow(row.id, at, answer.kind, answer.status))
    if answer.kind == "delayed" or row.state == "failed":
        return
    detail = f"bounced ({answer.kind}) {answer.status}"
    if move_message(conn, row, state="failed", last_error=detail):
        attempt = AttemptRow(row.id, row.attempts, at, "mailbox", "bounced", None, detail)
        insert_attempt(conn, attempt)
        payload = {"kind": answer.kind, "status": answer.status}
        append_audit(conn, at=at, actor="mailbox", action="delivery.bounced", subject=row.id, payload=payload)
