"""Tables of the replay school: which lessons people began, and the probabilities that they typed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, Index, Integer, String, Table

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import UTCDateTime

school_lessons_begun = Table(
    "school_lessons_begun",
    metadata,
    Column("account_id", String(26), primary_key=True),
    Column("lesson", String(80), primary_key=True),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the lesson's file as it was begun"),
    Column(
        "sees_forecasts", Integer, nullable=False, comment="1: with the model's figures beside, 0: without"
    ),
    Column("begun_at", UTCDateTime, nullable=False),
    CheckConstraint("sees_forecasts IN (0, 1)", name="sees_forecasts"),
)
"""A person's lessons; each is taken once."""

school_answers = Table(
    "school_answers",
    metadata,
    Column("account_id", String(26), primary_key=True),
    Column("lesson", String(80), primary_key=True),
    Column("step", Integer, primary_key=True, comment="which question of the lesson, from 0"),
    Column("city", String(32), primary_key=True),
    Column("threshold", Integer, primary_key=True, comment="ug m-3"),
    Column("probability", Float, nullable=False),
    Column("answered_at", UTCDateTime, nullable=False),
    CheckConstraint("probability >= 0 AND probability <= 1", name="probability"),
    Index("ix_school_answers_lesson", "lesson"),
)
"""What people typed; a row is never changed."""
