"""Which mails of the mailbox were read, and the bounces among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from pipeline.ledger.deliveries import OutboxRow, row_of
from pipeline.ledger.warning_tables import bounces, mailbox_mails, outbox


@dataclass(frozen=True)
class BounceRow:
    """What a mail server reported about a message that it had taken; ``kind`` is hard, soft or delayed."""

    outbox_id: str
    at: datetime
    kind: str
    status: str


def kinds_read(conn: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Return what the mails with some keys were taken for; those not read yet are left out."""
    wanted = list(keys)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        c = mailbox_mails.c
        some = c.key.in_(wanted[start : start + 500])
        found |= {key: kind for key, kind in conn.execute(select(c.key, c.kind).where(some))}
    return found


def insert_mail(conn: Connection, key: str, at: datetime, kind: str, outbox_id: str | None) -> None:
    """Note that a mail was read; a second time is an integrity error."""
    conn.execute(insert(mailbox_mails).values(key=key, at=at, kind=kind, outbox_id=outbox_id))


def insert_bounce(conn: Connection, row: BounceRow) -> None:
    """Enter a bounce or a delay."""
    conn.execute(insert(bounces).values(**asdict(row)))


def read_bounces(conn: Connection, warning_id: str | None = None) -> list[BounceRow]:
    """Return the bounces and delays, of one warning if given, oldest first."""
    c, names = bounces.c, BounceRow.__dataclass_fields__
    query = select(*(c[name] for name in names)).order_by(c.seq)
    if warning_id is not None:
        query = query.join(outbox, outbox.c.id == c.outbox_id).where(outbox.c.warning_id == warning_id)
    return [BounceRow(**dict(row._mapping)) for row in conn.execute(query)]


def message_named(conn: Connection, message_ids: Iterable[str]) -> OutboxRow | None:
    """Return the message with the first of some Message-IDs that is known."""
    for name in message_ids:
        row = conn.execute(select(outbox).where(outbox.c.message_id == name)).first()
        if row is not None:
            return row_of(row._mapping)
    return None


def message_to(conn: Connection, warning_id: str, version: int, recipient: str) -> OutboxRow | None:
    """Return a message that took a version to a recipient, whatever its channel; digests take none."""
    c = outbox.c
    where = (
        c.warning_id == warning_id,
        c.version == version,
        c.recipient == recipient,
        c.purpose != "digest",
    )
    row = conn.execute(select(outbox).where(*where).order_by(c.created_at).limit(1)).first()
    return None if row is None else row_of(row._mapping)
