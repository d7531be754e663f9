"""Jobs: every attempt at what the timetable asks for, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ONCE = sa.text("state IN ('running', 'done')")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("flow", sa.String(32), nullable=False),
        sa.Column("part", sa.String(64), nullable=False),
        sa.Column("nominal", INSTANT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("worker", sa.String(120), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'skipped')", name=op.f("ck_jobs_state")),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name=op.f("ck_jobs_ended")),
    )
    place = ["flow", "part", "nominal"]
    op.create_index("uq_jobs_attempt", "jobs", [*place, "attempt"], unique=True)
    op.create_index("uq_jobs_once", "jobs", place, unique=True, sqlite_where=ONCE, postgresql_where=ONCE)
    op.create_index("ix_jobs_nominal", "jobs", ["nominal"])


def downgrade() -> None:
    op.drop_table("jobs")
