"""Old runs of which files may go: those that no warning and no episode names."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from pipeline.ledger.source_tables import forecast_files
from pipeline.ledger.tables import runs
from pipeline.ledger.warning_tables import episode_revisions, warning_versions


@dataclass(frozen=True)
class OldRun:
    """A run by what its folder is named after."""

    id: str
    world: str
    cycle: datetime


def old_runs(conn: Connection, age: timedelta, now: datetime, states: Collection[str]) -> list[OldRun]:
    """Return the runs of some states begun longer ago than an age, less those that must stay whole.

    The age counts from the newest run of the world, or from now where that is earlier: a simulated world, and
    a node that stood still, lose nothing.
    """
    kept = named_runs(conn)
    c, found = runs.c, list[OldRun]()
    newest = conn.execute(select(c.world, func.max(c.begun_at)).group_by(c.world)).all()
    for world, last in sorted(newest):
        query = select(c.id, c.world, c.cycle).where(
            c.world == world, c.begun_at < min(now, last) - age, c.status.in_(states)
        )
        found += [OldRun(*row) for row in conn.execute(query.order_by(c.id)) if row.id not in kept]
    return found


def named_runs(conn: Connection) -> set[str]:
    """Return the runs that a version of a warning or a revision of an episode names."""
    judged = {row.run_id for row in conn.execute(select(episode_revisions.c.run_id).distinct())}
    texts = conn.execute(select(warning_versions.c.content).execution_options(yield_per=200))
    return judged | {str(json.loads(row.content).get("run_id", "")) for row in texts}


def old_fields(conn: Connection, world: str, source: str, before: datetime) -> list[str]:
    """Return the paths of the listed forecasts of a source that speak of no time from an instant on."""
    c = forecast_files.c
    query = select(c.path).where(c.world == world, c.source == source, c.last_time < before)
    return sorted(row.path for row in conn.execute(query))
