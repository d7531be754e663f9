"""The store's batches and stations, runs, models and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _store()
    _runs_and_models()
    _audit()


def downgrade() -> None:
    names = ("audit_head", "audit", "models", "runs", "station_rows", "receipts", "batch_parts", "batches")
    for name in names:
        op.drop_table(name)


def _store() -> None:
    op.create_table(
        "batches",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first_time", INSTANT, nullable=False),
        sa.Column("last_time", INSTANT, nullable=False),
        sa.Column("quantities", sa.JSON, nullable=False),
        sa.Column("receipt", sa.String(8), nullable=False),
        sa.Column("received_at", INSTANT),
        sa.Column("delay_seconds", sa.Integer),
        sa.Column("first_received", INSTANT, nullable=False),
        sa.Column("last_received", INSTANT, nullable=False),
        sa.Column("listed_at", INSTANT, nullable=False),
        sa.Column("superseded_at", INSTANT),
        sa.Column("superseded_by", sa.String(64)),
        sa.PrimaryKeyConstraint("seq", name="pk_batches"),
        sa.UniqueConstraint("id", name="uq_batches_id"),
        sa.CheckConstraint("receipt IN ('live', 'assumed', 'column')", name="ck_batches_receipt"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batches_listed", "batches", ["world", "superseded_at", "last_time"])
    op.create_table(
        "batch_parts",
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("world", "source", "month", "digest", name="pk_batch_parts"),
    )
    op.create_table(
        "receipts",
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("last_received", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("world", name="pk_receipts"),
    )
    op.create_table(
        "station_rows",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("station", sa.String(200), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("altitude", sa.Float),
        sa.Column("city", sa.String(64), nullable=False),
        sa.Column("interval_hours", sa.Float, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_station_rows"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_station_rows_station", "station_rows", ["world", "station"])


def _runs_and_models() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("cycle", INSTANT, nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("code_version", sa.String(64), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("is_current", sa.Boolean, nullable=False),
        sa.Column("model_id", sa.String(200)),
        sa.Column("inputs", sa.JSON),
        sa.Column("degraded", sa.Text),
        sa.Column("products", sa.JSON),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.CheckConstraint("status IN ('running', 'finished', 'failed')", name="ck_runs_status"),
    )
    op.create_index("ix_runs_cycle", "runs", ["world", "cycle"])
    op.create_index(
        "uq_runs_current",
        "runs",
        ["world", "cycle"],
        unique=True,
        sqlite_where=sa.column("is_current").is_(True),
        postgresql_where=sa.column("is_current").is_(True),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("quantity", sa.String(64), nullable=False),
        sa.Column("data_until", INSTANT, nullable=False),
        sa.Column("trained_at", INSTANT, nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.CheckConstraint("purpose IN ('operational', 'leave_out')", name="ck_models_purpose"),
    )
    op.create_index("ix_models_use", "models", ["world", "quantity", "purpose", "data_until"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("previous", name="uq_audit_previous"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
        sa.CheckConstraint("id = 1", name="ck_audit_head_one_row"),
    )
