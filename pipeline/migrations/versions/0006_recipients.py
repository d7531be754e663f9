"""Recipients, and apart from them what can be erased: names and addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "recipients",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("languages", sa.JSON, nullable=False),
        sa.Column("cities", sa.JSON, nullable=False),
        sa.Column("minimum_level", sa.String(8), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("verified_at", INSTANT),
        sa.Column("leave_from", INSTANT),
        sa.Column("leave_until", INSTANT),
        sa.Column("deputy", sa.String(64)),
        sa.Column("erased_at", INSTANT),
        sa.CheckConstraint("channel IN ('email', 'webhook')", name="ck_recipients_channel"),
        sa.CheckConstraint("leave_from < leave_until", name="ck_recipients_leave"),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
    )
    op.create_index("ix_recipients_party", "recipients", ["party"])
    op.create_table(
        "recipient_contacts",
        sa.Column("recipient_id", sa.String(64), nullable=False),
        sa.Column("handle", sa.String(64), nullable=False),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("webhook", sa.String(320), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", name="pk_recipient_contacts"),
    )
    op.create_index("ix_recipient_contacts_handle", "recipient_contacts", ["handle"])


def downgrade() -> None:
    """The older program looks for addresses beside the messages, of which some may wait."""
    for channel in ("email", "webhook"):
        op.execute(
            f"UPDATE outbox SET address = COALESCE((SELECT {channel} FROM recipient_contacts "  # noqa: S608
            f"WHERE recipient_id = outbox.recipient), '') WHERE channel = '{channel}' AND address = ''"
        )
    op.drop_table("recipient_contacts")
    op.drop_table("recipients")
