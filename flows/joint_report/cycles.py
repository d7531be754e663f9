"""How punctual the cycles of a period were, from the ledger of runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from flows.joint_report.warned import spread
from flows.verification_sources import LIVE_WITHIN
from flows.workspace import Workspace
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.ledger.tables import runs
from pipeline.times import cycles_between

Plain = dict[str, Any]
MANY: Final = 1_000_000


def runs_in(ws: Workspace, world: str, start: datetime, end: datetime) -> list[RunRow]:
    """Return the runs of the cycles of [start, end), by cycle."""
    with ws.ledger.read() as conn:
        there = conn.execute(select(runs.c.id).where(runs.c.world == world).limit(1)).first()
        rows = list_runs(conn, world, limit=MANY, until=end) if there else []
    return sorted((r for r in rows if start <= r.cycle < end), key=lambda r: (r.cycle, r.begun_at))


def cycles_of(rows: list[RunRow], start: datetime, end: datetime) -> Plain:
    """Return how many cycles were due, forecast, live, degraded or not there, and how long they took [min].

    Live is a forecast whose run began within six hours of its cycle; only of these is punctuality told.
    """
    due = cycles_between(start, end)
    current = {r.cycle: r for r in rows if r.is_current and r.status == "finished"}
    live = [r for r in current.values() if timedelta(0) <= r.begun_at - r.cycle <= LIVE_WITHIN]
    took = [(r.ended_at - r.cycle).total_seconds() / 60 for r in live if r.ended_at is not None]
    return {
        "due": len(due),
        "forecast": len(current),
        "live": len(live),
        "degraded": sum(bool(r.degraded) for r in current.values()),
        "failed": sum(r.status == "failed" for r in rows),
        "without": [f"{at:%Y-%m-%dT%H:%MZ}" for at in due if at not in current] if current else [],
        "after_cycle": spread(took),
    }
