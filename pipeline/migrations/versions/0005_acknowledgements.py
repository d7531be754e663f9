"""Acknowledgements, and more than one message per version and recipient: second channel, reminders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from pipeline.migrations.append_only import protect

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
OLD_KEY = ("warning_id", "version", "recipient")
NEW_KEY = (*OLD_KEY, "purpose", "number")
KEPT = {"outbox": "kept_outbox", "delivery_attempts": "kept_attempts"}


def upgrade() -> None:
    _keep()
    _make_outbox(_added(), NEW_KEY)
    _make_attempts()
    _restore(sa.text("1 = 1"))
    _acknowledgements()


def downgrade() -> None:
    """Only the warnings themselves have a place in the older schema."""
    op.drop_table("acknowledgements")
    _keep()
    _make_outbox([], OLD_KEY)
    _make_attempts()
    _restore(sa.text("purpose = 'warning'"))


def _keep() -> None:
    """Set the rows aside; SQLite can neither drop a constraint nor a table that others refer to."""
    for name, kept in KEPT.items():
        op.execute(f"CREATE TABLE {kept} AS SELECT * FROM {name}")  # noqa: S608 - names of this file
    op.drop_table("delivery_attempts")
    op.drop_table("outbox")


def _restore(which: sa.TextClause) -> None:
    """Put the rows back that have a place."""
    bind = op.get_bind()
    columns = [
        c["name"]
        for c in sa.inspect(bind).get_columns("outbox")
        if c["name"] in {k["name"] for k in sa.inspect(bind).get_columns("kept_outbox")}
    ]
    kept, names = sa.table("kept_outbox", *(sa.column(c) for c in columns)), list(columns)
    outbox = sa.table("outbox", *(sa.column(c) for c in columns))
    op.execute(sa.insert(outbox).from_select(names, sa.select(kept).where(which)))
    fields = ("seq", "outbox_id", "attempt", "at", "channel", "outcome", "code", "detail")
    old = sa.table("kept_attempts", *(sa.column(c) for c in fields))
    new = sa.table("delivery_attempts", *(sa.column(c) for c in fields))
    known: sa.Select[Any] = sa.select(sa.column("id")).select_from(sa.table("outbox"))
    rows = sa.select(old).where(old.c.outbox_id.in_(known)).order_by(old.c.seq)
    op.execute(sa.insert(new).from_select(list(fields), rows))
    for name in KEPT.values():
        op.drop_table(name)
    if bind.dialect.name == "postgresql":
        bind.execute(
            sa.text(
                "SELECT setval(pg_get_serial_sequence('delivery_attempts', 'seq'), max(seq))"
                " FROM delivery_attempts HAVING max(seq) IS NOT NULL"
            )
        )
    protect("delivery_attempts")


def _added() -> Sequence[SchemaItem]:
    return [
        sa.Column("purpose", sa.String(16), nullable=False, server_default="warning"),
        sa.Column("number", sa.Integer, nullable=False, server_default="0"),
        sa.Column("channel", sa.String(16), nullable=False, server_default="email"),
        sa.CheckConstraint(
            "purpose IN ('warning', 'substitute', 'reminder', 'escalation')", name="ck_outbox_purpose"
        ),
    ]


def _make_outbox(added: Sequence[SchemaItem], key: Sequence[str]) -> None:
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
        *added,
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'failed', 'unknown')", name="ck_outbox_state"
        ),
        sa.ForeignKeyConstraint(["warning_id"], ["warnings.id"], name="fk_outbox_warning_id_warnings"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
        sa.UniqueConstraint(*key, name="uq_outbox_warning_id"),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_attempt_at"])


def _make_attempts() -> None:
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


def _acknowledgements() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("way IN ('link', 'person')", name="ck_acknowledgements_way"),
        sa.ForeignKeyConstraint(
            ["warning_id"], ["warnings.id"], name="fk_acknowledgements_warning_id_warnings"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_acknowledgements"),
        sa.UniqueConstraint("warning_id", "version", "recipient", name="uq_acknowledgements_warning_id"),
        sqlite_autoincrement=True,
    )
    protect("acknowledgements")
