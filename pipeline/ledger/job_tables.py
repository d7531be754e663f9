"""The table of jobs: every attempt at what the timetable asks for."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table, Text, text

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import UTCDateTime

ENDED = ("done", "failed", "skipped")

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("flow", String(32), nullable=False),
    Column("part", String(64), nullable=False),
    Column("nominal", UTCDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("begun_at", UTCDateTime, nullable=False),
    Column("beat_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("worker", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("result", JSON),
    CheckConstraint("state IN ('running', 'done', 'failed', 'skipped')", name="state"),
    CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended"),
    Index("uq_jobs_attempt", "flow", "part", "nominal", "attempt", unique=True),
    Index(
        "uq_jobs_once",
        "flow",
        "part",
        "nominal",
        unique=True,
        sqlite_where=text("state IN ('running', 'done')"),
        postgresql_where=text("state IN ('running', 'done')"),
    ),
    Index("ix_jobs_nominal", "nominal"),
)
"""Jobs; two that run or are done for one nominal time of a flow's part cannot be."""
