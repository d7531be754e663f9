"""Every time a feed was asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from pipeline.ledger.source_tables import feed_attempts


@dataclass(frozen=True)
class Attempt:
    """One time a feed was asked; see ``pipeline.ledger.source_tables.feed_attempts``.

    ``outcome`` is ``ok``, ``partial`` (some answers failed), ``nothing`` (not published yet), ``failed`` or
    ``stopped`` (no requests left); ``rows`` counts what was new or changed.
    """

    feed: str
    source: str
    at: datetime
    seconds: float
    outcome: str
    answers: int
    rows: int
    newest: datetime | None = None
    errors: tuple[str, ...] = ()


def record_attempt(conn: Connection, world: str, attempt: Attempt) -> None:
    """Write down an attempt."""
    conn.execute(
        insert(feed_attempts).values(world=world, **{**vars(attempt), "errors": list(attempt.errors)})
    )


def first_and_last(conn: Connection, world: str, feed: str) -> tuple[datetime, datetime] | None:
    """Return when a feed was asked first and last, or None if never."""
    scope = (feed_attempts.c.world == world, feed_attempts.c.feed == feed)
    ends = select(func.min(feed_attempts.c.seq), func.max(feed_attempts.c.seq)).where(*scope)
    first, last = conn.execute(ends).one()
    if first is None:
        return None
    query = select(feed_attempts.c.seq, feed_attempts.c.at).where(feed_attempts.c.seq.in_((first, last)))
    at = {row.seq: row.at for row in conn.execute(query)}
    return at[first], at[last]


def first_answer(conn: Connection, world: str) -> datetime | None:
    """Return when a source of a world first gave an answer, or None if none ever did."""
    c = feed_attempts.c
    found: datetime | None = conn.execute(
        select(func.min(c.at)).where(c.world == world, c.answers > 0)
    ).scalar()
    return found
