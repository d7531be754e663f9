"""Looking through the audit trail: the newest rows of an actor, an action, a subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from pipeline.ledger.tables import audit


@dataclass(frozen=True)
class Wanted:
    """Which rows are looked for; empty texts mean any, an action is found by its beginning.

    Parameters
    ----------
    before : only rows with a smaller number; 0: from the newest on
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    before: int = 0


def find_rows(conn: Connection, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows that are wanted, newest first, as plain data."""
    c = audit.c
    query = select(audit).order_by(c.seq.desc()).limit(limit)
    if wanted.actor:
        query = query.where(c.actor == wanted.actor)
    if wanted.action:
        query = query.where(c.action.startswith(wanted.action, autoescape=True))
    if wanted.subject:
        query = query.where(c.subject == wanted.subject)
    if wanted.before:
        query = query.where(c.seq < wanted.before)
    return [dict(row._mapping) for row in conn.execute(query)]
