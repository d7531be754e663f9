"""One cycle as a Prefect flow: each task wraps one tested function and can be repeated alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task

from flows.assess import propose_warnings
from flows.bulletin import write_bulletin
from flows.delivering import deliver
from flows.exchange import exchange_if_party
from flows.forecast import forecast_cycle
from flows.ingest import ingest, trouble_with
from flows.issue import issue_approved
from flows.plan import CyclePlan
from flows.signing import approve_drill, drafts_of_drill
from flows.steps import Steps
from flows.workspace import Workspace, open_workspace
from flows.worlds import present_of
from pipeline.errors import SameairError
from pipeline.settings import Settings
from pipeline.times import Clock, iso, system_clock

Plain = dict[str, Any]


@contextmanager
def workspace_at(data_dir: str) -> Iterator[Workspace]:
    """Open the workspace of a data folder for one task; every other setting comes from the environment."""
    ws = open_workspace(Settings(data_dir=Path(data_dir)))
    try:
        yield ws
    finally:
        ws.ledger.close()


def whole_second(clock: Clock) -> datetime:
    """Wait for the next whole second and return it, so that what was just received lies before it.

    >>> from datetime import UTC
    >>> whole_second(lambda: datetime(2026, 1, 1, 0, 0, 0, 999_000, tzinfo=UTC)).isoformat()
    '2026-01-01T00:00:01+00:00'
    """
    now = clock()
    then = now.replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((then - now).total_seconds())
    return then


@task(name="ingest", retries=2, retry_delay_seconds=5)
def ingest_task(plan: Plain, data_dir: str) -> list[Plain]:
    """Take in every source; returns what each gave."""
    with workspace_at(data_dir) as ws:
        found = ingest(ws, CyclePlan.from_dict(plan))
    for report in found:
        for error in report.errors:
            get_run_logger().warning("source failed: %s", error)
    return [
        {"source": r.source, "rows": r.rows, "errors": list(r.errors), "trouble": trouble_with(r)}
        for r in found
    ]


@task(name="forecast")
def forecast_task(plan: Plain, troubles: list[str], data_dir: str) -> str:
    """Snapshot and forecast; returns the run's id."""
    with workspace_at(data_dir) as ws:
        return forecast_cycle(ws, CyclePlan.from_dict(plan), troubles)


@task(name="propose")
def propose_task(run_id: str, data_dir: str) -> list[str]:
    """Assess and propose; returns what was decided, in words."""
    with workspace_at(data_dir) as ws:
        proposal, _ = propose_warnings(ws, run_id)
    return list(proposal.notes)


@task(name="drill")
def drill_task(plan: Plain, data_dir: str) -> int:
    """Approve the drafts of a drill for both parties; returns how many."""
    wanted = CyclePlan.from_dict(plan)
    with workspace_at(data_dir) as ws:
        drafts = drafts_of_drill(ws, wanted.world, wanted.cycle)
        approve_drill(ws, drafts, wanted.as_of)
    return len(drafts)


@task(name="issue")
def issue_task(plan: Plain, data_dir: str) -> int:
    """Issue what is fully approved; returns how many versions are new."""
    wanted = CyclePlan.from_dict(plan)
    with workspace_at(data_dir) as ws:
        done = issue_approved(ws, wanted.world, wanted.as_of)
    return sum(1 for one in done if one.is_new)


@task(name="bulletin")
def bulletin_task(run_id: str, data_dir: str) -> str:
    """Write the run's page; returns its path."""
    with workspace_at(data_dir) as ws:
        return str(write_bulletin(ws, run_id))


@task(name="deliver", retries=3, retry_delay_seconds=20)
def deliver_task(plan: Plain, data_dir: str) -> Plain:
    """Send what stands in the outbox; returns counts."""
    wanted = CyclePlan.from_dict(plan)
    with workspace_at(data_dir) as ws:
        present = present_of(ws, wanted.world)
        clock = system_clock if wanted.mode == "live" and not wanted.drill else lambda: present
        report = deliver(ws, wanted.world, clock)
    return {"sent": len(report.sent), "deferred": len(report.deferred), "failed": len(report.failed)}


@task(name="exchange")
def exchange_task(data_dir: str) -> list[str]:
    """Run a round of the exchange with the other nodes; what fails of it never stops a cycle."""
    try:
        with workspace_at(data_dir) as ws:
            report = exchange_if_party(ws)
    except SameairError as error:
        get_run_logger().warning("exchange failed: %s", error)
        return [str(error)]
    return [peer.line for peer in report.peers] if report else []


@flow(name="sameair-cycle", retries=0, log_prints=False)
def cycle_flow(plan: Plain, data_dir: str) -> Plain:
    """Run one cycle from sources to outbox; a drill is approved here, anything else waits for people.

    What was approved before is issued and sent whatever became of the steps before; the first failure is
    raised at the end.
    """
    steps, notes, issued, bulletin, delivered = Steps(), list[str](), 0, "", dict[str, Any]()
    has_peers = bool(Settings(data_dir=Path(data_dir)).party)
    if has_peers:
        exchange_task(data_dir)
    sources = ingest_task(plan, data_dir)
    if plan["mode"] == "live":
        plan = {**plan, "as_of": iso(whole_second(system_clock))}
    run_id = ""
    with steps.tried("the forecast"):
        run_id = forecast_task(plan, [s["trouble"] for s in sources if s["trouble"]], data_dir)
        notes = propose_task(run_id, data_dir)
        if plan["drill"]:
            drill_task(plan, data_dir)
    with steps.tried("issuing"):
        issued = issue_task(plan, data_dir)
    if has_peers:
        exchange_task(data_dir)
    with steps.tried("the bulletin"):
        bulletin = bulletin_task(run_id, data_dir) if run_id else ""
    with steps.tried("sending"):
        delivered = deliver_task(plan, data_dir)
    steps.settle()
    return {
        "run": run_id,
        "sources": sources,
        "notes": notes,
        "issued": issued,
        "bulletin": bulletin,
        "delivered": delivered,
    }
