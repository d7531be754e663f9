"""Entering the daily digests of a world into the outbox, once a day for each recipient."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.digest import LOOK_BACK, DigestTerms, Item, digest_row, is_for, newest_due
from alerts.outbox import keep_payload
from alerts.policy import Policy
from alerts.recipients import Recipient
from flows.signing import is_live
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import insert_outbox
from pipeline.ledger.digests import had_digest, insert_items, issued_between, told_of
from pipeline.ledger.recipients import stow_addresses
from pipeline.ledger.warnings import read_version
from pipeline.settings import Settings


def terms_of(settings: Settings, policy: Policy) -> DigestTerms:
    """Return when digests are due, from the policy, and what they say of the sender."""
    return DigestTerms(
        time.fromisoformat(policy.delivery.digest_at),
        ZoneInfo(policy.review.timezone),
        settings.mail_from,
        settings.contact,
        settings.data_dir / "messages",
    )


def queue_digests(
    ledger: Ledger, world: str, recipients: tuple[Recipient, ...], terms: DigestTerms, now: datetime
) -> list[str]:
    """Enter the digests that are due for a world; returns the ids of the messages.

    Each holds what was issued in earnest, concerns the recipient, and was not sent to it by itself or in an
    earlier digest. Whoever has today's digest waits for tomorrow's.
    """
    due = newest_due(terms, now)
    number = int(due.astimezone(terms.zone).strftime("%Y%m%d"))
    with ledger.read() as conn:
        items = _items(conn, world, due)
        told = {item.issued: told_of(conn, item.issued) for item in items}
        done = had_digest(conn, world, number) if items else set()
    made = []
    for recipient in recipients if items else ():
        mine = [i for i in items if recipient.id not in told[i.issued] and is_for(i, recipient)]
        if mine and recipient.id not in done:
            made += _enter(ledger, mine, recipient, terms, due)
    return made


def _items(conn: Connection, world: str, due: datetime) -> list[Item]:
    """Return what was issued in earnest before a digest was due."""
    found = issued_between(conn, world, due - LOOK_BACK, due)
    rows = [(v, WarningContent.from_dict(read_version(conn, v.warning_id, v.version).content)) for v in found]
    return [Item(version, content) for version, content in rows if is_live(content)]


def _enter(
    ledger: Ledger, items: list[Item], recipient: Recipient, terms: DigestTerms, due: datetime
) -> list[str]:
    """Enter one digest with what it holds, in one transaction; two processes at once enter it once."""
    row, mail = digest_row(items, recipient, terms, due)
    keep_payload(terms.payloads, mail)
    with ledger.write() as conn:
        if any(recipient.id in told_of(conn, item.issued) for item in items):
            return []
        insert_outbox(conn, stow_addresses(conn, [row]))
        insert_items(conn, row.id, recipient.id, (item.issued for item in items))
        payload = {"versions": len(items), "channel": row.channel}
        append_audit(
            conn, at=due, actor="delivery", action="delivery.digest", subject=row.id, payload=payload
        )
    return [row.id]
