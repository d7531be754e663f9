"""Agreement between nodes: statements, episode aliases, seals, openings, questions, answers, calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
TABLES = (
    *("agreement_statements", "episode_aliases", "seals", "openings"),
    *("questions", "answers", "consultation_calls"),
)


def upgrade() -> None:
    _statements()
    _seals()
    _consultation()
    for table in TABLES:
        protect(table)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _statements() -> None:
    op.create_table(
        "agreement_statements",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("party", sa.String(32), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("slot", sa.String(200), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_agreement_statements"),
        sa.UniqueConstraint("party", "slot", "round", "kind", "digest", name="uq_agreement_statements_party"),
        sa.CheckConstraint("kind IN ('offer', 'vote', 'issued')", name=op.f("ck_agreement_statements_kind")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agreement_statements_slot", "agreement_statements", ["slot", "seq"])
    op.create_index("ix_agreement_statements_text", "agreement_statements", ["warning_id", "version"])
    op.create_table(
        "episode_aliases",
        sa.Column("foreign_id", sa.String(64), nullable=False),
        sa.Column("own_id", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("foreign_id", name="pk_episode_aliases"),
    )


def _seals() -> None:
    op.create_table(
        "seals",
        sa.Column("party", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("commitment", sa.String(64), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("opens", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("party", "subject", name="pk_seals"),
    )
    op.create_table(
        "openings",
        sa.Column("party", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("fits", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("party", "subject", name="pk_openings"),
    )


def _consultation() -> None:
    op.create_table(
        "questions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(32), nullable=False),
        sa.Column("asked", sa.String(32), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("due", INSTANT, nullable=False),
        sa.Column("ring", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
    )
    op.create_table(
        "answers",
        sa.Column("question", sa.String(64), nullable=False),
        sa.Column("party", sa.String(32), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("question", name="pk_answers"),
    )
    op.create_table(
        "consultation_calls",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("question", sa.String(64), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("telephone", sa.String(64), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_consultation_calls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consultation_calls_question", "consultation_calls", ["question"])
