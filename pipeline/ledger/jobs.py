"""The run ledger of jobs: who does what of the timetable, since when, and what became of it.

A job is one attempt at a nominal time of a flow's part. Two that run or are done for the same nominal time
cannot be: the database itself refuses the second, whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from pipeline.errors import StorageError
from pipeline.ledger.job_tables import jobs

State = Literal["running", "done", "failed", "skipped"]


@dataclass(frozen=True)
class JobRow:
    """One attempt as the ledger holds it.

    Parameters
    ----------
    flow, part, nominal : what was to be done: the flow, its part (empty: the whole), the nominal time
    beat_at : when its worker last gave a sign of life
    why : why it failed or was skipped; empty while it runs and when it is done
    """

    id: str
    flow: str
    part: str
    nominal: datetime
    attempt: int
    state: State
    begun_at: datetime
    beat_at: datetime
    ended_at: datetime | None
    worker: str
    why: str
    result: dict[str, Any]

    @property
    def was_stopped(self) -> bool:
        """Tell whether it ended because its worker was told to end, which is no fault of what it did."""
        return self.state == "failed" and bool(self.result.get("stopped"))


def claim(
    conn: Connection,
    flow: str,
    nominal: datetime,
    *,
    worker: str,
    at: datetime,
    silent_after: timedelta,
    part: str = "",
) -> JobRow | None:
    """Begin a job, unless it is done or another worker is at it; call it inside ``Ledger.write``.

    A job whose worker has been silent for longer than ``silent_after`` is taken over: its attempt is marked
    as failed, and a new one begins.

    Parameters
    ----------
    worker : which process asks, e.g. ``host:pid``
    at : the present instant

    Returns
    -------
    the new attempt, or None if there is nothing to do

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> when, minutes = parse_instant("2026-01-01T02:00Z"), timedelta(minutes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         first = claim(conn, "cycle", when, worker="a:1", at=when, silent_after=minutes)
    ...         second = claim(conn, "cycle", when, worker="b:2", at=when, silent_after=minutes)
    ...         later = claim(conn, "cycle", when, worker="b:2", at=when + 2 * minutes, silent_after=minutes)
    ...     ledger.close()
    >>> first.attempt, second, later.attempt
    (1, None, 2)
    """
    present = _once(conn, flow, part, nominal)
    if present is not None and present.state == "done":
        return None
    if present is not None:
        if at - present.beat_at <= silent_after:
            return None
        _end(conn, present.id, "failed", at, f"no sign of life of {present.worker} since {present.beat_at}")
    query = select(func.max(jobs.c.attempt)).where(*_place(flow, part, nominal))
    attempt = (conn.execute(query).scalar() or 0) + 1
    row = _new(flow, part, nominal, attempt, "running", worker, at)
    try:
        with conn.begin_nested():
            conn.execute(insert(jobs).values(**row))
    except IntegrityError:
        return None
    return get_job(conn, row["id"])


def beat(conn: Connection, job_id: str, at: datetime) -> bool:
    """Give a sign of life; False if the job is no longer one's own, since another has taken it over."""
    own = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running", jobs.c.beat_at <= at)
    if conn.execute(own.values(beat_at=at)).rowcount == 1:
        return True
    found = get_job(conn, job_id)
    return found is not None and found.state == "running"


def end_job(conn: Connection, job_id: str, at: datetime, result: Mapping[str, Any]) -> None:
    """Record that a job is done; StorageError if another worker has taken it over."""
    _end(conn, job_id, "done", at, "", dict(result))


def fail_job(conn: Connection, job_id: str, at: datetime, why: str, *, stopped: bool = False) -> None:
    """Record that an attempt has failed, and why; another may follow.

    Parameters
    ----------
    stopped : its worker was told to end, as at a restart of the service
    """
    _end(conn, job_id, "failed", at, why, {"stopped": True} if stopped else None)


def skip_job(  # noqa: PLR0913 - one argument for each column
    conn: Connection,
    flow: str,
    nominal: datetime,
    *,
    worker: str,
    at: datetime,
    why: str,
    part: str = "",
    result: Mapping[str, Any] | None = None,
) -> bool:
    """Record that a nominal time is left out, and why; False if it ran, runs or was left out before.

    Parameters
    ----------
    result : ``through``, the last nominal time, and ``times``, how many, where a stretch is left out
    """
    last = newest_attempt(conn, flow, nominal, part)
    if last is not None and last.state != "failed":
        return False
    row = _new(flow, part, nominal, last.attempt + 1 if last else 1, "skipped", worker, at)
    try:
        with conn.begin_nested():
            conn.execute(
                insert(jobs).values(**{**row, "ended_at": at, "why": why, "result": dict(result or {})})
            )
    except IntegrityError:
        return False
    return True


def get_job(conn: Connection, job_id: str) -> JobRow | None:
    """Return one attempt by id, or None."""
    row = conn.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    return None if row is None else _job(row)


def newest_attempt(conn: Connection, flow: str, nominal: datetime, part: str = "") -> JobRow | None:
    """Return the newest attempt at a nominal time, or None."""
    query = select(jobs).where(*_place(flow, part, nominal)).order_by(jobs.c.attempt.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _job(row)


def jobs_between(
    conn: Connection, first: datetime, before: datetime, *, flow: str | None = None
) -> list[JobRow]:
    """Return every attempt at nominal times from ``first`` to before ``before``, oldest first."""
    query = select(jobs).where(jobs.c.nominal >= first, jobs.c.nominal < before)
    if flow is not None:
        query = query.where(jobs.c.flow == flow)
    ordered = query.order_by(jobs.c.nominal, jobs.c.flow, jobs.c.part, jobs.c.attempt)
    return [_job(row) for row in conn.execute(ordered)]


def jobs_since_last(conn: Connection, flow: str, now: datetime) -> list[JobRow]:
    """Return a flow's jobs from its newest ended one whose nominal time is over at ``now`` on, oldest first.

    A job that a clock ahead of ``now`` wrote is not taken for the newest one, unless it is done.
    """
    believed = (jobs.c.state == "done") | ((jobs.c.state != "running") & (jobs.c.begun_at <= now))
    query = select(func.max(jobs.c.nominal)).where(jobs.c.flow == flow, jobs.c.nominal <= now, believed)
    newest = conn.execute(query).scalar()
    own = select(jobs).where(jobs.c.flow == flow)
    if newest is not None:
        own = own.where(jobs.c.nominal >= newest)
    return [_job(row) for row in conn.execute(own.order_by(jobs.c.nominal, jobs.c.attempt))]


def newest_jobs(
    conn: Connection, *, state: State | None = None, until: datetime | None = None
) -> dict[tuple[str, str], JobRow]:
    """Return the job of the newest nominal time of every flow's part, of those in one state or of all.

    Parameters
    ----------
    until : later nominal times are left out, as a clock that ran ahead may have seen some
    """
    wanted = [] if state is None else [jobs.c.state == state]
    wanted += [] if until is None else [jobs.c.nominal <= until]
    newest = (
        select(jobs.c.flow, jobs.c.part, func.max(jobs.c.nominal).label("nominal"))
        .where(*wanted)
        .group_by(jobs.c.flow, jobs.c.part)
        .subquery()
    )
    same = (
        (jobs.c.flow == newest.c.flow) & (jobs.c.part == newest.c.part) & (jobs.c.nominal == newest.c.nominal)
    )
    query = select(jobs).join(newest, same).where(*wanted).order_by(jobs.c.attempt)
    return {(job.flow, job.part): job for job in map(_job, conn.execute(query))}


def first_begun(conn: Connection) -> datetime | None:
    """Return when the first job of all flows began, None in a ledger that knows none."""
    found: datetime | None = conn.execute(select(func.min(jobs.c.begun_at))).scalar()
    return found


def running_jobs(conn: Connection) -> list[JobRow]:
    """Return the jobs that run now, or seem to, oldest first."""
    query = select(jobs).where(jobs.c.state == "running").order_by(jobs.c.begun_at)
    return [_job(row) for row in conn.execute(query)]


def _once(conn: Connection, flow: str, part: str, nominal: datetime) -> JobRow | None:
    """Return the one attempt that runs or is done, or None."""
    once = jobs.c.state.in_(("running", "done"))
    row = conn.execute(select(jobs).where(*_place(flow, part, nominal), once)).one_or_none()
    return None if row is None else _job(row)


def _place(flow: str, part: str, nominal: datetime) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.flow == flow, jobs.c.part == part, jobs.c.nominal == nominal


def _new(
    flow: str, part: str, nominal: datetime, attempt: int, state: State, worker: str, at: datetime
) -> dict[str, Any]:
    """Return the columns of a new attempt."""
    return {
        "id": str(ULID.from_datetime(at)),
        "flow": flow,
        "part": part,
        "nominal": nominal,
        "attempt": attempt,
        "state": state,
        "begun_at": at,
        "beat_at": at,
        "worker": worker,
        "why": "",
    }


def _end(
    conn: Connection,
    job_id: str,
    state: State,
    at: datetime,
    why: str,
    result: dict[str, Any] | None = None,
) -> None:
    """End an attempt that runs."""
    running = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
    values = {"state": state, "ended_at": at, "why": why, "result": result}
    if conn.execute(running.values(**values)).rowcount != 1:
        raise StorageError(
            f"job {job_id} is no longer this worker's; another has taken it over, see `sameair jobs`"
        )


def _job(row: Row[Any]) -> JobRow:
    return JobRow(**{**row._mapping, "result": row.result or {}})
