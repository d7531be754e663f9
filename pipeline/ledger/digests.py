"""Which versions recipients were told of in digests, and which were issued since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from pipeline.ledger.deliveries import of_world
from pipeline.ledger.warning_tables import digest_items, outbox, warning_events, warnings


@dataclass(frozen=True)
class IssuedVersion:
    """A version and when it was issued."""

    warning_id: str
    version: int
    at: datetime


def issued_between(conn: Connection, world: str, after: datetime, until: datetime) -> list[IssuedVersion]:
    """Return what was issued in a world after one instant and until another, oldest first."""
    c = warning_events.c
    query = (
        select(c.warning_id, c.version, c.at)
        .join(warnings, warnings.c.id == c.warning_id)
        .where(c.state == "issued", warnings.c.world == world, c.at > after, c.at <= until)
        .order_by(c.at, c.warning_id, c.version)
    )
    return [IssuedVersion(*row) for row in conn.execute(query)]


def told_of(conn: Connection, version: IssuedVersion) -> set[str]:
    """Return the recipients who were sent a version, by itself or in a digest."""
    o, d = outbox.c, digest_items.c
    alone = select(o.recipient).where(
        o.warning_id == version.warning_id, o.version == version.version, o.purpose != "digest"
    )
    listed = select(d.recipient).where(d.warning_id == version.warning_id, d.version == version.version)
    return {*conn.execute(alone).scalars(), *conn.execute(listed).scalars()}


def had_digest(conn: Connection, world: str, number: int) -> set[str]:
    """Return the recipients who have the digest of a day (its date as a number) already."""
    c = outbox.c
    query = select(c.recipient).where(c.purpose == "digest", c.number == number, *of_world(world))
    return set(conn.execute(query).scalars())


def insert_items(conn: Connection, outbox_id: str, recipient: str, versions: Iterable[IssuedVersion]) -> None:
    """Note which versions a digest holds; one that a recipient was told of before is an integrity error."""
    rows = [
        {"recipient": recipient, "warning_id": v.warning_id, "version": v.version, "outbox_id": outbox_id}
        for v in versions
    ]
    conn.execute(insert(digest_items), rows)
