"""The timetable's flows as Prefect runs them: each does what is due of it by the ledger of jobs, once.

Prefect only wakes them. Whether a nominal time is run, waits or is left out stands in the ledger, so a late,
lost or doubled start changes nothing. An empty ``data_dir`` is that of the worker's own configuration.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from prefect import Flow, flow
from prefect.deployments import run_deployment

from flows.deployments import drop_old_starts
from flows.duties import DUTIES
from flows.jobs import late_flows, work_on
from flows.parents import end_with_parent
from flows.starts import LATE
from flows.workspace import opened_at
from pipeline.times import iso

Plain = dict[str, Any]

OLD: Final = timedelta(minutes=10)
"""A start that waited so long is dropped: what still matters of it is late, and is started anew."""


@flow(name="sameair-scheduled-cycle", log_prints=False)
def scheduled_cycle(data_dir: str = "") -> list[Plain]:
    """Run the newest cycle of the measured world, once."""
    return _work("cycle", data_dir)


@flow(name="sameair-ingest", log_prints=False)
def scheduled_ingest(data_dir: str = "") -> list[Plain]:
    """Ask the live sources of the measured world for the hour."""
    return _work("ingest", data_dir)


@flow(name="sameair-exchange", log_prints=False)
def scheduled_exchange(data_dir: str = "") -> list[Plain]:
    """Exchange envelopes with the other nodes, if this one speaks for one party."""
    return _work("exchange", data_dir)


@flow(name="sameair-post", log_prints=False)
def scheduled_post(data_dir: str = "") -> list[Plain]:
    """Draw the consequences of decisions and deadlines, and send what waits."""
    return _work("post", data_dir)


@flow(name="sameair-verification", log_prints=False)
def scheduled_verification(data_dir: str = "") -> list[Plain]:
    """Score the stored runs."""
    return _work("verification", data_dir)


@flow(name="sameair-upkeep", log_prints=False)
def scheduled_upkeep(data_dir: str = "") -> list[Plain]:
    """Repair and merge the store, build the dossiers of ended episodes."""
    return _work("upkeep", data_dir)


@flow(name="sameair-backup", log_prints=False)
def scheduled_backup(data_dir: str = "") -> list[Plain]:
    """Back everything up, check it, and let older backups go."""
    return _work("backup", data_dir)


@flow(name="sameair-outlook", log_prints=False)
def scheduled_outlook(data_dir: str = "") -> list[Plain]:
    """Draft the season's weekly outlook on its day."""
    return _work("outlook", data_dir)


@flow(name="sameair-retraining", log_prints=False)
def scheduled_retraining(data_dir: str = "") -> list[Plain]:
    """Train models anew and put them to the gate."""
    return _work("retraining", data_dir)


@flow(name="sameair-links", log_prints=False)
def scheduled_links(data_dir: str = "") -> list[Plain]:
    """Measure the links between the cities."""
    return _work("links", data_dir)


@flow(name="sameair-late", log_prints=False)
def scheduled_late(data_dir: str = "") -> list[str]:
    """Start the flows of which something is due that nothing began, as after an outage.

    Starts that waited for a worker all that time are dropped first, lest each be run for nothing.
    """
    end_with_parent()
    drop_old_starts([one.name for one in STARTED.values()], OLD)
    with opened_at(data_dir) as ws:
        late = late_flows(ws)
    for name in late:
        run_deployment(f"{FLOWS[name].name}/{name}", parameters={"data_dir": data_dir}, timeout=0)
    return late


FLOWS: Final[dict[str, Flow[..., Any]]] = {
    "cycle": scheduled_cycle,
    "ingest": scheduled_ingest,
    "exchange": scheduled_exchange,
    "post": scheduled_post,
    "verification": scheduled_verification,
    "upkeep": scheduled_upkeep,
    "backup": scheduled_backup,
    "outlook": scheduled_outlook,
    "retraining": scheduled_retraining,
    "links": scheduled_links,
}
"""The flow of each name in the timetable."""

STARTED: Final[dict[str, Flow[..., Any]]] = {**FLOWS, LATE: scheduled_late}
"""Every flow that Prefect starts, by the names of :func:`flows.starts.starts`."""


def _work(name: str, data_dir: str) -> list[Plain]:
    """Do what is due of a flow; returns what was done."""
    end_with_parent()
    with opened_at(data_dir) as ws:
        done = work_on(ws, name, DUTIES[name])
    return [{"job": job.id, "nominal": iso(job.nominal), **job.result} for job in done]
