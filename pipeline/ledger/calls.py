"""How many requests a service has had in each period it counts, and until when it is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select, update

from pipeline.ledger.source_tables import source_calls, source_stops

if TYPE_CHECKING:
    from pipeline.http import Limits


class Period(NamedTuple):
    """One period a service counts: its kind, label, how many requests it may hold, and its end [UTC]."""

    kind: str
    label: str
    allowed: int
    until: datetime


class Stop(NamedTuple):
    """A service that is left alone: until when [UTC] and why."""

    until: datetime
    reason: str


def next_midnight(zone: str, now: datetime) -> datetime:
    """Return when the next local day begins [UTC].

    >>> next_midnight("Asia/Seoul", datetime(2025, 3, 1, 16, tzinfo=UTC)).isoformat()
    '2025-03-02T15:00:00+00:00'
    """
    local = now.astimezone(ZoneInfo(zone))
    tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), ZoneInfo(zone))
    return tomorrow.astimezone(UTC)


def periods(limits: Limits, now: datetime) -> list[Period]:
    """Return the periods that hold an instant, of those that the service limits.

    >>> from pipeline.http import Limits
    >>> [p.label for p in periods(Limits(per_minute=60, per_day=9), datetime(2025, 3, 1, 7, 5, tzinfo=UTC))]
    ['minute 2025-03-01T07:05', 'day 2025-03-01']
    """
    utc = now.astimezone(UTC)
    minute, hour = utc.replace(second=0, microsecond=0), utc.replace(minute=0, second=0, microsecond=0)
    midnight = next_midnight(limits.zone, now)
    found = [
        ("minute", f"{minute:%Y-%m-%dT%H:%M}", limits.per_minute, minute + timedelta(minutes=1)),
        ("hour", f"{hour:%Y-%m-%dT%H}", limits.per_hour, hour + timedelta(hours=1)),
        ("day", f"{now.astimezone(ZoneInfo(limits.zone)):%Y-%m-%d}", limits.per_day, midnight),
    ]
    return [
        Period(kind, f"{kind} {at}", allowed, until)
        for kind, at, allowed, until in found
        if allowed is not None
    ]


def count_call(conn: Connection, source: str, limits: Limits, now: datetime) -> Period | None:
    """Count one request that is about to be made; if a period is full, count nothing and return it.

    Must run in a writing transaction, so that two processes never share the last request.
    """
    wanted = periods(limits, now)
    conn.execute(delete(source_calls).where(source_calls.c.source == source, source_calls.c.until <= now))
    held = _used(conn, source, wanted, lock=True)
    full = [p for p in wanted if held.get(p.label, 0) >= p.allowed]
    if full:
        return max(full, key=lambda p: p.until)
    for period in wanted:
        place = (source_calls.c.source == source, source_calls.c.period == period.label)
        if period.label in held:
            conn.execute(update(source_calls).where(*place).values(used=held[period.label] + 1))
        else:
            values = {"source": source, "period": period.label, "used": 1, "until": period.until}
            conn.execute(insert(source_calls).values(**values))
    return None


def uncount_call(conn: Connection, source: str, limits: Limits, at: datetime) -> None:
    """Take back a request counted at an instant that never left."""
    labels = [period.label for period in periods(limits, at)]
    c = source_calls.c
    place = (c.source == source, c.period.in_(labels), c.used > 0)
    conn.execute(update(source_calls).where(*place).values(used=c.used - 1))


def quota_left(conn: Connection, source: str, limits: Limits, now: datetime) -> dict[str, int]:
    """Return how many requests are left now, by ``minute``, ``hour`` and ``day`` as the service limits them.

    A period in which the service itself has told us to stop counts as spent.
    """
    wanted = periods(limits, now)
    held = _used(conn, source, wanted)
    stop = stopped(conn, source, now)
    return {
        p.kind: 0 if stop is not None and stop.until >= p.until else max(p.allowed - held.get(p.label, 0), 0)
        for p in wanted
    }


def _used(conn: Connection, source: str, wanted: list[Period], *, lock: bool = False) -> dict[str, int]:
    c = source_calls.c
    query = select(c.period, c.used).where(c.source == source, c.period.in_([p.label for p in wanted]))
    return {label: used for label, used in conn.execute(query.with_for_update() if lock else query)}


def stopped(conn: Connection, source: str, now: datetime) -> Stop | None:
    """Return the stop that holds at an instant, if any."""
    c = source_stops.c
    row = conn.execute(select(c.until, c.reason).where(c.source == source, c.until > now)).first()
    return None if row is None else Stop(*row)


def record_stop(conn: Connection, source: str, stop: Stop) -> None:
    """Leave a service alone until an instant; a stop that holds longer stays."""
    c = source_stops.c
    held = conn.execute(select(c.until).where(c.source == source).with_for_update()).scalar()
    if held is None:
        conn.execute(insert(source_stops).values(source=source, until=stop.until, reason=stop.reason))
    elif held < stop.until:
        conn.execute(
            update(source_stops).where(c.source == source).values(until=stop.until, reason=stop.reason)
        )
