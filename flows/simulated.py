"""Planning a cycle of a simulated world: its present is part of the world, not of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flows.plan import CyclePlan, world_name
from flows.workspace import Workspace
from pipeline.ledger.runs import newest_current_run

SNAPSHOT = timedelta(minutes=20)
"""When a simulated cycle takes its snapshot, after the issue; the services have then published the hour."""


def plan_simulated(
    ws: Workspace,
    seed: int,
    quiet_season: bool,
    *,
    drill: bool,
    meanwhile: Callable[[], None] = lambda: None,
) -> CyclePlan:
    """Plan the cycle at which a simulated world stands; one that ran already is found in the ledger.

    Two worlds of different seeds stand at different instants, chosen when they are made; ``meanwhile`` is
    called before a world is made, which takes a while.
    """
    name = world_name(seed, quiet_season)
    with ws.ledger.read() as conn:
        before = newest_current_run(conn, name)
    if before is not None:
        cycle = before.cycle
    else:
        from flows.ingest import simulated_world

        meanwhile()
        cycle = simulated_world(seed, quiet_season).end
    return CyclePlan(name, cycle, cycle + SNAPSHOT, "simulated", drill, seed, quiet_season)
