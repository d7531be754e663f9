"""Reading the mailbox to which replies and bounces go: each counts once, what is not understood stays."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from alerts.answers import take_answer
from alerts.mailbox import MailboxPlace, OpenMailbox, ledger_key, open_mailbox
from alerts.replies import read_answer
from flows.workspace import Workspace
from pipeline.errors import StorageError
from pipeline.ledger.mailbox import insert_mail, kinds_read

log = logging.getLogger(__name__)


@dataclass
class MailboxReport:
    """How many mails were taken for what; ``trouble`` says why the mailbox could not be read."""

    counts: Counter[str] = field(default_factory=Counter)
    trouble: str = ""


def read_mailbox(ws: Workspace) -> MailboxReport:
    """Read what is unseen in the mailbox that the settings name; without one there is nothing to read.

    A mailbox that cannot be read is logged and reported; messages are sent all the same.
    """
    report = MailboxReport()
    place = place_of(ws)
    if not place.url:
        return report
    try:
        with open_mailbox(place) as box:
            _read_unseen(ws, place, box, report)
    except StorageError as error:
        log.error("%s", error)
        report.trouble = str(error)
    return report


def place_of(ws: Workspace) -> MailboxPlace:
    """Return where the settings say the mailbox is."""
    s = ws.settings
    return MailboxPlace(
        s.mailbox_url, s.mailbox_password, s.mailbox_ca_file or s.smtp_ca_file, s.smtp_timeout
    )


def _read_unseen(ws: Workspace, place: MailboxPlace, box: OpenMailbox, report: MailboxReport) -> None:
    keys = {ledger_key(place, key): key for key in box.unseen()}
    with ws.ledger.read() as conn:
        before = kinds_read(conn, keys)
    for name, key in keys.items():
        kind = before.get(name) or _take(ws, name, box.read(key), report)
        if kind != "unknown":
            box.mark_seen(key)


def _take(ws: Workspace, name: str, raw: bytes, report: MailboxReport) -> str:
    """Enter what one mail says, and that it was read, in one transaction; returns what it was taken for."""
    now = ws.clock()
    with ws.ledger.write() as conn:
        if name in kinds_read(conn, [name]):
            return "unknown"
        kind, outbox_id = take_answer(conn, read_answer(raw), now)
        insert_mail(conn, name, now, kind, outbox_id)
    report.counts[kind] += 1
    return kind
