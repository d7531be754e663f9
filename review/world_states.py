"""How each world stands: its newest current run, its last attempt, and how many cycles it is behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pipeline.ledger.runs import RunRow, list_runs, newest_current_run
from pipeline.names import is_simulated
from pipeline.times import latest_cycle
from review.worlds import worlds

LATE_CYCLES = 2
"""From this many missing cycles on, the desk says that a world stands still."""


@dataclass(frozen=True)
class WorldState:
    """One world on the desk: its newest current run, its last attempt, and how many cycles it is behind."""

    world: str
    simulated: bool
    current: RunRow | None
    last: RunRow
    cycles_behind: int

    @property
    def health(self) -> str:
        """Return ``failed``, ``late``, ``degraded`` or ``good``; a simulated world is never late."""
        if self.last.status == "failed":
            return "failed"
        if self.cycles_behind >= LATE_CYCLES and not self.simulated:
            return "late"
        return "degraded" if self.last.degraded else "good"


def world_states(conn: Connection, now: datetime) -> list[WorldState]:
    """Return every world that has runs, measured first."""
    states = []
    for world in worlds(conn):
        last = list_runs(conn, world, 1)[0]
        current = newest_current_run(conn, world)
        done = current.cycle if current else last.cycle
        behind = int((latest_cycle(now) - done).total_seconds() // (6 * 3600))
        states.append(WorldState(world, is_simulated(world), current, last, max(behind, 0)))
    return sorted(states, key=lambda state: (state.simulated, state.world))
