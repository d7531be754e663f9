"""Every hour: ask the sources, review flags where that is due, write the figures, tell the operator."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger

from flows.cycle import workspace_at
from flows.health import coverage_of, health_of
from flows.ingest import SourceReport, ingest_live
from flows.issue import channel_of
from flows.live import feeds_of
from flows.metrics import metrics_text, write_metrics
from flows.operator import conditions_of, report_text, tell_operator
from flows.quality import review_if_due
from flows.workspace import Workspace
from pipeline.names import MEASURED


def hour(ws: Workspace) -> list[SourceReport]:
    """Take in the measured world's hour, and look after its sources; returns what each source gave."""
    found = ingest_live(ws)
    if not ws.settings.live_sources:
        return found
    review_if_due(ws, MEASURED, ws.clock())
    look_after(ws)
    return found


def look_after(ws: Workspace) -> int:
    """Write the figures of the sources and mail the operator what is news; returns how many lines of it."""
    now = ws.clock()
    health = health_of(ws, feeds_of(ws, MEASURED), MEASURED, now)
    coverage = coverage_of(ws, MEASURED, now)
    write_metrics(ws.settings.data_dir, metrics_text(health, coverage, now))
    conditions = conditions_of(health, coverage)
    report = report_text(health, coverage, now)
    return tell_operator(ws, MEASURED, conditions, channel_of(ws.settings), report, now)


@flow(name="sameair-ingest", log_prints=False)
def scheduled_ingest(data_dir: str) -> list[dict[str, Any]]:
    """Ask the live sources of the measured world; what the schedule calls every hour."""
    with workspace_at(data_dir) as ws:
        found = hour(ws)
    for report in found:
        for error in report.errors:
            get_run_logger().warning("source failed: %s", error)
    return [{"source": r.source, "rows": r.rows, "stored": r.stored, "errors": list(r.errors)} for r in found]
