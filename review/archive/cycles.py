"""Which cycles a world has had, by month, and which come before and after one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from pipeline.ledger.tables import runs
from pipeline.ledger.warning_tables import warning_events, warnings

_STAMP: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}Z")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Attempt:
    """One run of a cycle, without what it read and made."""

    id: str
    cycle: datetime
    as_of: datetime
    begun_at: datetime
    status: str
    is_current: bool
    degraded: str
    error: str


@dataclass(frozen=True)
class Cycle:
    """One cycle: the run that counts, how many there were, and how many texts were issued in it."""

    at: datetime
    run: Attempt
    attempts: int
    issued: int

    @property
    def stamp(self) -> str:
        """Return the cycle as it stands in an address."""
        return stamp_of(self.at)

    @property
    def health(self) -> str:
        """Return ``failed``, ``degraded`` or ``good``."""
        if self.run.status != "finished":
            return "failed"
        return "degraded" if self.run.degraded else "good"


def stamp_of(cycle: datetime) -> str:
    """Return a cycle as it stands in an address.

    >>> stamp_of(datetime(2019, 3, 5, 2, tzinfo=UTC))
    '2019-03-05T0200Z'
    """
    return f"{cycle:%Y-%m-%dT%H%MZ}"


def cycle_at(stamp: str) -> datetime | None:
    """Return the instant that an address names, or None.

    >>> cycle_at("2019-03-05T0200Z") == datetime(2019, 3, 5, 2, tzinfo=UTC), cycle_at("2019-13-05T0200Z")
    (True, None)
    """
    if not _STAMP.fullmatch(stamp):
        return None
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def months_of(conn: Connection, world: str, until: datetime | None) -> list[str]:
    """Return the months in which a world has cycles, the newest first, like ``2019-03`` [UTC]."""
    found = {f"{cycle:%Y-%m}" for cycle in conn.execute(_cycles(world, until).distinct()).scalars()}
    return sorted(found, reverse=True)


def month_asked(asked: str, there: Sequence[str]) -> str:
    """Return the month asked for, or the newest there is; empty where there is none.

    >>> month_asked("2019-02", ["2019-03", "2019-02"]), month_asked("never", ["2019-03"])
    ('2019-02', '2019-03')
    """
    return asked if _MONTH.fullmatch(asked) and asked in there else (there[0] if there else "")


def cycles_of(conn: Connection, world: str, month: str, until: datetime | None) -> list[Cycle]:
    """Return the cycles of a month, newest first."""
    if not month:
        return []
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    limit = end if until is None else min(end, until)
    found: dict[datetime, list[Attempt]] = {}
    for run in _attempts(conn, world, start, limit):
        found.setdefault(run.cycle, []).append(run)
    ends = [*sorted(found)[1:], limit]
    issued = {at: _issued(conn, world, at, after) for at, after in zip(sorted(found), ends, strict=True)}
    return [Cycle(at, _counts(found[at]), len(found[at]), issued[at]) for at in sorted(found, reverse=True)]


def neighbours(
    conn: Connection, world: str, cycle: datetime, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return the cycles before and after one, None at the ends."""
    there = _cycles(world, until).subquery()
    before = select(func.max(there.c.cycle)).where(there.c.cycle < cycle)
    after = select(func.min(there.c.cycle)).where(there.c.cycle > cycle)
    return conn.execute(before).scalar(), conn.execute(after).scalar()


def attempts_of(conn: Connection, world: str, cycle: datetime) -> list[Attempt]:
    """Return the runs of a cycle, the one that counts first; none where there was no such cycle."""
    found = _attempts(conn, world, cycle, cycle + timedelta(seconds=1))
    counting = _counts(found) if found else None
    return sorted(found, key=lambda run: (run != counting, run.id))


def by_day(cycles: Sequence[Cycle], zone: str) -> list[tuple[date, dict[int, Cycle]]]:
    """Return cycles by local day, newest first, and by the hour of their issue there."""
    found: dict[date, dict[int, Cycle]] = {}
    for one in cycles:
        local = one.at.astimezone(ZoneInfo(zone))
        found.setdefault(local.date(), {})[local.hour] = one
    return sorted(found.items(), reverse=True)


def _cycles(world: str, until: datetime | None) -> Select[tuple[datetime]]:
    found = select(runs.c.cycle).where(runs.c.world == world, runs.c.status != "running")
    return found if until is None else found.where(runs.c.cycle < until)


def _attempts(conn: Connection, world: str, start: datetime, end: datetime) -> list[Attempt]:
    c = runs.c
    columns = (c.id, c.cycle, c.as_of, c.begun_at, c.status, c.is_current, c.degraded, c.error)
    query = select(*columns).where(c.world == world, c.cycle >= start, c.cycle < end, c.status != "running")
    return [
        Attempt(r.id, r.cycle, r.as_of, r.begun_at, r.status, r.is_current, r.degraded or "", r.error or "")
        for r in conn.execute(query)
    ]


def _counts(attempts: Sequence[Attempt]) -> Attempt:
    """Return the run that counts: the current one, else the last finished, else the last."""
    return max(attempts, key=lambda run: (run.is_current, run.status == "finished", run.id))


def _issued(conn: Connection, world: str, start: datetime, end: datetime) -> int:
    e = warning_events.c
    here = select(warnings.c.id).where(warnings.c.world == world)
    query = select(func.count()).where(e.warning_id.in_(here), e.state == "issued", e.at >= start, e.at < end)
    return int(conn.execute(query).scalar() or 0)
