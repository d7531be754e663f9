"""What each flow of the timetable does, as plain functions; Prefect's flows and the tests call the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.delivery import DeliveryReport
from alerts.outbox import Issued
from flows.exchange import exchange_if_party
from flows.hearing import hear_before_deadline
from flows.hour import take_hour
from flows.job_data import wait_for_data
from flows.jobs import Do
from flows.legs import LegFailed, lacking_legs
from flows.plan import plan_measured
from flows.recheck import keep_timetable
from flows.run import run_cycle
from flows.steps import Steps
from flows.timetable import Entry
from flows.upkeep import compact_store, repair_store
from flows.verification_kept import keep_runs_if_due
from flows.workspace import Workspace
from flows.worlds import deliver_everywhere, issue_everywhere
from pipeline.errors import UsageError
from pipeline.ledger.runs import current_run
from pipeline.names import MEASURED

Plain = dict[str, Any]
EPISODES_BACK: Final = timedelta(days=30)
DAY: Final = timedelta(days=1)


def do_cycle(ws: Workspace, entry: Entry, nominal: datetime) -> Plain:
    """Run the cycle once its data are there, or at its deadline without them.

    A city that was left out fails the job after everything else was issued and sent, so that the operator is
    told and the city made up for by the attempts that follow.
    """
    lacking = wait_for_data(ws, entry, nominal)
    plan = plan_measured(None, ws.clock(), drill=False)
    if plan.cycle != nominal:
        return {"left": "overtaken by the next cycle, which sees all that this one would have seen"}
    was_there = run_cycle(ws, plan)
    with ws.ledger.read() as conn:
        run = current_run(conn, MEASURED, nominal)
    if run is not None and (lacks := lacking_legs(ws, run)):
        raise LegFailed(f"the others are done, but {lacks}")
    return {
        "run": run.id if run else "",
        "degraded": run.degraded if run else "",
        "was_there": was_there,
        "not_waited_for": lacking,
    }


def do_ingest(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Ask the live sources; one that fails is told by its health and does not fail the hour."""
    found = take_hour(ws)
    return {"rows": sum(r.rows for r in found), "failed": sorted({r.source for r in found if r.errors})}


def do_post(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Draw the consequences of decisions and deadlines, and send what waits.

    Where a joint text's deadline is at hand the other node is heard first.
    """
    steps, issued, report = Steps(), list[Issued](), DeliveryReport()
    with steps.tried("hearing the other node"):
        hear_before_deadline(ws)
    with steps.tried("issuing"):
        issued = issue_everywhere(ws)
    with steps.tried("looking at drafts again"):
        keep_timetable(ws, MEASURED)
    with steps.tried("sending"):
        report = deliver_everywhere(ws)
    steps.settle()
    return {"issued": len(issued), "sent": len(report.sent), "down": report.down}


def do_exchange(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Run a round with the other nodes, if this one speaks for one party."""
    report = exchange_if_party(ws)
    return {"peers": [peer.line for peer in report.peers] if report else []}


def do_verification(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Score the stored runs for the page unless it was done today; write the joint reports that are due."""
    from flows.joint_report.due import reports_if_due

    scored = keep_runs_if_due(ws, MEASURED, ws.clock()) is not None
    return {"scored": scored, "reports": reports_if_due(ws, ws.clock())}


def do_upkeep(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Remove what killed writers left and what is past its age, merge, build dossiers of ended episodes."""
    from flows.dossier import build_due
    from flows.retention import prune, retention_rules

    repaired, merged = repair_store(ws), compact_store(ws)
    missing = [path for row in repaired for path in row["missing"]]
    if missing:
        raise UsageError(f"{len(missing)} listed batches are gone, first {missing[0]}; restore them")
    now, aged = ws.clock(), prune(ws, retention_rules(), dry_run=False)
    return {
        "aged": sum(row["removed"] for row in aged),
        "removed": sum(row["removed"] for row in repaired),
        "merged": sum(row["merged"] for row in merged),
        "dossiers": len(build_due(ws, MEASURED, now - EPISODES_BACK, now)),
    }


def do_backup(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Back everything up to where the settings say, and let older backups go."""
    from flows.backup.keeping import Keep
    from flows.backup.making import make_backup

    if not ws.settings.backup_to:
        return {"left": "SAMEAIR_BACKUP_TO names no place for backups"}
    made = make_backup(ws, ws.settings.backup_to, Keep(*ws.settings.backup_keep))
    return {
        "backup": made.manifest.id,
        "files": len(made.manifest.files),
        "bytes": made.manifest.size,
        "new_bytes": made.new_bytes,
        "removed": len(made.removed),
    }


def do_outlook(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Draft the weekly outlook that is due within a day, while the season's mode is in force."""
    from flows.outlook import build_outlook
    from pipeline.season import calendar_of

    now, calendar = ws.clock(), calendar_of(ws.settings.season_file)
    due = calendar.rhythm.outlook_due(now + DAY)
    if due <= now or not calendar.active_at(due):
        return {"left": "no outlook is due within a day"}
    drafted = build_outlook(ws, MEASURED)
    return {"outlook": drafted.subject, "version": drafted.version}


def do_retraining(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Train anew on what has been received; the gate decides whether the new models forecast."""
    from flows.retraining import retrain

    if MEASURED not in ws.store.worlds():
        return {"left": "nothing is stored to learn from"}
    done = retrain(ws, MEASURED)
    return {
        "models": [{"quantity": r.quantity, "id": r.model_id, "role": r.role, "why": r.why} for r in done]
    }


def do_links(ws: Workspace, _entry: Entry, _nominal: datetime) -> Plain:
    """Measure the links between the cities on what has been received."""
    from flows.assess import policy_of
    from flows.links import measure_links

    if MEASURED not in ws.store.worlds():
        return {"left": "nothing is stored to measure on"}
    try:
        found = measure_links(ws, MEASURED, policy_of(ws), ws.clock().replace(microsecond=0))
    except UsageError as error:
        return {"left": str(error)}
    return {"links": len(found)}


DUTIES: Final[Mapping[str, Do]] = {
    "cycle": do_cycle,
    "ingest": do_ingest,
    "post": do_post,
    "exchange": do_exchange,
    "verification": do_verification,
    "upkeep": do_upkeep,
    "backup": do_backup,
    "outlook": do_outlook,
    "retraining": do_retraining,
    "links": do_links,
}
"""What is done of each flow of the timetable."""
