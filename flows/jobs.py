"""Doing what the timetable asks for: each nominal time once, with signs of life, its end written down."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from flows.delivering import channel_of
from flows.job_conditions import job_conditions
from flows.job_workers import is_alive, worker_name
from flows.leg_diary import overdue
from flows.operator import tell_operator
from flows.timetable import SILENT_AFTER, Decision, Entry, due, entries_of, flows
from flows.workspace import Workspace
from pipeline.errors import SameairError
from pipeline.ledger.jobs import (
    JobRow,
    beat,
    claim,
    end_job,
    fail_job,
    first_begun,
    get_job,
    jobs_between,
    jobs_since_last,
    running_jobs,
    skip_job,
)
from pipeline.logs import logged_about
from pipeline.names import MEASURED
from pipeline.redaction import without_addresses
from pipeline.times import iso

log = logging.getLogger(__name__)

LOOKED_BACK = timedelta(days=1)
"""How far back a missed time is told of."""

STOPPED = "its process was told to end"
"""Why a job failed that was stopped with its worker."""

Do = Callable[[Workspace, Entry, datetime], Mapping[str, Any]]
"""What a job does, given its entry and nominal time; returns what is worth keeping, as JSON values."""


def _stop_here(why: str) -> None:
    """End this process: its job belongs to another now, or has taken too long."""
    log.error("%s; this process ends", why)
    os._exit(75)


@dataclass(frozen=True)
class Worker:
    """Who does jobs, and how.

    Parameters
    ----------
    name : see :func:`flows.job_workers.worker_name`
    beat_every : between two signs of life
    stop : ends the process whose job was taken over or takes too long
    """

    name: str
    beat_every: timedelta = timedelta(seconds=30)
    stop: Callable[[str], None] = _stop_here


def this_process() -> Worker:
    """Return this process as a worker."""
    return Worker(worker_name())


def work_on(ws: Workspace, flow: str, do: Do, worker: Worker | None = None) -> list[JobRow]:
    """Do what is due of a flow now, and write down what is left out; the operator is told of trouble.

    It may be called at any time by any number of processes: what runs, is done or was left out is not begun.

    Returns
    -------
    the jobs that this call did

    Raises
    ------
    Exception
        what a job raised, after it was written down as failed
    """
    worker = worker or this_process()
    now = ws.clock()
    decisions = _decided(ws, flow, now)
    if any(d.action == "run" and d.entry.each for d in decisions):
        # A failure that nobody was told of yet is told before what is done next hides it.
        tell_of(ws, flow)
    for decision in decisions:
        if decision.action == "skip":
            _leave_out(ws, decision, worker, now)
    try:
        claimed = (_claim(ws, d, worker, now) for d in decisions if d.action == "run")
        return [_run(ws, entry, job, do, worker) for entry, job in claimed if job is not None]
    finally:
        tell_of(ws, flow)


def late_flows(ws: Workspace, grace: timedelta = timedelta(minutes=2)) -> list[str]:
    """Return the flows of which something is due that should have begun longer ago than ``grace``."""
    now, found = ws.clock(), []
    for flow in flows():
        decisions = _decided(ws, flow, now)
        if any(d.action == "run" and now - d.nominal - d.entry.begins > grace for d in decisions):
            found.append(flow)
    return found


def upcoming(ws: Workspace) -> list[dict[str, Any]]:
    """Return for every flow what is to be done now, if anything, and its next nominal time."""
    now, rows = ws.clock(), []
    for flow in flows():
        decisions = _decided(ws, flow, now)
        span = max(entry.rhythm.span for entry in entries_of(flow))
        ahead = [t for e in entries_of(flow) for t in e.rhythm.times(now, now + span)]
        said = "; ".join(f"{d.action} {iso(d.nominal)}" for d in decisions)
        rows.append({"flow": flow, "due": said, "next": iso(min(ahead))})
    return rows


def _decided(ws: Workspace, flow: str, now: datetime) -> list[Decision]:
    """Return what is to be done now about the nominal times of a flow."""
    jobs = _seen(ws, flow, now)
    if jobs:
        return due(entries_of(flow), jobs, now)
    with ws.ledger.read() as conn:
        return due(entries_of(flow), jobs, now, first_begun(conn))


def _seen(ws: Workspace, flow: str, now: datetime) -> list[JobRow]:
    """Return the flow's jobs; one on this machine is alive while its process is, for its longest."""
    with ws.ledger.read() as conn:
        dead = _dead(conn, flow, now)
        rows = [] if dead else jobs_since_last(conn, flow, now)
    if dead:
        with ws.ledger.write() as conn:
            for job, why in _dead(conn, flow, now):
                # The pause before the next attempt counts from when it was last heard of.
                fail_job(conn, job.id, job.beat_at, why)
            rows = jobs_since_last(conn, flow, now)
    return [
        replace(job, beat_at=now) if job.state == "running" and is_alive(job.worker) else job for job in rows
    ]


def _dead(conn: Connection, flow: str, now: datetime) -> list[tuple[JobRow, str]]:
    """Return the running jobs whose process is known to be gone, or silent for longer than any may take."""
    longest = max(entry.longest for entry in entries_of(flow))
    found = []
    for job in running_jobs(conn):
        if job.flow != flow:
            continue
        if is_alive(job.worker) is False:
            found.append((job, "its process ended before it did"))
        elif now - job.beat_at > longest:
            # A process may live on that could not write down how its job ended.
            found.append((job, f"no sign of life of {job.worker} since {iso(job.beat_at)}"))
    return found


def _leave_out(ws: Workspace, decision: Decision, worker: Worker, now: datetime) -> None:
    stretch = {"through": iso(decision.through), "times": decision.times} if decision.times > 1 else {}
    with ws.ledger.write() as conn:
        skip_job(
            conn,
            decision.entry.flow,
            decision.nominal,
            worker=worker.name,
            at=now,
            why=decision.why,
            result=stretch,
        )


def _claim(ws: Workspace, decision: Decision, worker: Worker, now: datetime) -> tuple[Entry, JobRow | None]:
    flow, nominal = decision.entry.flow, decision.nominal
    with ws.ledger.write() as conn:
        job = claim(conn, flow, nominal, worker=worker.name, at=now, silent_after=SILENT_AFTER)
    return decision.entry, job


def _run(ws: Workspace, entry: Entry, job: JobRow, do: Do, worker: Worker) -> JobRow:
    """Do a job and write down how it ended."""
    try:
        with logged_about(flow=job.flow, job=job.id), _signs_of_life(ws, entry, job, worker):
            result = do(ws, entry, job.nominal)
    except BaseException as error:
        # Only once no sign of life is given any more: a job written off would be taken for another's.
        _written_off(ws, job, error)
        raise
    with ws.ledger.write() as conn:
        end_job(conn, job.id, ws.clock(), result)
        ended = get_job(conn, job.id)
    return ended or job


def _written_off(ws: Workspace, job: JobRow, error: BaseException) -> None:
    """Write down why a job failed; where the ledger is what fails, the job falls silent and is taken over."""
    stopped = not isinstance(error, Exception)
    said = str(error) if isinstance(error, SameairError) else f"{type(error).__name__}: {error}"
    why = STOPPED if stopped else " ".join(without_addresses(said).split())[:500]
    try:
        with ws.ledger.write() as conn:
            fail_job(conn, job.id, ws.clock(), why, stopped=stopped)
    except SameairError as trouble:
        log.warning("the end of job %s could not be written down: %s", job.id, trouble)


def write_off(ws: Workspace, workers: Collection[str]) -> int:
    """Write down of processes that were told to end, and have ended, that their jobs were stopped.

    Returns
    -------
    how many jobs they had not ended themselves
    """
    with ws.ledger.write() as conn:
        left = [job for job in running_jobs(conn) if job.worker in workers and is_alive(job.worker) is False]
        for job in left:
            fail_job(conn, job.id, ws.clock(), STOPPED, stopped=True)
    return len(left)


@contextmanager
def _signs_of_life(ws: Workspace, entry: Entry, job: JobRow, worker: Worker) -> Iterator[None]:
    """Give signs of life from a thread beside the work, for as long as the work may take."""
    ended = threading.Event()
    thread = threading.Thread(target=_beating, args=(ws, entry, job, worker, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beating(ws: Workspace, entry: Entry, job: JobRow, worker: Worker, ended: threading.Event) -> None:
    """Beat until the work ends; stop the process when the job was taken over or takes too long."""
    until = time.monotonic() + entry.longest.total_seconds()

    def too_long() -> str:
        return f"took longer than {entry.longest}" if time.monotonic() > until else overdue()

    while not ended.wait(worker.beat_every.total_seconds()):
        try:
            with ws.ledger.write() as conn:
                if not beat(conn, job.id, ws.clock()):
                    return worker.stop(f"job {job.id} of {entry.flow} was taken over by another worker")
                if why := too_long():
                    fail_job(conn, job.id, ws.clock(), why)
        except Exception:
            log.exception("no sign of life of job %s could be given", job.id)
        if why := too_long():
            return worker.stop(f"job {job.id} of {entry.flow}: {why}")
    return None


def tell_of(ws: Workspace, flow: str) -> None:
    """Tell the operator how a flow stands, where that is news; a fault there must not undo the work."""
    try:
        now = ws.clock()
        with ws.ledger.read() as conn:
            until = now + timedelta(microseconds=1)
            recent = jobs_between(conn, now - LOOKED_BACK, until, flow=flow)
            recent = recent or jobs_since_last(conn, flow, now)
        found = job_conditions(flow, recent)
        with closing(channel_of(ws.settings)) as channel:
            tell_operator(ws, MEASURED, found, channel, "`sameair jobs` shows them all.", now)
    except Exception:
        log.exception("the operator could not be told of %s; it is tried again after the next job", flow)
