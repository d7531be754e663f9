"""Rows of consultation: sealed numbers and their openings, questions, answers, calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from pipeline.ledger.agreement_tables import answers, consultation_calls, openings, questions, seals


@dataclass(frozen=True)
class SealRow:
    """A commitment to a number; ``secret`` is empty where it is the other party's."""

    party: str
    subject: str
    person: str
    commitment: str
    secret: str
    at: datetime
    opens: datetime


@dataclass(frozen=True)
class OpeningRow:
    """What was in a seal; ``fits`` tells whether it is what was sealed."""

    party: str
    subject: str
    probability: float
    nonce: str
    fits: bool
    at: datetime


@dataclass(frozen=True)
class QuestionRow:
    """A question with its deadline; ``ring`` is a JSON object: whom the asked may ring at the asker's."""

    id: str
    asker: str
    asked: str
    person: str
    subject: str
    text: str
    at: datetime
    due: datetime
    ring: str


@dataclass(frozen=True)
class AnswerRow:
    """An answer; the first one stands."""

    question: str
    party: str
    person: str
    text: str
    at: datetime


@dataclass(frozen=True)
class CallRow:
    """A telephone call made about a question."""

    question: str
    person: str
    telephone: str
    outcome: str
    at: datetime


def insert_seal(conn: Connection, row: SealRow) -> bool:
    """Enter a commitment; False if the party has sealed this subject before, which stands."""
    c = seals.c
    return _once(conn, seals, row, c.party == row.party, c.subject == row.subject)


def is_late(seal: SealRow, seals: Sequence[SealRow]) -> bool:
    """Tell whether a number was sealed when another party's about the same may have been open already."""
    return seal.at >= min(s.opens for s in seals if s.subject == seal.subject)


def insert_opening(conn: Connection, row: OpeningRow) -> bool:
    """Enter what was in a seal, once."""
    c = openings.c
    return _once(conn, openings, row, c.party == row.party, c.subject == row.subject)


def read_seals(conn: Connection, subject: str | None = None) -> list[SealRow]:
    """Return the commitments about a subject, or all, in order of subject and party."""
    query = select(seals).order_by(seals.c.subject, seals.c.party)
    if subject is not None:
        query = query.where(seals.c.subject == subject)
    return [SealRow(**row._mapping) for row in conn.execute(query)]


def read_openings(conn: Connection, subject: str | None = None) -> list[OpeningRow]:
    """Return the opened numbers about a subject, or all, in order of subject and party."""
    query = select(openings).order_by(openings.c.subject, openings.c.party)
    if subject is not None:
        query = query.where(openings.c.subject == subject)
    return [OpeningRow(**row._mapping) for row in conn.execute(query)]


def insert_question(conn: Connection, row: QuestionRow) -> bool:
    """Enter a question, once."""
    return _once(conn, questions, row, questions.c.id == row.id)


def insert_answer(conn: Connection, row: AnswerRow) -> bool:
    """Enter the answer to a question; False if it was answered before."""
    return _once(conn, answers, row, answers.c.question == row.question)


def insert_call(conn: Connection, row: CallRow) -> None:
    """Write down a call."""
    conn.execute(insert(consultation_calls).values(**asdict(row)))


def read_questions(conn: Connection) -> list[QuestionRow]:
    """Return every question, oldest first."""
    query = select(questions).order_by(questions.c.at, questions.c.id)
    return [QuestionRow(**row._mapping) for row in conn.execute(query)]


def read_answers(conn: Connection) -> dict[str, AnswerRow]:
    """Return the answers by question."""
    return {row.question: AnswerRow(**row._mapping) for row in conn.execute(select(answers))}


def read_calls(conn: Connection, question: str) -> list[CallRow]:
    """Return the calls made about a question, oldest first."""
    c = consultation_calls.c
    names = tuple(CallRow.__dataclass_fields__)
    query = select(*(c[name] for name in names)).where(c.question == question).order_by(c.seq)
    return [CallRow(**row._mapping) for row in conn.execute(query)]


def _once(conn: Connection, table: Table, row: Any, *same: Any) -> bool:
    """Insert a row unless one with the same key is there."""
    if conn.execute(select(table).where(*same)).first() is not None:
        return False
    conn.execute(insert(table).values(**asdict(row)))
    return True
