"""The list of raw answers that could not be read, or not wholly; the bytes lie in the quarantine folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as field_
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from pipeline.ledger.asked import Hour
from pipeline.ledger.source_tables import quarantined
from pipeline.times import iso, parse_instant


@dataclass(frozen=True)
class Quarantined:
    """One answer in quarantine.

    Parameters
    ----------
    id : name of its raw file, without the suffix
    reason : class of the error; ``what``, ``field`` and ``remedy`` are its parts
    asked, fills : parameters of the request and what it was to answer for
    seen : how often the same bytes came
    resolved_at : when a retry read it, a later answer stood for the same hours, or a person closed it
    """

    id: str
    source: str
    feed: str
    reason: str
    what: str
    field: str
    remedy: str
    description: str
    fetched_at: datetime
    bytes: int
    asked: Mapping[str, str] = field_(default_factory=dict)
    fills: tuple[Hour, ...] = ()
    world: str = ""
    seen: int = 1
    resolved_at: datetime | None = None


def file_quarantined(conn: Connection, world: str, entry: Quarantined) -> None:
    """List an answer; one that was listed before is counted, opened again, and says its newest reason."""
    held = conn.execute(select(quarantined.c.seen).where(quarantined.c.id == entry.id)).scalar()
    values = {
        **{k: v for k, v in vars(entry).items() if k not in ("fills", "world", "seen", "resolved_at")},
        "asked": {"parameters": dict(entry.asked), "fills": [[u, iso(h)] for u, h in entry.fills]},
    }
    if held is None:
        conn.execute(insert(quarantined).values(world=world, seen=1, **values))
    else:
        same = update(quarantined).where(quarantined.c.id == entry.id)
        conn.execute(same.values(seen=held + 1, resolved_at=None, **values))


def list_quarantined(
    conn: Connection, *, world: str | None = None, source: str | None = None, resolved: bool = False
) -> list[Quarantined]:
    """Return answers in quarantine, oldest first; those that were resolved only if asked for."""
    query = select(quarantined).order_by(quarantined.c.fetched_at, quarantined.c.id)
    if world is not None:
        query = query.where(quarantined.c.world == world)
    if source is not None:
        query = query.where(quarantined.c.source == source)
    if not resolved:
        query = query.where(quarantined.c.resolved_at.is_(None))
    return [_entry(row) for row in conn.execute(query)]


def page_quarantined(
    conn: Connection, world: str, limit: int, *, resolved: bool, before: Quarantined | None = None
) -> list[Quarantined]:
    """Return the newest answers of a world that are open, or that no longer are.

    Parameters
    ----------
    before : the last answer of the page before; None: from the newest on
    """
    c = quarantined.c
    query = select(quarantined).where(
        c.world == world, c.resolved_at.is_not(None) if resolved else c.resolved_at.is_(None)
    )
    if before is not None:
        query = query.where(tuple_(c.fetched_at, c.id) < (before.fetched_at, before.id))
    return [
        _entry(row) for row in conn.execute(query.order_by(c.fetched_at.desc(), c.id.desc()).limit(limit))
    ]


def count_quarantined(conn: Connection, world: str) -> int:
    """Return how many answers of a world wait for somebody."""
    waiting = (quarantined.c.world == world, quarantined.c.resolved_at.is_(None))
    return conn.execute(select(func.count()).select_from(quarantined).where(*waiting)).scalar_one()


def find_quarantined(conn: Connection, name: str) -> list[Quarantined]:
    """Return the entries whose id is, or ends in, a name."""
    query = select(quarantined).where(quarantined.c.id.endswith(name, autoescape=True))
    return [_entry(row) for row in conn.execute(query.order_by(quarantined.c.id))]


def resolve_quarantined(conn: Connection, entry_id: str, at: datetime) -> None:
    """Close an entry: it needs nobody any more. Its bytes stay."""
    conn.execute(update(quarantined).where(quarantined.c.id == entry_id).values(resolved_at=at))


def restate_quarantined(conn: Connection, entry_id: str, *, reason: str, what: str, field: str) -> None:
    """Write down what a retry found wrong with an entry that stays open."""
    same = update(quarantined).where(quarantined.c.id == entry_id)
    conn.execute(same.values(reason=reason, what=what, field=field))


def _entry(row: Row[Any]) -> Quarantined:
    held = dict(row._mapping)
    asked = held.pop("asked")
    fills = tuple((unit, parse_instant(hour)) for unit, hour in asked.get("fills", ()))
    return Quarantined(**held, asked=asked.get("parameters", {}), fills=fills)
