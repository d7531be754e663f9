"""Running cycles and steps for whoever drives them: through the Prefect flow, each cycle once."""

from __future__ import annotations

from datetime import datetime

from alerts.content import WarningContent
from alerts.delivery import DeliveryReport
from alerts.outbox import Issued
from flows.issue import deliver, issue_approved
from flows.plan import CyclePlan
from flows.runtime import prepare_prefect
from flows.signing import world_time
from flows.workspace import Workspace, reporter
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import list_versions
from pipeline.names import is_simulated


def run_cycle(ws: Workspace, plan: CyclePlan, *, again: bool = False) -> bool:
    """Run a cycle through the Prefect flow; True when it was done before and only the outbox was looked at.

    What stands in the outbox is sent in either case, so a run killed between issuing and sending is
    completed by the next call.
    """
    with ws.ledger.read() as conn:
        before = current_run(conn, plan.world, plan.cycle)
    if before is not None and not again:
        finish_cycle(ws, plan)
        return True
    prepare_prefect(ws.settings.data_dir)
    tell = reporter.get()
    tell("starting Prefect", 0, 1)
    from flows.cycle import cycle_flow

    tell("starting Prefect", 1, 1)
    cycle_flow(plan.to_dict(), str(ws.settings.data_dir.resolve()))
    return False


def finish_cycle(ws: Workspace, plan: CyclePlan) -> None:
    """Complete what a killed run may have left: propose, sign the drill, issue, write the page, deliver."""
    from flows.assess import propose_warnings
    from flows.bulletin import bulletin_path, write_bulletin
    from flows.signing import approve_drill

    with ws.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    if run is None:
        return
    if not bulletin_path(ws, run).exists():
        propose_warnings(ws, run.id)
        if plan.drill:
            approve_drill(ws, plan.world, plan.as_of)
        issue_approved(ws, plan.world, plan.as_of)
        write_bulletin(ws, run.id)
    present = ws.clock if plan.mode == "live" and not plan.drill else lambda: plan.as_of
    deliver(ws, plan.world, present)


def issue_everywhere(ws: Workspace, world: str | None = None) -> list[Issued]:
    """Issue what is fully approved in one world or in all, each in its own time."""
    done: list[Issued] = []
    for name in worlds_with_warnings(ws, world):
        done += issue_approved(ws, name, present_of(ws, name))
    return [one for one in done if one.is_new]


def deliver_everywhere(ws: Workspace, world: str | None = None) -> DeliveryReport:
    """Send what stands in the outbox, of one world or of all, each in its own time."""
    total = DeliveryReport()
    for name in worlds_with_warnings(ws, world):
        present = present_of(ws, name)
        report = deliver(ws, name, lambda present=present: present)  # type: ignore[misc]
        total.sent += report.sent
        total.deferred += report.deferred
        total.failed += report.failed
        total.unknown += report.unknown
        total.down = total.down or report.down
    return total


def worlds_with_warnings(ws: Workspace, world: str | None) -> list[str]:
    """Return the worlds that have warnings, or the one given."""
    if world is not None:
        return [world]
    with ws.ledger.read() as conn:
        return sorted({str(v.content["world"]) for v in list_versions(conn, limit=10_000)})


def present_of(ws: Workspace, world: str) -> datetime:
    """Return the present of a world: the clock where anything is Actual, else that of its newest warning."""
    with ws.ledger.read() as conn:
        contents = [WarningContent.from_dict(v.content) for v in list_versions(conn, world, limit=500)]
    now = ws.clock()
    if not is_simulated(world) and any(c.cap_status == "Actual" for c in contents):
        return now
    return max((world_time(c, now) for c in contents), default=now)
