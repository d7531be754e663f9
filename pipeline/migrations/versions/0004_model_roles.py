"""Variants and roles of models, and what was found out about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
TABLES = ("model_roles", "model_reports")


def upgrade() -> None:
    op.add_column("models", sa.Column("variant", sa.String(64), nullable=False, server_default="standard"))
    _model_roles()
    _model_reports()
    protect(*TABLES)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
    with op.batch_alter_table("models") as models:  # not every SQLite in use can drop a column
        models.drop_column("variant")


def _model_roles() -> None:
    op.create_table(
        "model_roles",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("model_id", sa.String(200), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("quantity", sa.String(64), nullable=False),
        sa.Column("variant", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.CheckConstraint(
            "role IN ('champion', 'challenger', 'shadow', 'retired')", name="ck_model_roles_role"
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_model_roles_model_id_models"),
        sa.PrimaryKeyConstraint("seq", name="pk_model_roles"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_roles_use", "model_roles", ["world", "quantity", "variant", "at"])
    op.create_index("ix_model_roles_model", "model_roles", ["model_id"])


def _model_reports() -> None:
    op.create_table(
        "model_reports",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("model_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.CheckConstraint(
            "kind IN ('validation', 'hindcast', 'comparison', 'drift')", name="ck_model_reports_kind"
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_model_reports_model_id_models"),
        sa.PrimaryKeyConstraint("seq", name="pk_model_reports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_reports_model", "model_reports", ["model_id", "kind", "seq"])
