"""Envelopes between nodes: sent, received, handled, refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
TABLES = ("envelopes_sent", "envelopes_received", "envelopes_handled", "envelopes_refused")


def upgrade() -> None:
    _sent()
    _received()
    _handled()
    _refused()
    for table in TABLES:
        protect(table)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _sent() -> None:
    op.create_table(
        "envelopes_sent",
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("occasion", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "sequence", name="pk_envelopes_sent"),
        sa.UniqueConstraint("recipient", "occasion", name="uq_envelopes_sent_recipient"),
    )


def _received() -> None:
    op.create_table(
        "envelopes_received",
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("transport", sa.String(32), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "sequence", name="pk_envelopes_received"),
    )
    op.create_index("ix_envelopes_received_kind", "envelopes_received", ["sender", "kind", "sequence"])


def _handled() -> None:
    op.create_table(
        "envelopes_handled",
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("sender", "sequence", name="pk_envelopes_handled"),
    )


def _refused() -> None:
    op.create_table(
        "envelopes_refused",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("transport", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("payload_digest", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_envelopes_refused"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_envelopes_refused_digest", "envelopes_refused", ["payload_digest"])
