"""The hour of the measured world as a Prefect flow."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger

from flows.cycle import workspace_at
from flows.hour import take_hour


@flow(name="sameair-ingest", log_prints=False)
def scheduled_ingest(data_dir: str) -> list[dict[str, Any]]:
    """Ask the live sources of the measured world; what the schedule calls every hour."""
    with workspace_at(data_dir) as ws:
        found = take_hour(ws)
    for report in found:
        for error in report.errors:
            get_run_logger().warning("source failed: %s", error)
    return [{"source": r.source, "rows": r.rows, "stored": r.stored, "errors": list(r.errors)} for r in found]
