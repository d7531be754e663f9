"""What the ledger says of each feed by now: last attempt, last success, newest value, losses, quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from pipeline.ledger.attempts import Attempt
from pipeline.ledger.source_tables import feed_attempts, quarantined, source_gaps

SUCCESSES = ("ok", "partial")


@dataclass(frozen=True)
class FeedRecord:
    """A feed so far.

    Parameters
    ----------
    last : the newest attempt
    succeeded_at : when it last gave anything that could be read
    newest : newest interval end or issue that it ever gave
    failures : attempts since then
    """

    last: Attempt
    succeeded_at: datetime | None
    newest: datetime | None
    failures: int


def feed_records(conn: Connection, world: str) -> dict[str, FeedRecord]:
    """Return the record of every feed that was ever asked."""
    c = feed_attempts.c
    here = c.world == world
    last = _rows(conn, select(func.max(c.seq)).where(here).group_by(c.feed))
    good = _rows(conn, select(func.max(c.seq)).where(here, c.outcome.in_(SUCCESSES)).group_by(c.feed))
    newest: Mapping[str, datetime] = {
        feed: at for feed, at in conn.execute(select(c.feed, func.max(c.newest)).where(here).group_by(c.feed))
    }
    found = {}
    for feed, row in last.items():
        success = good.get(feed)
        since = 0 if success is None else success.seq
        failed = select(func.count()).where(here, c.feed == feed, c.seq > since, c.outcome != "nothing")
        found[feed] = FeedRecord(
            _attempt(row),
            None if success is None else success.at,
            newest.get(feed),
            int(conn.execute(failed).scalar_one()),
        )
    return found


def open_quarantine(conn: Connection, world: str) -> dict[str, int]:
    """Return how many answers of each source lie in quarantine."""
    c = quarantined.c
    query = select(c.source, func.count()).where(c.world == world, c.resolved_at.is_(None))
    return {source: int(n) for source, n in conn.execute(query.group_by(c.source))}


def hours_gone(conn: Connection, world: str, noticed_after: datetime) -> dict[str, int]:
    """Return how many interval ends of each feed were found to be gone for good since an instant."""
    c = source_gaps.c
    query = select(c.feed, func.count()).where(c.world == world, c.noticed_at > noticed_after)
    return {feed: int(n) for feed, n in conn.execute(query.group_by(c.feed))}


def _rows(conn: Connection, wanted: Any) -> dict[str, Row[Any]]:
    return {
        row.feed: row for row in conn.execute(select(feed_attempts).where(feed_attempts.c.seq.in_(wanted)))
    }


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        row.feed,
        row.source,
        row.at,
        row.seconds,
        row.outcome,
        row.answers,
        row.rows,
        row.newest,
        tuple(row.errors),
    )
