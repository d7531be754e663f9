"""Rows of the replay school: written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from pipeline.ledger.account_tables import accounts
from pipeline.ledger.school_tables import school_answers, school_lessons_begun

Asked = tuple[str, int]
"""City and threshold [ug m-3] of which a probability is asked."""


@dataclass(frozen=True)
class BegunRow:
    """A lesson that a person began, with the model's figures beside or without them."""

    account_id: str
    lesson: str
    digest: str
    sees_forecasts: bool
    begun_at: datetime


@dataclass(frozen=True)
class AnswerRow:
    """One probability that a person typed at one question of a lesson."""

    account_id: str
    lesson: str
    step: int
    city: str
    threshold: int
    probability: float
    answered_at: datetime


def begin_lesson(conn: Connection, row: BegunRow) -> BegunRow:
    """Enter that a person begins a lesson and return it; the way it was first begun, if it was before."""
    found = find_begun(conn, row.account_id, row.lesson)
    if found is None:
        conn.execute(
            insert(school_lessons_begun).values(
                account_id=row.account_id,
                lesson=row.lesson,
                digest=row.digest,
                sees_forecasts=int(row.sees_forecasts),
                begun_at=row.begun_at,
            )
        )
    return found or row


def find_begun(conn: Connection, account_id: str, lesson: str) -> BegunRow | None:
    """Return how a person began a lesson, None if they have not."""
    table = school_lessons_begun
    query = select(table).where(table.c.account_id == account_id, table.c.lesson == lesson)
    found = conn.execute(query).one_or_none()
    return None if found is None else _begun(found._mapping)


def begun_by(conn: Connection, account_ids: Sequence[str]) -> list[BegunRow]:
    """Return every lesson that some people began, oldest first."""
    table = school_lessons_begun
    query = (
        select(table).where(table.c.account_id.in_(account_ids)).order_by(table.c.begun_at, table.c.lesson)
    )
    return [_begun(row._mapping) for row in conn.execute(query)]


def enter_answers(
    conn: Connection, begun: BegunRow, step: int, said: Mapping[Asked, float], at: datetime
) -> bool:
    """Enter what a person typed at one question; False, and nothing changes, if it was answered before."""
    if any(row.step == step for row in answers_to(conn, begun.account_id, begun.lesson)):
        return False
    rows = [
        {
            "account_id": begun.account_id,
            "lesson": begun.lesson,
            "step": step,
            "city": city,
            "threshold": threshold,
            "probability": probability,
            "answered_at": at,
        }
        for (city, threshold), probability in said.items()
    ]
    conn.execute(insert(school_answers), rows)
    return True


def answers_to(conn: Connection, account_id: str, lesson: str) -> list[AnswerRow]:
    """Return a person's answers in a lesson, in the order of its questions."""
    table = school_answers
    query = select(table).where(table.c.account_id == account_id, table.c.lesson == lesson)
    order = (table.c.step, table.c.city, table.c.threshold)
    return [AnswerRow(**row._mapping) for row in conn.execute(query.order_by(*order))]


def answers_by(conn: Connection, account_ids: Sequence[str]) -> list[AnswerRow]:
    """Return every answer of some people, oldest first."""
    table = school_answers
    order = (table.c.answered_at, table.c.lesson, table.c.step, table.c.city, table.c.threshold)
    query = select(table).where(table.c.account_id.in_(account_ids)).order_by(*order)
    return [AnswerRow(**row._mapping) for row in conn.execute(query)]


def people_of(conn: Connection, party: str) -> list[str]:
    """Return the ids of a party's accounts."""
    return list(conn.execute(select(accounts.c.id).where(accounts.c.party == party)).scalars())


def _begun(row: RowMapping) -> BegunRow:
    values: dict[str, Any] = {str(key): value for key, value in row.items()}
    return BegunRow(**{**values, "sees_forecasts": bool(values["sees_forecasts"])})
