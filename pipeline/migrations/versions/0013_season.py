"""The season: joint documents, what people of a party said of them, and the duty rota."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect

revision = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("joint_documents", "party_statements", "duty_telephones")


def upgrade() -> None:
    op.create_table(
        "joint_documents",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "version", "world", name="pk_joint_documents"),
        sa.CheckConstraint("kind IN ('dossier', 'outlook')", name=op.f("ck_joint_documents_kind")),
    )
    _statements()
    op.create_table(
        "duty_telephones",
        sa.Column("statement", sa.String(64), nullable=False),
        sa.Column("telephone", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("statement", name="pk_duty_telephones"),
    )
    protect(*TABLES)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def _statements() -> None:
    op.create_table(
        "party_statements",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("party", sa.String(32), nullable=False),
        sa.Column("person", sa.String(120), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_party_statements"),
        sa.UniqueConstraint("id", name="uq_party_statements_id"),
        sa.CheckConstraint(
            "kind IN ('finding', 'answer', 'close', 'outlook', 'shift', 'handover')",
            name=op.f("ck_party_statements_kind"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_party_statements_subject", "party_statements", ["kind", "world", "subject"])
