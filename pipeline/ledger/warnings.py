"""Rows of warnings: contents, states and signatures as facts; ``alerts`` decides what may follow what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select

from pipeline.errors import ReviewError
from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.warning_tables import (
    signatures,
    warning_episodes,
    warning_events,
    warning_versions,
    warnings,
)


@dataclass(frozen=True)
class VersionRow:
    """One version as its newest revision shows it; ``content`` is the text's data as stored."""

    warning_id: str
    version: int
    revision: int
    content: dict[str, Any]
    content_text: str
    content_digest: str
    review_deadline: datetime
    expires: datetime
    written_by: str
    at: datetime
    state: str


@dataclass(frozen=True)
class RevisionRow:
    """One text that a version has borne, and who wrote it."""

    version: int
    revision: int
    content: dict[str, Any]
    content_digest: str
    written_by: str
    at: datetime


@dataclass(frozen=True)
class EventRow:
    """One step in the life of a version."""

    version: int
    step: int
    state: str
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class SignatureRow:
    """One person's decision about exactly one content."""

    warning_id: str
    version: int
    content_digest: str
    party: str
    person: str
    decision: str
    reason: str
    drill: bool
    at: datetime
    public_key: str
    signature: str


def insert_warning(
    conn: Connection, warning_id: str, *, world: str, product: str, episode_ids: Iterable[str], at: datetime
) -> None:
    """Enter a warning if it is new, and the episodes it speaks of."""
    if conn.execute(select(warnings.c.id).where(warnings.c.id == warning_id)).first() is None:
        conn.execute(insert(warnings).values(id=warning_id, world=world, product=product, created_at=at))
    query = select(warning_episodes.c.episode_id).where(warning_episodes.c.warning_id == warning_id)
    known = set(conn.execute(query).scalars())
    for episode_id in sorted(set(episode_ids) - known):
        conn.execute(insert(warning_episodes).values(warning_id=warning_id, episode_id=episode_id))


def insert_revision(
    conn: Connection,
    content: Mapping[str, Any],
    *,
    review_deadline: datetime,
    expires: datetime,
    written_by: str,
    at: datetime,
) -> str:
    """Append a revision of the version that the content names and return its digest."""
    key = {"warning_id": content["warning_id"], "version": content["version"]}
    c = warning_versions.c
    last = conn.execute(
        select(func.max(c.revision)).where(c.warning_id == key["warning_id"], c.version == key["version"])
    ).scalar()
    text = canonical_json(content)
    content_digest = hashlib.sha256(text).hexdigest()
    conn.execute(
        insert(warning_versions).values(
            **key,
            revision=(last or 0) + 1,
            content=text.decode(),
            content_digest=content_digest,
            review_deadline=review_deadline,
            expires=expires,
            written_by=written_by,
            at=at,
        )
    )
    return content_digest


def insert_event(
    conn: Connection, warning_id: str, version: int, *, state: str, actor: str, reason: str, at: datetime
) -> None:
    """Append the state that a version has entered."""
    c = warning_events.c
    last = conn.execute(
        select(func.max(c.step)).where(c.warning_id == warning_id, c.version == version)
    ).scalar()
    conn.execute(
        insert(warning_events).values(
            warning_id=warning_id,
            version=version,
            step=(last or 0) + 1,
            state=state,
            actor=actor,
            reason=reason,
            at=at,
        )
    )


def insert_signature(conn: Connection, row: SignatureRow) -> None:
    """Append a decision."""
    conn.execute(insert(signatures).values(**asdict(row)))


def read_signatures(conn: Connection, warning_id: str, version: int) -> list[SignatureRow]:
    """Return every decision about a version, of whatever revision, in the order they were made."""
    c = signatures.c
    query = select(signatures).where(c.warning_id == warning_id, c.version == version).order_by(c.seq)
    names = SignatureRow.__dataclass_fields__
    return [SignatureRow(**{name: row._mapping[name] for name in names}) for row in conn.execute(query)]


def read_events(conn: Connection, warning_id: str) -> list[EventRow]:
    """Return the life of every version of a warning, in order."""
    c = warning_events.c
    query = select(warning_events).where(c.warning_id == warning_id).order_by(c.version, c.step)
    names = EventRow.__dataclass_fields__
    return [EventRow(**{name: row._mapping[name] for name in names}) for row in conn.execute(query)]


def issued_versions(conn: Connection, world: str) -> list[tuple[str, int]]:
    """Return (warning, version) of everything that was ever issued in a world, in that order."""
    c = warning_events.c
    query = (
        select(c.warning_id, c.version)
        .join(warnings, warnings.c.id == c.warning_id)
        .where(c.state == "issued", warnings.c.world == world)
        .order_by(c.at, c.warning_id, c.version)
    )
    return [(row.warning_id, row.version) for row in conn.execute(query)]


def read_version(conn: Connection, warning_id: str, version: int) -> VersionRow:
    """Return one version; raises ReviewError if there is none."""
    found = versions_where(
        conn, warning_versions.c.warning_id == warning_id, warning_versions.c.version == version
    )
    if not found:
        raise ReviewError(
            f"there is no version {version} of warning {warning_id}; see `sameair warnings list`"
        )
    return found[0]


def read_revisions(conn: Connection, warning_id: str, version: int) -> list[RevisionRow]:
    """Return every text that a version has borne, oldest first."""
    c = warning_versions.c
    names = RevisionRow.__dataclass_fields__
    query = select(*(c[name] for name in names)).where(c.warning_id == warning_id, c.version == version)
    rows = [dict(row._mapping) for row in conn.execute(query.order_by(c.revision))]
    return [RevisionRow(**{**row, "content": json.loads(row["content"])}) for row in rows]


def read_versions(conn: Connection, warning_id: str) -> list[VersionRow]:
    """Return every version of a warning, oldest first; none for an unknown one."""
    return versions_where(conn, warning_versions.c.warning_id == warning_id)


def read_in_state(conn: Connection, states: Iterable[str], world: str | None = None) -> list[VersionRow]:
    """Return every version of a world, or of all, that is in one of the states, oldest first."""
    where: list[Any] = [warning_events.c.state.in_(list(states))]
    if world is not None:
        where.append(warnings.c.world == world)
    return versions_where(conn, *where)


def list_versions(conn: Connection, world: str | None = None, limit: int | None = None) -> list[VersionRow]:
    """Return every version, or the newest ``limit``, of one world or of all, newest first.

    All their contents are read: ``warnings_newest.newest_versions`` reads as far as it is asked.
    """
    within = [] if world is None else [warnings.c.world == world]
    return sorted(versions_where(conn, *within), key=lambda row: (row.at, row.version), reverse=True)[:limit]


def list_since(
    conn: Connection, world: str, states: Iterable[str], since: datetime | None
) -> list[VersionRow]:
    """Return every version of the warnings that have one in the states, or were entered since an instant."""
    e = warning_events.c
    waiting = select(e.warning_id).where(e.state.in_(list(states)), e.step == last_step(e))
    wanted: ColumnElement[bool] = warnings.c.id.in_(waiting)
    if since is not None:
        wanted = or_(wanted, warnings.c.created_at >= since)
    ids = select(warnings.c.id).where(warnings.c.world == world, wanted)
    return versions_where(conn, warning_versions.c.warning_id.in_(ids))


def versions_where(conn: Connection, *where: Any) -> list[VersionRow]:
    """Return the newest revision of versions that fit, with the state they are in, oldest version first."""
    v, e = warning_versions.c, warning_events.c
    other = warning_versions.alias().c
    newest = select(func.max(other.revision)).where(
        other.warning_id == v.warning_id, other.version == v.version
    )
    same = and_(e.warning_id == v.warning_id, e.version == v.version)
    joined = warning_versions.join(warnings).join(warning_events, same)
    query = (
        select(warning_versions, e.state)
        .select_from(joined)
        .where(v.revision == newest.scalar_subquery(), e.step == last_step(e), *where)
        .order_by(v.warning_id, v.version)
    )
    return [_version(row) for row in conn.execute(query)]


def last_step(e: Any) -> Any:
    """Return the number of the last step in the life of the version that a row of events is of.

    It is looked up row by row, so that reading one warning does not go through all of them.
    """
    other = warning_events.alias().c
    same = (other.warning_id == e.warning_id, other.version == e.version)
    return select(func.max(other.step)).where(*same).scalar_subquery()


def _version(row: Row[Any]) -> VersionRow:
    """Return one row with its content read."""
    values = dict(row._mapping)
    text = values.pop("content")
    return VersionRow(content=json.loads(text), content_text=text, **values)
