"""What sources were asked and answered, quotas, quarantine, and what other agencies said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
TABLES = (
    "source_calls",
    "source_stops",
    "asked_hours",
    "source_gaps",
    "feed_attempts",
    "quarantined",
    "bulletins",
    "forecast_files",
    "station_verdicts",
    "operator_notices",
)


def upgrade() -> None:
    _source_calls()
    _source_stops()
    _asked_hours()
    _source_gaps()
    _feed_attempts()
    _quarantined()
    _bulletins()
    _forecast_files()
    _station_verdicts()
    _operator_notices()


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _source_calls() -> None:
    op.create_table(
        "source_calls",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", "period", name="pk_source_calls"),
    )


def _source_stops() -> None:
    op.create_table(
        "source_stops",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_source_stops"),
    )


def _asked_hours() -> None:
    op.create_table(
        "asked_hours",
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("hour", INSTANT, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("world", "feed", "unit", "hour", name="pk_asked_hours"),
    )


def _source_gaps() -> None:
    op.create_table(
        "source_gaps",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("hour", INSTANT, nullable=False),
        sa.Column("noticed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_source_gaps"),
        sa.UniqueConstraint("world", "feed", "unit", "hour", name="uq_source_gaps_world"),
        sqlite_autoincrement=True,
    )


def _feed_attempts() -> None:
    op.create_table(
        "feed_attempts",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("newest", INSTANT, nullable=True),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('ok', 'partial', 'nothing', 'failed', 'stopped')", name="ck_feed_attempts_outcome"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_feed_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feed_attempts_feed", "feed_attempts", ["world", "feed", "seq"])


def _quarantined() -> None:
    op.create_table(
        "quarantined",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("fetched_at", INSTANT, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantined"),
    )
    op.create_index("ix_quarantined_open", "quarantined", ["world", "source", "resolved_at"])


def _bulletins() -> None:
    op.create_table(
        "bulletins",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("valid_from", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_bulletins"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bulletins_key", "bulletins", ["world", "source", "kind", "key", "seq"])


def _forecast_files() -> None:
    op.create_table(
        "forecast_files",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("reference_time", INSTANT, nullable=False),
        sa.Column("first_time", INSTANT, nullable=False),
        sa.Column("last_time", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("receipt", sa.String(length=8), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.CheckConstraint("receipt IN ('live', 'assumed')", name="ck_forecast_files_receipt"),
        sa.PrimaryKeyConstraint("seq", name="pk_forecast_files"),
        sa.UniqueConstraint("world", "source", "id", name="uq_forecast_files_world"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_forecast_files_run", "forecast_files", ["world", "source", "reference_time"])


def _station_verdicts() -> None:
    op.create_table(
        "station_verdicts",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("station", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("noticed_at", INSTANT, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('suspect', 'cleared')", name="ck_station_verdicts_state"),
        sa.PrimaryKeyConstraint("seq", name="pk_station_verdicts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_station_verdicts_station", "station_verdicts", ["world", "station", "seq"])


def _operator_notices() -> None:
    op.create_table(
        "operator_notices",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_operator_notices"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operator_notices_subject", "operator_notices", ["world", "subject", "seq"])
