"""Episodes, warnings with their versions and signatures, and deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
APPEND_ONLY = (
    "episodes",
    "episode_revisions",
    "warnings",
    "warning_episodes",
    "warning_versions",
    "warning_events",
    "signatures",
    "delivery_attempts",
)


def upgrade() -> None:
    _episodes()
    _warnings()
    _signatures()
    _deliveries()
    protect(*APPEND_ONLY)


def downgrade() -> None:
    for name in ("delivery_attempts", "outbox", "signatures", "warning_events", "warning_versions"):
        op.drop_table(name)
    for name in ("warning_episodes", "warnings", "episode_revisions", "episodes"):
        op.drop_table(name)


def _episodes() -> None:
    op.create_table(
        "episodes",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("city", sa.String(64), nullable=False),
        sa.Column("quantity", sa.String(64), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_episodes"),
    )
    op.create_index("ix_episodes_city", "episodes", ["world", "city", "quantity"])
    op.create_table(
        "episode_revisions",
        sa.Column("episode_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("onset", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.CheckConstraint("state IN ('open', 'ended', 'withdrawn')", name="ck_episode_revisions_state"),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episodes.id"], name="fk_episode_revisions_episode_id_episodes"
        ),
        sa.PrimaryKeyConstraint("episode_id", "revision", name="pk_episode_revisions"),
    )


def _warnings() -> None:
    op.create_table(
        "warnings",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("product", sa.String(24), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "product IN ('joint_warning', 'notice', 'single_city_warning')", name="ck_warnings_product"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_warnings"),
    )
    op.create_index("ix_warnings_world", "warnings", ["world", "created_at"])
    op.create_table(
        "warning_episodes",
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("episode_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name="fk_warning_episodes_warning_id_warnings"
        ),
        sa.PrimaryKeyConstraint("warning_id", "episode_id", name="pk_warning_episodes"),
    )
    op.create_index("ix_warning_episodes_episode", "warning_episodes", ["episode_id"])
    op.create_table(
        "warning_versions",
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("review_deadline", INSTANT, nullable=False),
        sa.Column("expires", INSTANT, nullable=False),
        sa.Column("written_by", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name="fk_warning_versions_warning_id_warnings"
        ),
        sa.PrimaryKeyConstraint("warning_id", "version", "revision", name="pk_warning_versions"),
    )
    op.create_table(
        "warning_events",
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'in_review', 'issued', 'updated', "
            "'ended', 'rejected', 'expired', 'cancelled')",
            name="ck_warning_events_state",
        ),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name="fk_warning_events_warning_id_warnings"
        ),
        sa.PrimaryKeyConstraint("warning_id", "version", "step", name="pk_warning_events"),
    )


def _signatures() -> None:
    op.create_table(
        "signatures",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("drill", sa.Boolean, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.CheckConstraint("decision IN ('approve', 'object')", name="ck_signatures_decision"),
        sa.PrimaryKeyConstraint("seq", name="pk_signatures"),
        sa.UniqueConstraint(
            "warning_id", "version", "content_digest", "party", "decision", name="uq_signatures_warning_id"
        ),
        sqlite_autoincrement=True,
    )


def _deliveries() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("message_id", sa.String(300), nullable=False),
        sa.Column("payload_digest", sa.String(64), nullable=False),
        sa.Column("expires", INSTANT, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("claim", sa.String(200)),
        sa.Column("claimed_at", INSTANT),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'failed', 'unknown')", name="ck_outbox_state"
        ),
        sa.ForeignKeyConstraint(["warning_id"], ["warnings.id"], name="fk_outbox_warning_id_warnings"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
        sa.UniqueConstraint("warning_id", "version", "recipient", name="uq_outbox_warning_id"),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_attempt_at"])
    op.create_table(
        "delivery_attempts",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("outbox_id", sa.String(200), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_delivery_attempts_outbox_id_outbox"),
        sa.PrimaryKeyConstraint("seq", name="pk_delivery_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_attempts_outbox", "delivery_attempts", ["outbox_id"])
