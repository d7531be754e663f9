"""Old rows of the ledger of jobs: how many there are, and removing them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select

from pipeline.ledger.job_tables import jobs


def count_ended_jobs(conn: Connection, flow: str, before: datetime) -> int:
    """Return how many rows :func:`remove_ended_jobs` would remove."""
    query = select(func.count()).select_from(jobs).where(*_old(flow, before))
    return int(conn.execute(query).scalar_one())


def remove_ended_jobs(conn: Connection, flow: str, before: datetime) -> int:
    """Remove the ended jobs of a flow that were due and begun before an instant; return how many.

    The newest nominal time of each state of each part stays: from it the timetable knows what is due.
    """
    return int(conn.execute(delete(jobs).where(*_old(flow, before))).rowcount)


def _old(flow: str, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a row may go."""
    newest = jobs.alias("newest")
    last = (
        select(func.max(newest.c.nominal))
        .where(newest.c.flow == jobs.c.flow, newest.c.part == jobs.c.part, newest.c.state == jobs.c.state)
        .scalar_subquery()
    )
    c = jobs.c
    return c.flow == flow, c.state != "running", c.nominal < before, c.begun_at < before, c.nominal < last
