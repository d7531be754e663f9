"""How each source stood at an instant: when it last gave something, how new that was, what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, select

from pipeline.ledger.source_records import SUCCESSES
from pipeline.ledger.source_tables import feed_attempts
from pipeline.ledger.tables import batches

SILENT_AFTER: Final = timedelta(hours=12)
"""A source whose newest value is older is called silent."""
GONE_AFTER: Final = timedelta(days=30)
"""A source without anything for so long has ended; it is counted, not listed."""
FAILING: Final = 2
"""So many failures in a row make a source failing; one alone is unsteady."""

State = Literal["good", "unsteady", "silent", "failing"]
_ORDER: Final = {"failing": 0, "silent": 1, "unsteady": 2, "good": 3}


@dataclass(frozen=True)
class Source:
    """One source: the end of its newest interval, when that came, and what its last attempt said."""

    name: str
    newest: datetime | None
    received_at: datetime | None
    failures: int
    error: str
    state: State


@dataclass(frozen=True)
class Sources:
    """The sources of a world, worst first, and how many more have ended long ago."""

    rows: tuple[Source, ...]
    ended: int

    def count(self, state: State) -> int:
        """Return how many sources are in a state."""
        return sum(row.state == state for row in self.rows)


def sources_of(conn: Connection, world: str, at: datetime) -> Sources:
    """Return how the sources of a world stood at an instant."""
    given = _given(conn, world, at)
    asked = _asked(conn, world, at)
    rows = []
    for name in sorted({*given, *asked}):
        newest, received = given.get(name, (None, None))
        failures, error, answered = asked.get(name, (0, "", None))
        seen = max((when for when in (newest, answered) if when is not None), default=None)
        if name not in asked and (seen is None or at - seen > GONE_AFTER):
            continue
        rows.append(Source(name, newest, received, failures, error, _state(at, seen, failures)))
    rows.sort(key=lambda row: (_ORDER[row.state], row.name))
    return Sources(tuple(rows), len({*given, *asked}) - len(rows))


def _state(at: datetime, seen: datetime | None, failures: int) -> State:
    if failures >= FAILING:
        return "failing"
    if seen is None or at - seen > SILENT_AFTER:
        return "silent"
    return "unsteady" if failures else "good"


def _given(conn: Connection, world: str, at: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return the newest interval end that each source had given by an instant, and when it came."""
    c = batches.c
    query = select(
        c.source, c.receipt, c.delay_seconds, func.max(c.last_time), func.max(c.last_received)
    ).where(c.world == world, c.superseded_at.is_(None), c.first_received <= at)
    found: dict[str, tuple[datetime, datetime]] = {}
    for source, receipt, delay, last, received in conn.execute(
        query.group_by(c.source, c.receipt, c.delay_seconds)
    ):
        known = (last, received)
        if received > at:
            known = (_bounded(last, at, delay if receipt == "assumed" else 0), at)
        found[source] = max(known, found.get(source, known))
    return found


def _bounded(last: datetime, at: datetime, delay: int | None) -> datetime:
    """Return the newest interval end that can have been there at an instant."""
    return min(last, (at - timedelta(seconds=delay or 0)).replace(minute=0, second=0, microsecond=0))


def _asked(conn: Connection, world: str, at: datetime) -> dict[str, tuple[int, str, datetime | None]]:
    """Return of each source that was asked: failures since its last success, the last error, that success."""
    c = feed_attempts.c
    here = (c.world == world, c.at <= at)
    good = _by_feed(
        conn.execute(select(c.feed, func.max(c.seq)).where(*here, c.outcome.in_(SUCCESSES)).group_by(c.feed))
    )
    last = _by_feed(conn.execute(select(c.feed, func.max(c.seq)).where(*here).group_by(c.feed)))
    times = {seq: when for seq, when in conn.execute(select(c.seq, c.at).where(c.seq.in_(good.values())))}
    rows = conn.execute(select(feed_attempts).where(c.seq.in_(last.values())))
    found: dict[str, tuple[int, str, datetime | None]] = {}
    for row in rows:
        since = good.get(row.feed, 0)
        failed = select(func.count()).where(*here, c.feed == row.feed, c.seq > since, c.outcome != "nothing")
        failures = int(conn.execute(failed).scalar_one())
        error = str(row.errors[0]) if failures and row.errors else ""
        before = found.get(row.source)
        told = (failures, error, times.get(since))
        found[row.source] = told if before is None or failures > before[0] else before
    return found


def _by_feed(rows: Iterable[Any]) -> dict[str, int]:
    return {feed: int(seq) for feed, seq in rows}
