"""How the jobs of the timetable do, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import Metric
from sqlalchemy import Connection

from flows.metrics_catalogue import gauge
from pipeline.ledger.figures import count_jobs
from pipeline.ledger.jobs import newest_jobs, running_jobs


def job_metrics(conn: Connection, now: datetime) -> Iterator[Metric]:
    """Yield attempts by state, what was done last, how long it took, and how long a job has been silent."""
    held = gauge("jobs")
    for flow, state, number in count_jobs(conn):
        held.add_metric([flow, state], number)
    nominal, took = gauge("job_done_nominal_timestamp_seconds"), gauge("job_duration_seconds")
    for (flow, part), job in newest_jobs(conn, state="done").items():
        nominal.add_metric([flow, part], job.nominal.timestamp())
        if job.ended_at is not None:
            took.add_metric([flow, part], (job.ended_at - job.begun_at).total_seconds())
    silent = gauge("job_silence_seconds")
    for job in running_jobs(conn):
        silent.add_metric([job.flow, job.part], (now - job.beat_at).total_seconds())
    yield from (held, nominal, took, silent)
