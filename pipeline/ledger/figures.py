"""Counts over the ledger for whoever watches an installation: each is one aggregate query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from pipeline.ledger.deliveries import of_world
from pipeline.ledger.episodes import read_episodes
from pipeline.ledger.job_tables import jobs
from pipeline.ledger.tables import runs
from pipeline.ledger.warning_tables import outbox, warning_episodes, warning_events, warnings


@dataclass(frozen=True)
class MessageCount:
    """Messages of one kind and state: how many, and when the oldest was written."""

    purpose: str
    channel: str
    state: str
    number: int
    oldest: datetime


def count_messages(conn: Connection, world: str) -> list[MessageCount]:
    """Return the messages of a world by purpose, channel and state."""
    c = outbox.c
    kinds = (c.purpose, c.channel, c.state)
    query = select(*kinds, func.count(), func.min(c.created_at)).where(*of_world(world)).group_by(*kinds)
    return [MessageCount(*row) for row in conn.execute(query.order_by(*kinds))]


def count_runs(conn: Connection, world: str) -> list[tuple[str, bool, int]]:
    """Return how many runs of a world there are, by status and whether their forecast was degraded."""
    degraded = (func.coalesce(runs.c.degraded, "") != "").label("is_degraded")
    query = select(runs.c.status, degraded, func.count()).where(runs.c.world == world)
    grouped = query.group_by(runs.c.status, degraded).order_by(runs.c.status, degraded)
    return [(row[0], bool(row[1]), row[2]) for row in conn.execute(grouped)]


def count_issued(conn: Connection, world: str) -> list[tuple[str, int]]:
    """Return how many versions of each product were issued in a world."""
    query = (
        select(warnings.c.product, func.count())
        .join(warning_events, warning_events.c.warning_id == warnings.c.id)
        .where(warning_events.c.state == "issued", warnings.c.world == world)
        .group_by(warnings.c.product)
        .order_by(warnings.c.product)
    )
    return [(row[0], row[1]) for row in conn.execute(query)]


def newest_lead(conn: Connection, world: str) -> timedelta | None:
    """Return how long before its first episode the newest warning of a world was issued; None: none was.

    It is negative where the episode had begun.
    """
    first = (
        select(warning_events.c.warning_id, func.min(warning_events.c.at).label("at"))
        .join(warnings, warnings.c.id == warning_events.c.warning_id)
        .where(warning_events.c.state == "issued", warnings.c.world == world)
        .group_by(warning_events.c.warning_id)
        .order_by(func.min(warning_events.c.at).desc(), warning_events.c.warning_id)
        .limit(1)
    )
    row = conn.execute(first).one_or_none()
    if row is None:
        return None
    named = select(warning_episodes.c.episode_id).where(warning_episodes.c.warning_id == row.warning_id)
    found = read_episodes(conn, world, list(conn.execute(named).scalars()))
    return min((one.onset - row.at for one in found), default=None)


def count_jobs(conn: Connection) -> list[tuple[str, str, int]]:
    """Return how many attempts of each flow and state are on record."""
    kinds = (jobs.c.flow, jobs.c.state)
    query = select(*kinds, func.count()).group_by(*kinds).order_by(*kinds)
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]
