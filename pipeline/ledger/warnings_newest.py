"""Versions of warnings newest first, read as far as somebody asks: of ten thousand, a page's worth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import Connection, func, select, tuple_

from pipeline.ledger.warning_tables import warning_events, warning_versions, warnings
from pipeline.ledger.warnings import VersionRow, last_step, versions_where

READ_AT_ONCE: Final = 100
"""Contents read at a time; the order of all is found without them."""

Place = tuple[str, int]
"""A version: its warning and its number."""


def newest_versions(
    conn: Connection,
    world: str | None = None,
    *,
    after: Place | None = None,
    among: Collection[Place] | None = None,
) -> Iterator[VersionRow]:
    """Yield the versions of one world or of all, newest first, each as its newest revision.

    Parameters
    ----------
    after : begin behind this version
    among : only these versions; None: all

    Raises
    ------
    KeyError
        there is no version ``after``
    """
    places = _places(conn, world)
    if after is not None:
        if after not in places:
            raise KeyError(after)
        places = places[places.index(after) + 1 :]
    if among is not None:
        places = [place for place in places if place in among]
    v = warning_versions.c
    for at in range(0, len(places), READ_AT_ONCE):
        part = places[at : at + READ_AT_ONCE]
        found = {
            (row.warning_id, row.version): row
            for row in versions_where(conn, tuple_(v.warning_id, v.version).in_(part))
        }
        yield from (found[place] for place in part)


def versions_saying(conn: Connection, world: str, name: str, text: str) -> list[VersionRow]:
    """Return the versions of a world whose content says a text under a name at its top, newest first.

    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.read() as conn:
    ...         versions_saying(conn, "measured", "run_id", "01J")
    ...     ledger.close()
    []
    """
    c = warning_versions.c.content
    rows = versions_where(conn, warnings.c.world == world, c.contains(f'"{name}":"{text}"', autoescape=True))
    told = [row for row in rows if row.content.get(name) == text]
    return sorted(told, key=lambda row: (row.at, row.version), reverse=True)


def places_in_state(conn: Connection, states: Collection[str]) -> set[Place]:
    """Return the versions of all worlds that are in one of some states, without their contents."""
    e = warning_events.c
    query = select(e.warning_id, e.version).where(e.state.in_(list(states)), e.step == last_step(e))
    return {(row.warning_id, row.version) for row in conn.execute(query)}


def worlds_warned(conn: Connection) -> list[str]:
    """Return the worlds that have warnings."""
    return sorted(conn.execute(select(warnings.c.world).distinct()).scalars())


def _places(conn: Connection, world: str | None) -> list[Place]:
    """Return every version, the one written last first."""
    v = warning_versions.c
    query = select(v.warning_id, v.version).group_by(v.warning_id, v.version)
    if world is not None:
        query = query.join(warnings).where(warnings.c.world == world)
    newest = query.order_by(func.max(v.at).desc(), v.version.desc(), v.warning_id)
    return [(row.warning_id, row.version) for row in conn.execute(newest)]
