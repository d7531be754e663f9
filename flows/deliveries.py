"""Who has what: every message with its fate and its acknowledgement, and acknowledging for a recipient."""

from __future__ import annotations

from typing import Any

from alerts.acknowledge import Receipt, acknowledge
from alerts.webhook import key_text, webhook_key
from flows.desk import find_version
from flows.recipients import recipients_of
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.mailbox import read_bounces
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.times import iso

Rows = list[dict[str, Any]]


def listed_deliveries(
    ws: Workspace, world: str | None = None, warning_id: str | None = None, *, only_open: bool = False
) -> Rows:
    """Return what every recipient was sent, how far it came and when it was acknowledged; no addresses.

    A recipient has its name in the list, or is called erased. ``bounced`` is the newest report of a mail
    server, ``escalated`` when the version was first escalated for the recipient.

    ``only_open`` leaves out what was acknowledged.
    """
    chosen = find_version(ws, warning_id, None).warning_id if warning_id is not None else None
    with ws.ledger.read() as conn:
        messages = read_outbox(conn, chosen, world=world)
        names = known_as(conn)
        said = {(a.warning_id, a.version, a.recipient): a for a in read_acknowledgements(conn, chosen)}
        back = {b.outbox_id: f"{b.kind} {b.status}" for b in read_bounces(conn, chosen)}
    escalated = {
        (m.warning_id, m.version, m.recipient): iso(m.created_at)
        for m in reversed(messages)
        if m.purpose == "escalation"
    }
    rows = []
    for m in messages:
        found = said.get((m.warning_id, m.version, m.recipient))
        if only_open and found:
            continue
        rows.append(
            {
                "warning": m.warning_id,
                "v": m.version,
                "recipient": name_shown(names, m),
                "what": f"{m.purpose} {m.number}" if m.number else m.purpose,
                "channel": m.channel,
                "state": m.state,
                "sent": iso(m.sent_at) if m.sent_at else "",
                "bounced": back.get(m.id, ""),
                "escalated": escalated.get((m.warning_id, m.version, m.recipient), ""),
                "acknowledged": iso(found.at) if found else "",
                "by": (found.person or found.way) if found else "",
                "trouble": m.last_error,
            }
        )
    return rows


def acknowledge_for(
    ws: Workspace, warning_id: str, version: int | None, recipient: str, person: str
) -> dict[str, Any]:
    """Record that a recipient said, by telephone or reply, that a version has arrived.

    Raises
    ------
    UsageError
        no name is given, or the warning is unknown
    ReviewError
        the version was never to go to this recipient
    """
    if not person.strip():
        raise UsageError("say who enters it with --person; it stands in the audit trail")
    row = find_version(ws, warning_id, version)
    now = ws.clock()
    with ws.ledger.write() as conn:
        sent = {m.recipient for m in read_outbox(conn, row.warning_id, row.version)}
        named = [name for name, handle in known_as(conn).items() if handle == recipient and name in sent]
        receipt = Receipt(row.warning_id, row.version, next(iter(named), recipient), now)
        found = acknowledge(conn, receipt, now, way="person", person=person)
    return {
        "warning": found.warning_id,
        "version": found.version,
        "recipient": recipient,
        "acknowledged": iso(found.at),
        "by": found.person or found.way,
    }


def key_of_webhook(ws: Workspace, agency: str) -> str:
    """Return the key with which an agency checks what is posted to it; UsageError for an unknown one."""
    with ws.ledger.read() as conn:
        names = {handle: name for name, handle in known_as(conn).items()}
    known = {r.id for r in recipients_of(ws, ws.clock())}
    name = next((n for n in (names.get(agency, ""), agency) if n in known), None)
    if name is None:
        raise UsageError(f"no agency {agency} is a recipient; see `sameair recipients list`")
    return key_text(webhook_key(load_or_create_secret(ws.settings.keys_dir, "webhooks"), name))
