"""The list of batches in the ledger: what is listed exists, what is not listed was never written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pipeline.ledger.tables import batch_parts, batches, receipts

TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Batch:
    """One batch as it is listed.

    The effective ``received_at`` of a row is the latest of those that apply: the batch's ``received_at``,
    the row's interval end plus ``delay_seconds``, and the row's own ``received_at`` in the file.
    """

    id: str
    world: str
    source: str
    month: str
    rows: int
    bytes: int
    first_time: datetime
    last_time: datetime
    quantities: dict[str, list[int]]
    receipt: str
    received_at: datetime | None
    delay_seconds: int | None
    first_received: datetime
    last_received: datetime


_COLUMNS = [batches.c[name] for name in Batch.__dataclass_fields__]


def listed_batches(
    conn: Connection,
    world: str,
    *,
    source: str | None = None,
    months: Sequence[str] | None = None,
    times: tuple[datetime | None, datetime | None] = (None, None),
    as_of: datetime | None = None,
    listed_before: datetime | None = None,
) -> list[Batch]:
    """Return listed batches in the order of listing, of one world.

    Parameters
    ----------
    months : first and last month, inclusive
    times : interval ends wanted: after the first, up to the second
    as_of : leave out batches of which nothing had been received by then
    listed_before : leave out batches listed at that instant or later
    """
    query = select(*_COLUMNS).where(batches.c.world == world, batches.c.superseded_at.is_(None))
    start, end = times
    if source is not None:
        query = query.where(batches.c.source == source)
    if months:
        query = query.where(batches.c.month.between(months[0], months[-1]))
    if start is not None:
        query = query.where(batches.c.last_time > start)
    if end is not None:
        query = query.where(batches.c.first_time <= end)
    if as_of is not None:
        query = query.where(batches.c.first_received <= as_of)
    if listed_before is not None:
        query = query.where(batches.c.listed_at < listed_before)
    return [Batch(*row) for row in conn.execute(query.order_by(batches.c.seq))]


def worlds_listed(conn: Connection) -> list[str]:
    """Return the names of the worlds that have batches, sorted."""
    return [
        str(name)
        for name in conn.execute(select(batches.c.world).distinct().order_by(batches.c.world)).scalars()
    ]


def newest_ids(conn: Connection, world: str, source: str, months: Sequence[str]) -> dict[str, str]:
    """Return the id of the batch listed last in each month (first to last) of a source, replaced or not."""
    place = (batches.c.world == world, batches.c.source == source)
    months_wanted = batches.c.month.between(months[0], months[-1])
    last = select(func.max(batches.c.seq)).where(*place, months_wanted).group_by(batches.c.month)
    query = select(batches.c.month, batches.c.id).where(batches.c.seq.in_(last))
    return {month: batch_id for month, batch_id in conn.execute(query)}


def list_batches(conn: Connection, new: Sequence[Batch], at: datetime) -> None:
    """List batches whose files are in place; from the commit on readers see them."""
    if new:
        conn.execute(insert(batches), [{**vars(batch), "listed_at": at} for batch in new])


def supersede(conn: Connection, old: Sequence[str], new: str, at: datetime) -> int:
    """Take batches off the list in favour of another that holds the same versions; return how many."""
    listed = update(batches).where(batches.c.id.in_(old), batches.c.superseded_at.is_(None))
    return conn.execute(listed.values(superseded_at=at, superseded_by=new)).rowcount


def known_files(conn: Connection, world: str, kept_since: datetime) -> set[tuple[str, str, str]]:
    """Return (source, month, id) of every file that must stay: listed, or superseded since an instant."""
    stays = batches.c.superseded_at.is_(None) | (batches.c.superseded_at > kept_since)
    query = select(batches.c.source, batches.c.month, batches.c.id).where(batches.c.world == world, stays)
    return {(source, month, batch_id) for source, month, batch_id in conn.execute(query)}


def next_receipt(conn: Connection, world: str, now: datetime) -> datetime:
    """Return the instant for what becomes visible in this transaction: now, but after every earlier one."""
    last = conn.execute(
        select(receipts.c.last_received).where(receipts.c.world == world).with_for_update()
    ).scalar()
    instant = now if last is None else max(now, last + TICK)
    if last is None:
        conn.execute(insert(receipts).values(world=world, last_received=instant))
    else:
        conn.execute(update(receipts).where(receipts.c.world == world).values(last_received=instant))
    return instant


def hold_receipts(conn: Connection, world: str) -> None:
    """Let nobody else list anything in a world before the end of this transaction."""
    conn.execute(select(receipts.c.last_received).where(receipts.c.world == world).with_for_update())


def last_receipt(conn: Connection, world: str) -> datetime | None:
    """Return the newest instant given by :func:`next_receipt`, or None."""
    return conn.execute(select(receipts.c.last_received).where(receipts.c.world == world)).scalar()


def known_parts(conn: Connection, world: str, source: str, months: Sequence[str]) -> set[tuple[str, str]]:
    """Return (month, digest) of contents that equal the newest stored versions, first to last month."""
    c = batch_parts.c
    scope = (c.world == world, c.source == source, c.month.between(months[0], months[-1]))
    return {(month, digest) for month, digest in conn.execute(select(c.month, c.digest).where(*scope))}


def forget_parts(conn: Connection, world: str, source: str, month: str) -> None:
    """Forget the contents known of a month: stored values change, so they may no longer be the newest."""
    c = batch_parts.c
    conn.execute(delete(batch_parts).where(c.world == world, c.source == source, c.month == month))


def record_part(conn: Connection, *, part: tuple[str, str, str, str], at: datetime) -> None:
    """Remember that a content (world, source, month, digest) equals the newest stored versions."""
    values: dict[str, Any] = dict(zip(("world", "source", "month", "digest"), part, strict=True))
    conn.execute(delete(batch_parts).where(*(batch_parts.c[name] == held for name, held in values.items())))
    conn.execute(insert(batch_parts).values(**values, recorded_at=at))
