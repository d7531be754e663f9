"""Sending a weekly outlook to addresses that somebody names; only what every party signed off leaves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from alerts.channels import Envelope
from flows.delivering import channel_of
from flows.outlook import PROGRAM, check_signed, current_outlook
from flows.outlook_paper import outlook_mail
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.audit_reads import Wanted, find_rows

MOST: Final = 100
SENT: Final = "season.outlook_sent"
_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,190}")


def send_outlook(
    ws: Workspace, world: str, name: str, to: Sequence[str], *, actor: str = PROGRAM
) -> list[dict[str, Any]]:
    """Mail the version of an outlook that counts; a mail that a folder holds already is not written twice.

    Raises
    ------
    ReviewError
        a party has not signed it off
    UsageError
        an address that is none
    """
    wrong = [address for address in to if not _ADDRESS.fullmatch(address)]
    if wrong:
        raise UsageError(f"--to {wrong[0]} is no e-mail address")
    row = current_outlook(ws, world, name)
    check_signed(ws, row)
    channel, found = channel_of(ws.settings), []
    try:
        for address in dict.fromkeys(to):
            message = outlook_mail(row, ws.settings.mail_from, address)
            tail = hashlib.sha256(address.encode()).hexdigest()[:8]
            envelope = f"outlook.{world}.{name}.v{row.version}.{tail}"
            sent = channel.send(Envelope(envelope, address, message["Message-ID"], bytes(message)))
            found.append({"to": address, "outcome": sent.kind, "detail": sent.detail})
    finally:
        channel.close()
    with ws.ledger.write() as conn:
        outcomes = [one["outcome"] for one in found]
        append_audit(
            conn,
            at=ws.clock(),
            actor=actor,
            action=SENT,
            subject=name,
            payload={"world": world, "version": row.version, "outcomes": outcomes},
        )
    return found


def sent_of(ws: Workspace, world: str, name: str) -> list[dict[str, Any]]:
    """Return when which version of an outlook was mailed by whom, and to how many; newest first."""
    with ws.ledger.read() as conn:
        rows = find_rows(conn, Wanted(action=SENT, subject=name), MOST)
    return [
        {
            "at": row["at"],
            "by": row["actor"],
            "version": row["payload"]["version"],
            "outcomes": row["payload"]["outcomes"],
        }
        for row in rows
        if row["payload"]["world"] == world
    ]
