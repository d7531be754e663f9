"""Tokens of accounts for programs; how a session began, and in what browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "account_tokens",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("acknowledges", sa.Boolean, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_account_tokens"),
        sa.UniqueConstraint("digest", name="uq_account_tokens_digest"),
    )
    op.create_index("ix_account_tokens_account", "account_tokens", ["account_id"])
    with op.batch_alter_table("account_sessions") as table:
        table.add_column(sa.Column("way", sa.String(8), nullable=False, server_default="password"))
        table.add_column(sa.Column("agent", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("account_sessions") as table:
        table.drop_column("agent")
        table.drop_column("way")
    op.drop_table("account_tokens")
