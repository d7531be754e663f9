"""Which interval ends each feed has answered, when, and which can no longer be had."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.sql.expression import bindparam

from pipeline.ledger.source_tables import asked_hours, source_gaps

Hour = tuple[str, datetime]
"""A unit of a feed (a station, or empty: the whole feed) and an instant of its grid."""

_NEXT: Final = timedelta(microseconds=1)
FEW: Final = 100
"""So many units are looked up by name; where there are more, all are read."""


@dataclass(frozen=True)
class Gap:
    """One interval end that is gone for good."""

    feed: str
    unit: str
    hour: datetime
    noticed_at: datetime


def read_answered(
    conn: Connection, world: str, feed: str, after: datetime, units: Collection[str] | None = None
) -> dict[Hour, datetime]:
    """Return when each instant later than ``after`` was last answered, of some units or all."""
    query = select(asked_hours.c.unit, asked_hours.c.hour, asked_hours.c.asked_at)
    query = query.where(*_scope(asked_hours, world, feed), asked_hours.c.hour > after)
    if units is not None:
        query = query.where(asked_hours.c.unit.in_(units))
    return {(unit, hour): at for unit, hour, at in conn.execute(query)}


def mark_answered(conn: Connection, world: str, feed: str, hours: Iterable[Hour], at: datetime) -> None:
    """Remember that instants were answered at ``at``; a later answer that is known already stays."""
    wanted = set(hours)
    if not wanted:
        return
    units = {unit for unit, _ in wanted}
    since = min(hour for _, hour in wanted) - _NEXT
    known = read_answered(conn, world, feed, since, units if len(units) <= FEW else None)
    new = [{"unit": u, "hour": h, "asked_at": at} for u, h in wanted if (u, h) not in known]
    older = [{"u": u, "h": h, "at": at} for u, h in wanted if (u, h) in known and known[u, h] < at]
    if new:
        conn.execute(insert(asked_hours), [{"world": world, "feed": feed, **row} for row in new])
    if older:
        same = (asked_hours.c.unit == bindparam("u")) & (asked_hours.c.hour == bindparam("h"))
        change = update(asked_hours).where(*_scope(asked_hours, world, feed), same)
        conn.execute(change.values(asked_at=bindparam("at")), older)


def first_known(conn: Connection, world: str, feed: str) -> dict[str, datetime]:
    """Return of each unit the oldest instant that is on record, answered or gone."""
    found: dict[str, datetime] = {}
    for table in (asked_hours, source_gaps):
        query = select(table.c.unit, func.min(table.c.hour)).where(*_scope(table, world, feed))
        for unit, hour in conn.execute(query.group_by(table.c.unit)):
            found[unit] = min(hour, found.get(unit, hour))
    return found


def forget_answered(conn: Connection, world: str, feed: str, until: datetime) -> None:
    """Forget answers about instants up to ``until``, which nobody will ask for again."""
    old = delete(asked_hours).where(*_scope(asked_hours, world, feed), asked_hours.c.hour <= until)
    conn.execute(old)


def note_gaps(conn: Connection, world: str, feed: str, hours: Iterable[Hour], at: datetime) -> list[Hour]:
    """Record instants that are gone for good; return those that were not on record before."""
    wanted = set(hours)
    if not wanted:
        return []
    query = select(source_gaps.c.unit, source_gaps.c.hour).where(*_scope(source_gaps, world, feed))
    query = query.where(source_gaps.c.hour >= min(hour for _, hour in wanted))
    new = sorted(wanted - {(unit, hour) for unit, hour in conn.execute(query)})
    if new:
        row = {"world": world, "feed": feed, "noticed_at": at}
        conn.execute(insert(source_gaps), [{**row, "unit": unit, "hour": hour} for unit, hour in new])
    return new


def list_gaps(conn: Connection, world: str, noticed_after: datetime) -> list[Gap]:
    """Return what was noticed to be gone for good since an instant, oldest first."""
    c = source_gaps.c
    query = select(c.feed, c.unit, c.hour, c.noticed_at)
    query = query.where(c.world == world, c.noticed_at > noticed_after).order_by(c.feed, c.unit, c.hour)
    return [Gap(*row) for row in conn.execute(query)]


def _scope(table: Any, world: str, feed: str) -> tuple[Any, Any]:
    """Return the conditions that pick one feed of one world."""
    return table.c.world == world, table.c.feed == feed
