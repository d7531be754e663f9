"""Rows of agreeing on joint texts: offers, votes and issues of both parties, and whose episodes are whose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, cast, func, insert, literal, select

from pipeline.ledger.agreement_tables import agreement_statements, episode_aliases
from pipeline.ledger.exchange_tables import envelopes_sent
from pipeline.ledger.warning_tables import warning_events


@dataclass(frozen=True)
class StatementRow:
    """One thing that a party said; ``body`` is canonical JSON, ``own`` whether this node said it."""

    party: str
    own: bool
    slot: str
    world: str
    round: int
    kind: str
    digest: str
    warning_id: str
    version: int
    at: datetime
    body: str


_NAMES = tuple(StatementRow.__dataclass_fields__)


def insert_statement(conn: Connection, row: StatementRow) -> bool:
    """Append a statement; False if the party has said the same before."""
    c = agreement_statements.c
    same = (c.party == row.party, c.slot == row.slot, c.round == row.round)
    query = select(c.seq).where(*same, c.kind == row.kind, c.digest == row.digest)
    if conn.execute(query).first() is not None:
        return False
    conn.execute(insert(agreement_statements).values(**asdict(row)))
    return True


def statements_of(conn: Connection, slot: str) -> list[StatementRow]:
    """Return what was said in a slot; each party's statements in the order in which it said them."""
    return _read(conn, agreement_statements.c.slot == slot)


def statements_about(conn: Connection, warning_id: str, version: int | None = None) -> list[StatementRow]:
    """Return what was said of a warning, or of one version of it."""
    c = agreement_statements.c
    return _read(conn, c.warning_id == warning_id, *([] if version is None else [c.version == version]))


def slots_like(conn: Connection, beginning: str) -> list[StatementRow]:
    """Return the offers of the slots whose names begin alike: the decisions of one cycle."""
    c = agreement_statements.c
    return _read(conn, c.slot.startswith(beginning, autoescape=True), c.kind == "offer")


def votes_like(conn: Connection, beginning: str, party: str) -> list[StatementRow]:
    """Return a party's approvals in the slots whose names begin alike, in the order they were given."""
    c = agreement_statements.c
    same = c.slot.startswith(beginning, autoescape=True)
    return _read(conn, same, c.kind == "vote", c.party == party, c.digest != "")


def offer_of(conn: Connection, digest: str) -> StatementRow | None:
    """Return the first offer of a text."""
    c = agreement_statements.c
    found = _read(conn, c.digest == digest, c.kind == "offer")
    return found[0] if found else None


def unsent(conn: Connection, recipient: str) -> list[tuple[int, StatementRow]]:
    """Return what this node said and has not put into its chain to a party, with its number, in order."""
    c = agreement_statements.c
    occasions = select(envelopes_sent.c.occasion).where(envelopes_sent.c.recipient == recipient)
    occasion = literal("agreement-") + cast(c.seq, String)
    query = select(c.seq, *(c[name] for name in _NAMES)).where(c.own, occasion.not_in(occasions))
    found = []
    for row in conn.execute(query.order_by(c.seq)):
        values = dict(row._mapping)
        found.append((values.pop("seq"), StatementRow(**values)))
    return found


def recent_slots(conn: Connection, limit: int = 50) -> list[str]:
    """Return the slots in which something was offered last, newest first."""
    c = agreement_statements.c
    query = select(c.slot).where(c.kind == "offer").group_by(c.slot).order_by(func.max(c.seq).desc())
    return [str(row.slot) for row in conn.execute(query.limit(limit))]


def issued_unsaid(conn: Connection) -> list[tuple[str, int, datetime]]:
    """Return (warning, version, instant) of what was issued here and not told to the other party yet."""
    e, c = warning_events.c, agreement_statements.c
    told = select(c.seq).where(
        c.own, c.kind == "issued", c.warning_id == e.warning_id, c.version == e.version
    )
    query = select(e.warning_id, e.version, e.at).where(e.state == "issued", ~told.exists())
    return [
        (r.warning_id, r.version, r.at) for r in conn.execute(query.order_by(e.at, e.warning_id, e.version))
    ]


def issued_by_others(conn: Connection, world: str | None) -> list[StatementRow]:
    """Return what other parties issued in a world, or in all, the newest first."""
    c = agreement_statements.c
    within = [] if world is None else [c.world == world]
    return _read(conn, c.kind == "issued", ~c.own, *within)[::-1]


def insert_alias(conn: Connection, foreign_id: str, own_id: str, at: datetime) -> None:
    """Enter which of our episodes another node's is; the first word stands."""
    c = episode_aliases.c
    if conn.execute(select(c.own_id).where(c.foreign_id == foreign_id)).first() is None:
        conn.execute(insert(episode_aliases).values(foreign_id=foreign_id, own_id=own_id, at=at))


def read_aliases(conn: Connection) -> dict[str, str]:
    """Return our own episode for each of another node's that agreed texts name."""
    return {row.foreign_id: row.own_id for row in conn.execute(select(episode_aliases))}


def _read(conn: Connection, *where: Any) -> list[StatementRow]:
    c = agreement_statements.c
    query = select(*(c[name] for name in _NAMES)).where(*where).order_by(c.seq)
    return [StatementRow(**row._mapping) for row in conn.execute(query)]
