"""Running cycles for whoever drives them: through the Prefect flow, each once, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.leg_diary import died_in
from flows.legs import left_out_of, unassessed_of
from flows.plan import CyclePlan
from flows.runtime import await_server, begin_server
from flows.steps import Steps
from flows.workspace import Workspace, reporter
from pipeline.errors import StorageError
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.runs import RunRow, count_no_longer, current_run, fail_run, list_runs

LONGEST_CYCLE = 3600
"""How long to wait for another process that runs a cycle of the same world [s]."""


def run_cycle(ws: Workspace, plan: CyclePlan, *, again: bool = False) -> bool:
    """Run a cycle through the Prefect flow; True when it was done before and was only looked after.

    What a killed run left undone is done in either case: drafts, signatures of a drill, issuing, the page,
    and what stands in the outbox. A run that left a city out is made anew.
    """
    with cycle_lock(ws, plan.world):
        with ws.ledger.read() as conn:
            before = current_run(conn, plan.world, plan.cycle)
        if before is not None and not again and not left_out_of(before):
            finish_cycle(ws, plan, before)
            return True
        if again:
            with ws.ledger.write() as conn:
                count_no_longer(conn, plan.world, plan.cycle)
        begin_server(ws.settings.data_dir)
        tell = reporter.get()
        tell("starting Prefect", 0, 1)
        from flows.cycle import cycle_flow

        await_server()
        tell("starting Prefect", 1, 1)
        cycle_flow(plan.to_dict(), str(ws.settings.data_dir.resolve()))
    return False


def finish_cycle(ws: Workspace, plan: CyclePlan, run: RunRow) -> None:
    """Complete what a killed run may have left; where nothing is missing, nothing changes."""
    from flows.bulletin import bulletin_path, write_bulletin
    from flows.delivering import deliver
    from flows.issue import issue_approved
    from flows.signing import approve_drill, drafts_of_drill
    from flows.worlds import present_of

    page = bulletin_path(ws, run)
    begun = not page.exists() or bool(unassessed_of(ws, run))
    if begun:
        from flows.assess import propose_warnings

        propose_warnings(ws, run.id)
    if plan.drill:
        approve_drill(ws, drafts_of_drill(ws, plan.world, plan.cycle), plan.as_of)
    present = present_of(ws, plan.world)
    issued = issue_approved(ws, plan.world, present)
    steps = Steps()
    if any(one.is_new for one in issued) or begun:
        with steps.tried("the bulletin"):
            write_bulletin(ws, run.id)
    deliver(ws, plan.world, ws.clock if plan.mode == "live" and not plan.drill else lambda: present)
    steps.settle()


@contextmanager
def cycle_lock(ws: Workspace, world: str) -> Iterator[None]:
    """Let one process of this ledger at a time run cycles of a world; a dead holder's lock is freed.

    Who holds it knows that no run of this world is under way; those that seem to be are marked as failed.

    Raises
    ------
    StorageError
        another process has held it for LONGEST_CYCLE
    """
    try:
        with ledger_lock(ws.ledger, f"cycle {world}", wait_s=LONGEST_CYCLE):
            _mark_killed_runs(ws, world)
            yield
    except LockHeld:
        raise StorageError(f"another process has long been running {world}; wait for it or end it") from None


def _mark_killed_runs(ws: Workspace, world: str) -> None:
    with ws.ledger.read() as conn:
        killed = [run for run in list_runs(conn, world, limit=100) if run.status == "running"]
    if killed:
        with ws.ledger.write() as conn:
            for run in killed:
                while_at = f" while {where}" if (where := died_in(run)) else ""
                fail_run(conn, run.id, at=ws.clock(), error=f"its process ended before it did{while_at}")
