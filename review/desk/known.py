"""What the ledger of a world said at an instant: its present, its runs, and the versions of its warnings.

Everything is append-only and carries the instant in its world's own time, so that the same reading gives the
desk of now and of any past cycle.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from alerts.versions import IN_FORCE, OPEN
from pipeline.ledger.runs import RunRow
from pipeline.ledger.source_tables import feed_attempts
from pipeline.ledger.tables import audit_head, batches, runs
from pipeline.ledger.warning_tables import warning_events, warning_versions, warnings
from pipeline.ledger.warnings import VersionRow
from pipeline.names import is_simulated


@dataclass(frozen=True)
class Present:
    """The instant that a desk shows; ``own_time`` if the world plays in its own time, which stands still."""

    at: datetime
    own_time: bool


def present_of(conn: Connection, world: str, now: datetime, as_of: datetime | None = None) -> Present:
    """Return the instant at which a world is looked at: ``as_of``, else its present.

    A simulated world, and a replay of past measurements, stand at their newest snapshot, text or decision (a
    replay never past the clock); a live world goes with the clock.
    """
    if as_of is not None:
        return Present(as_of, own_time=True)
    query = select(runs.c.as_of, runs.c.inputs).where(runs.c.world == world, runs.c.status == "finished")
    newest = conn.execute(query.order_by(runs.c.as_of.desc(), runs.c.id.desc()).limit(1)).one_or_none()
    plan = ((newest.inputs or {}).get("plan") or {}) if newest is not None else {}
    plays = is_simulated(world) or plan.get("mode", "live") != "live"
    if newest is None or not plays:
        return Present(now, own_time=False)
    last = max([newest.as_of, *_newest_texts(conn, world)])
    return Present(last if is_simulated(world) else min(last, now), own_time=True)


def _newest_texts(conn: Connection, world: str) -> list[datetime]:
    """Return when something was last written or decided about a warning of a world, if ever."""
    e, here = warning_events.c, select(warnings.c.id).where(warnings.c.world == world)
    found = conn.execute(select(func.max(e.at)).where(e.warning_id.in_(here))).scalar()
    return [found] if found is not None else []


def current_of_each_cycle(known: Collection[RunRow]) -> list[RunRow]:
    """Return the run that counts of every cycle, newest first: the current one, else the last finished."""
    chosen: dict[datetime, RunRow] = {}
    for row in known:
        if row.status == "finished" and (row.cycle not in chosen or row.is_current):
            chosen[row.cycle] = row
    return [chosen[cycle] for cycle in sorted(chosen, reverse=True)]


def versions_known(conn: Connection, world: str, at: datetime) -> list[VersionRow]:
    """Return the versions that waited for a decision or were in force at an instant, as they then stood."""
    e, v = warning_events.c, warning_versions.c
    here = select(warnings.c.id).where(warnings.c.world == world)
    last = (
        select(e.warning_id, e.version, func.max(e.step).label("step"))
        .where(e.at <= at, e.warning_id.in_(here))
        .group_by(e.warning_id, e.version)
        .subquery()
    )
    same = and_(e.warning_id == last.c.warning_id, e.version == last.c.version, e.step == last.c.step)
    query = select(e.warning_id, e.version, e.state).select_from(warning_events.join(last, same))
    states = {(w, n): s for w, n, s in conn.execute(query.where(e.state.in_([*OPEN, *IN_FORCE])))}
    found = []
    for (warning_id, number), state in sorted(states.items()):
        where = (v.warning_id == warning_id, v.version == number, v.at <= at)
        row = conn.execute(
            select(warning_versions).where(*where).order_by(v.revision.desc()).limit(1)
        ).one_or_none()
        if row is not None:
            values: dict[str, Any] = dict(row._mapping)
            text = values.pop("content")
            found.append(VersionRow(content=json.loads(text), content_text=text, state=state, **values))
    return found


def ledger_mark(conn: Connection) -> tuple[object, ...]:
    """Return what changes whenever the ledger says something new: cheap to read, and never by time alone."""
    asked = (
        select(func.max(audit_head.c.seq)),
        select(func.max(batches.c.seq)),
        select(func.max(runs.c.id)),
        select(func.max(runs.c.ended_at)),
        select(func.max(feed_attempts.c.seq)),
    )
    return tuple(conn.execute(one).scalar() for one in asked)
