"""The replay school: lessons that people began, and the probabilities that they typed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "school_lessons_begun",
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("lesson", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sees_forecasts", sa.Integer(), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "lesson", name="pk_school_lessons_begun"),
        sa.CheckConstraint("sees_forecasts IN (0, 1)", name=op.f("ck_school_lessons_begun_sees_forecasts")),
    )
    op.create_table(
        "school_answers",
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("lesson", sa.String(80), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(32), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "lesson", "step", "city", "threshold", name="pk_school_answers"
        ),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 1", name=op.f("ck_school_answers_probability")
        ),
    )
    op.create_index("ix_school_answers_lesson", "school_answers", ["lesson"])


def downgrade() -> None:
    for name in ("school_answers", "school_lessons_begun"):
        op.drop_table(name)
