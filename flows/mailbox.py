"""Reading the mailbox to which replies and bounces go: each counts once, what is not understood stays."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from alerts.answers import take_answer
from alerts.mailbox import MailboxPlace, OpenMailbox, ledger_key, open_mailbox
from alerts.replies import read_answer
from flows.workspace import Workspace
from pipeline.errors import StorageError, UsageError
from pipeline.ledger.mailbox import insert_mail, kinds_read

MOST_AT_ONCE: Final = 200
"""New mails that are read in one round; a flood of them must not hold up warnings."""
log = logging.getLogger(__name__)


@dataclass
class MailboxReport:
    """How many mails were taken for what; ``trouble`` says why the mailbox could not be read."""

    counts: Counter[str] = field(default_factory=Counter)
    trouble: str = ""


def read_mailbox(ws: Workspace) -> MailboxReport:
    """Read what is unseen in the mailbox that the settings name; without one there is nothing to read.

    A mailbox that cannot be read, or whose address makes no sense, is logged and reported; messages are sent
    all the same.
    """
    report = MailboxReport()
    place = place_of(ws)
    if not place.url:
        return report
    try:
        with open_mailbox(place) as box:
            _read_unseen(ws, place, box, report)
    except (StorageError, UsageError) as error:
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
    new = [name for name in keys if name not in before]
    if len(new) > MOST_AT_ONCE:
        log.warning("%d new mails in the mailbox; %d are read now", len(new), MOST_AT_ONCE)
    kinds = before | {name: "" for name in new[:MOST_AT_ONCE]}
    for name, kind in kinds.items():
        taken = kind or _take(ws, name, box.read(keys[name]), report)
        if taken not in ("unknown", "early"):
            box.mark_seen(keys[name])


def _take(ws: Workspace, name: str, raw: bytes, report: MailboxReport) -> str:
    """Enter what one mail says, and that it was read, in one transaction; returns what it was taken for.

    The report on a message that is still being sent (its sender may have died) waits until its fate is known.
    """
    now = ws.clock()
    with ws.ledger.write() as conn:
        if name in kinds_read(conn, [name]):
            return "unknown"
        kind, outbox_id = take_answer(conn, read_answer(raw), now)
        if kind == "early":
            return kind
        insert_mail(conn, name, now, kind, outbox_id)
    report.counts[kind] += 1
    return kind
