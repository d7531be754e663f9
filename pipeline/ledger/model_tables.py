"""Tables of what becomes of a trained model: the roles it was given, and what was found out about it."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import SEQUENCE, UTCDateTime

model_roles = Table(
    "model_roles",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False, comment="from when on it holds"),
    Column("model_id", String(200), ForeignKey("models.id"), nullable=False),
    Column("world", String(64), nullable=False),
    Column("quantity", String(64), nullable=False),
    Column("variant", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("forced", Boolean, nullable=False, comment="against the gate, by a person's decision"),
    Column("actor", String(200), nullable=False, comment="a person, or the program itself"),
    Column("why", Text, nullable=False),
    Column("evidence", JSON, nullable=False, comment="the comparison that it rests on; empty: none"),
    CheckConstraint("role IN ('champion', 'challenger', 'shadow', 'retired')", name="role"),
    Index("ix_model_roles_use", "world", "quantity", "variant", "at"),
    Index("ix_model_roles_model", "model_id"),
    sqlite_autoincrement=True,
)
"""Every role a model was ever given; its newest row counts, and rows are never changed."""

model_reports = Table(
    "model_reports",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False),
    Column("model_id", String(200), ForeignKey("models.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("content", JSON, nullable=False),
    CheckConstraint("kind IN ('validation', 'hindcast', 'comparison', 'drift')", name="kind"),
    Index("ix_model_reports_model", "model_id", "kind", "seq"),
    sqlite_autoincrement=True,
)
"""What was found out about a model: scores of its training and of hindcasts, comparisons, drift."""
