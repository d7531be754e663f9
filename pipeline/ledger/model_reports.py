"""What was found out about a model: scores of its training and of hindcasts, comparisons, drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from pipeline.ledger.model_tables import model_reports

Kind = Literal["validation", "hindcast", "comparison", "drift"]


@dataclass(frozen=True)
class ModelReport:
    """One finding; its content is plain JSON whose shape the kind decides."""

    seq: int
    at: datetime
    model_id: str
    kind: Kind
    content: dict[str, Any]


def append_report(
    conn: Connection, model_id: str, kind: Kind, content: Mapping[str, Any], *, at: datetime
) -> None:
    """Write a finding down, unless the newest of its kind about this model says just the same."""
    newest = read_reports(conn, model_id, kind, limit=1)
    if newest and kind != "drift" and newest[0].content == dict(content):
        return
    values = {"at": at, "model_id": model_id, "kind": kind, "content": dict(content)}
    conn.execute(insert(model_reports).values(**values))


def read_reports(
    conn: Connection, model_id: str, kind: Kind | None = None, *, limit: int = 20
) -> list[ModelReport]:
    """Return what was found out about a model, newest first."""
    c = model_reports.c
    query = select(model_reports).where(c.model_id == model_id).order_by(c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(c.kind == kind)
    return [ModelReport(**row._mapping) for row in conn.execute(query)]
