"""Asking a recipient whether messages arrive, and entering the code that it tells by telephone."""

from __future__ import annotations

from typing import Any

from alerts.channels import Channel, Envelope
from alerts.outbox import MAIL_POLICY
from alerts.verification_mail import Request, mail_name, verification_mail
from alerts.verify_address import code_of, confirm, is_code, link_token, make_claim
from flows.recipients import find_recipient, recipient_of
from flows.workspace import Workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.audit import append_audit
from pipeline.redaction import without_addresses
from pipeline.times import iso


def send_verification(ws: Workspace, who: str, channel: Channel, person: str) -> dict[str, Any]:
    """Send a recipient the mail with link and code; the attempt is in the audit trail, not the address.

    Raises
    ------
    UsageError
        there is no such recipient
    ReviewError
        the mail did not leave
    """
    now = ws.clock()
    with ws.ledger.read() as conn:
        row, contact = find_recipient(conn, who)
    secret = load_or_create_secret(ws.settings.keys_dir, "links")
    claim, base = make_claim(secret, contact, now), ws.settings.acknowledge_url.rstrip("/")
    request = Request(
        sender=ws.settings.mail_from,
        contact=ws.settings.contact,
        link=f"{base}/verify/{link_token(secret, claim)}" if base else "",
        code=code_of(secret, contact, now),
        at=now,
        until=claim.expires,
    )
    mail = verification_mail(recipient_of(row, contact), request)
    payload = mail.as_bytes(policy=MAIL_POLICY)
    name = mail_name(row.id, now)
    try:
        outcome = channel.send(Envelope(name, contact.email, mail["Message-ID"], payload, row.id))
    finally:
        channel.close()
    with ws.ledger.write() as conn:
        said = {"outcome": outcome.kind, "channel": channel.name}
        append_audit(conn, at=now, actor=person, action="recipient.ask", subject=row.id, payload=said)
    if outcome.kind not in ("sent", "unknown"):
        detail = without_addresses(outcome.detail, contact.email)
        raise ReviewError(f"the mail to {who} did not leave ({outcome.kind}): {detail}; try again")
    return {"recipient": who, "asked": iso(now), "link": bool(base), "counts until": iso(claim.expires)}


def confirm_code(ws: Workspace, who: str, code: str, person: str) -> dict[str, Any]:
    """Enter the code that a recipient read from its mail: its addresses count as verified.

    Raises
    ------
    UsageError
        there is no such recipient, or the code is not one of its last week
    """
    now = ws.clock()
    secret = load_or_create_secret(ws.settings.keys_dir, "links")
    with ws.ledger.write() as conn:
        row, contact = find_recipient(conn, who)
        if not is_code(secret, contact, code, now):
            raise UsageError(f"this is no code of {who} of the last days; send a new one without --code")
        at = confirm(conn, row, contact, now, "code", person)
    return {"recipient": who, "verified": iso(at)}
