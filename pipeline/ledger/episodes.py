"""Episodes in the ledger: opened once by the party that owns the city, then revised by successive runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, or_, select

from pipeline.errors import ContractError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warning_tables import episode_revisions, episodes

EpisodeState = Literal["open", "ended", "withdrawn"]


@dataclass(frozen=True)
class EpisodeRow:
    """One episode as its newest revision shows it; ``details`` are the run's numbers as plain data."""

    id: str
    world: str
    party: str
    city: str
    quantity: str
    revision: int
    run_id: str
    at: datetime
    state: str
    onset: datetime
    until: datetime
    details: dict[str, Any]


@dataclass(frozen=True)
class EpisodeRevision:
    """What one run says about an episode."""

    run_id: str
    state: EpisodeState
    onset: datetime
    until: datetime
    details: Mapping[str, Any]


def open_episode(
    conn: Connection, episode_id: str, *, world: str, city: str, quantity: str, at: datetime
) -> None:
    """Enter a new episode; its id begins with the party that owns the city (``seoul-01K…``).

    Raises ContractError if the id is already another city's episode; entering the same one again does
    nothing.
    """
    party, dash, _ = episode_id.rpartition("-")
    if not dash or not party:
        raise ContractError(f"episode id '{episode_id}' is not party-ULID")
    given = {"world": world, "party": party, "city": city, "quantity": quantity}
    known = conn.execute(select(episodes).where(episodes.c.id == episode_id)).one_or_none()
    if known is not None:
        if any(getattr(known, name) != value for name, value in given.items()):
            raise ContractError(
                f"episode {episode_id} is {known.city} {known.quantity} of world {known.world}"
            )
        return
    conn.execute(insert(episodes).values(id=episode_id, opened_at=at, **given))
    append_audit(conn, at=at, actor=party, action="episode.open", subject=episode_id, payload=given)


def revise_episode(conn: Connection, episode_id: str, revision: EpisodeRevision, at: datetime) -> int:
    """Append what a run says and return the revision's number; what is known already is not repeated."""
    last = _newest(conn, episodes.c.id == episode_id)
    said = (revision.state, revision.onset, revision.until, dict(revision.details))
    if last and said == (last[0].state, last[0].onset, last[0].until, last[0].details):
        return last[0].revision
    number = last[0].revision + 1 if last else 1
    conn.execute(
        insert(episode_revisions).values(
            episode_id=episode_id,
            revision=number,
            run_id=revision.run_id,
            at=at,
            state=revision.state,
            onset=revision.onset,
            until=revision.until,
            details=dict(revision.details),
        )
    )
    if last and last[0].state != revision.state:
        payload = {"revision": number, "run": revision.run_id, "state": revision.state}
        append_audit(conn, at=at, actor="run", action="episode.state", subject=episode_id, payload=payload)
    return number


def open_episodes(conn: Connection, world: str, as_of: datetime, quantity: str = "pm2p5") -> list[EpisodeRow]:
    """Return the episodes that were open at an instant, by city and onset; later revisions do not count."""
    where = (episodes.c.world == world, episodes.c.quantity == quantity)
    return [row for row in _newest(conn, *where, until=as_of) if row.state == "open"]


def list_episodes(conn: Connection, world: str, since: datetime | None = None) -> list[EpisodeRow]:
    """Return every episode of a world as it stands, by city and onset.

    With ``since`` only those that are open, or that a run has spoken of from that instant on.
    """
    within = episodes.c.world == world
    if since is None:
        return _newest(conn, within)
    return _newest(conn, within, or_(episode_revisions.c.state == "open", episode_revisions.c.at >= since))


def read_episodes(conn: Connection, world: str, ids: Collection[str]) -> list[EpisodeRow]:
    """Return episodes by id as they stand; unknown ones are left out."""
    return _newest(conn, episodes.c.world == world, episodes.c.id.in_(list(ids)))


def run_episodes(conn: Connection, world: str, run_id: str, as_of: datetime) -> list[EpisodeRow]:
    """Return what stood after a run: episodes open at its instant, and those that it ended.

    What later runs said does not count; what an earlier one said, and this one did not change, does.
    """
    held = _newest(conn, episodes.c.world == world, until=as_of)
    return [row for row in held if row.state == "open" or row.run_id == run_id]


def _newest(conn: Connection, *where: Any, until: datetime | None = None) -> list[EpisodeRow]:
    """Return the newest revision of every episode, or that of an instant, if it satisfies the conditions."""
    other = episode_revisions.alias().c
    number = select(func.max(other.revision)).where(other.episode_id == episode_revisions.c.episode_id)
    if until is not None:
        number = number.where(other.at <= until)
    query = (
        select(episodes, episode_revisions)
        .select_from(episode_revisions.join(episodes))
        .where(episode_revisions.c.revision == number.scalar_subquery(), *where)
        .order_by(episodes.c.city, episode_revisions.c.onset, episodes.c.id)
    )
    return [_row(row) for row in conn.execute(query)]


def _row(row: Row[Any]) -> EpisodeRow:
    """Return one row without the columns that only join."""
    values = {name: row._mapping[name] for name in EpisodeRow.__dataclass_fields__}
    return EpisodeRow(**values)
