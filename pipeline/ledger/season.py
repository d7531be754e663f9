"""Rows of a season: versions of joint documents, and what people of a party said; written once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, exists, func, insert, literal, select

from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.exchange_tables import envelopes_sent
from pipeline.ledger.season_tables import duty_telephones, joint_documents, party_statements

DocumentKind = Literal["dossier", "outlook"]
StatementKind = Literal["finding", "answer", "close", "outlook", "shift", "handover"]

TOLD: Final = "season-"
"""How the occasion begins on which a statement is sent to another party; its id follows."""


@dataclass(frozen=True)
class DocumentRow:
    """One version of a joint document."""

    kind: str
    subject: str
    version: int
    world: str
    as_of: datetime
    digest: str
    content: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class PartyStatement:
    """What a person of a party said; ``id`` is the digest of what the party's key signed."""

    id: str
    kind: str
    world: str
    subject: str
    party: str
    person: str
    own: bool
    at: datetime
    body: dict[str, Any]
    public_key: str
    signature: str


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of a document without the instant up to which it looked.

    >>> content_digest({"as_of": "1", "a": 2}) == content_digest({"as_of": "3", "a": 2})
    True
    """
    return hashlib.sha256(canonical_json({k: v for k, v in content.items() if k != "as_of"})).hexdigest()


def keep_document(conn: Connection, row: DocumentRow) -> DocumentRow:
    """Append a version of a document and return it; the newest one where that says the same.

    ``version`` and ``digest`` of the row given are found here.
    """
    versions = read_documents(conn, row.kind, row.world, row.subject)
    same = versions and versions[-1].digest == content_digest(row.content)
    return versions[-1] if same else _append_document(conn, row, versions)


def adopt_document(conn: Connection, row: DocumentRow) -> tuple[DocumentRow, bool]:
    """Append what was drafted elsewhere, unless a version holds it; returns the version and if it is new."""
    held = find_document(conn, row.kind, (row.world, row.subject), content_digest(row.content))
    if held is not None:
        return held, False
    return _append_document(conn, row, read_documents(conn, row.kind, row.world, row.subject)), True


def find_document(conn: Connection, kind: str, place: tuple[str, str], digest: str) -> DocumentRow | None:
    """Return the newest version of a document with a text; ``place`` is its world and subject."""
    held = [row for row in read_documents(conn, kind, *place) if row.digest == digest]
    return held[-1] if held else None


def _append_document(conn: Connection, row: DocumentRow, versions: Sequence[DocumentRow]) -> DocumentRow:
    conn.execute(
        insert(joint_documents).values(
            kind=row.kind,
            subject=row.subject,
            version=versions[-1].version + 1 if versions else 1,
            world=row.world,
            as_of=row.as_of,
            digest=content_digest(row.content),
            text=canonical_json(row.content).decode(),
            at=row.at,
        )
    )
    return read_documents(conn, row.kind, row.world, row.subject)[-1]


def read_documents(conn: Connection, kind: str, world: str, subject: str) -> list[DocumentRow]:
    """Return every version of a document, oldest first."""
    c = joint_documents.c
    query = select(joint_documents).where(c.kind == kind, c.world == world, c.subject == subject)
    return [_document(row) for row in conn.execute(query.order_by(c.version))]


def newest_documents(conn: Connection, kind: str, world: str) -> list[DocumentRow]:
    """Return the newest version of every document of a kind, by subject."""
    c, other = joint_documents.c, joint_documents.alias().c
    last = select(func.max(other.version)).where(
        other.kind == c.kind, other.world == c.world, other.subject == c.subject
    )
    query = select(joint_documents).where(
        c.kind == kind, c.world == world, c.version == last.scalar_subquery()
    )
    return [_document(row) for row in conn.execute(query.order_by(c.subject))]


def _document(row: Any) -> DocumentRow:
    values = dict(row._mapping)
    return DocumentRow(content=json.loads(values.pop("text")), **values)


def insert_party_statement(conn: Connection, said: PartyStatement) -> bool:
    """Append what somebody said; False if exactly that was said before."""
    c = party_statements.c
    if conn.execute(select(c.seq).where(c.id == said.id)).first() is not None:
        return False
    values = vars(said) | {"body": canonical_json(said.body).decode()}
    conn.execute(insert(party_statements).values(**values))
    return True


def read_party_statements(
    conn: Connection,
    kind: str,
    *,
    world: str | None = None,
    subject: str | None = None,
    until: datetime | None = None,
) -> list[PartyStatement]:
    """Return what was said of a kind, by the instant at which it was said; nothing said after ``until``."""
    c = party_statements.c
    query = select(party_statements).where(c.kind == kind)
    for column, value in ((c.world, world), (c.subject, subject)):
        query = query if value is None else query.where(column == value)
    query = query if until is None else query.where(c.at <= until)
    return [_statement(row) for row in conn.execute(query.order_by(c.at, c.id))]


def find_party_statement(conn: Connection, id: str) -> PartyStatement | None:
    """Return what was said under an id, if anything."""
    row = conn.execute(select(party_statements).where(party_statements.c.id == id)).one_or_none()
    return None if row is None else _statement(row)


def untold_statements(conn: Connection, party: str, peer: str, kinds: Sequence[str]) -> list[PartyStatement]:
    """Return what was said here for a party, of some kinds, and was not sent to a peer, oldest first."""
    c, sent = party_statements.c, envelopes_sent.c
    told = exists().where(sent.recipient == peer, sent.occasion == literal(TOLD) + c.id)
    query = select(party_statements).where(c.own, c.party == party, c.kind.in_(kinds), ~told)
    return [_statement(row) for row in conn.execute(query.order_by(c.seq))]


def _statement(row: Any) -> PartyStatement:
    values = {name: row._mapping[name] for name in PartyStatement.__dataclass_fields__}
    return PartyStatement(**values | {"body": json.loads(values["body"])})


def insert_telephone(conn: Connection, statement: str, telephone: str) -> None:
    """Enter the number of who is on duty; it stays in this ledger."""
    conn.execute(insert(duty_telephones).values(statement=statement, telephone=telephone))


def read_telephones(conn: Connection) -> dict[str, str]:
    """Return the numbers known here, by the id of the shift."""
    return {row.statement: row.telephone for row in conn.execute(select(duty_telephones))}
