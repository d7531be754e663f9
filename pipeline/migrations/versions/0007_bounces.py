"""Bounces, mail that was read, digests; messages found by recipient without reading them all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.migrations.append_only import protect, unprotect

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.DateTime(timezone=True)
PURPOSES = (
    "'warning', 'substitute', 'reminder', 'escalation'",
    "'warning', 'substitute', 'reminder', 'escalation', 'digest'",
)
WAYS = ("'link', 'person'", "'link', 'person', 'reply'")
NEW = ("bounces", "mailbox_mails", "digest_items")


def upgrade() -> None:
    _replace_outbox(*PURPOSES)
    _replace_acknowledgements(*WAYS)
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "channel", "next_attempt_at"])
    op.create_index("ix_outbox_recipient", "outbox", ["warning_id", "recipient", "version"])
    op.create_index("ix_outbox_open", "outbox", ["expires", "purpose", "state"])
    _bounces()
    _mailbox()
    _digests()


def downgrade() -> None:
    """Replies count as entered by a person; digests have no place in the older schema."""
    for name in reversed(NEW):
        op.drop_table(name)
    for name in ("ix_outbox_open", "ix_outbox_recipient", "ix_outbox_due"):
        op.drop_index(name, "outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "next_attempt_at"])
    unprotect("delivery_attempts")
    op.execute(
        "DELETE FROM delivery_attempts WHERE outbox_id IN (SELECT id FROM outbox WHERE purpose = 'digest')"
    )
    op.execute("DELETE FROM outbox WHERE purpose = 'digest'")
    protect("delivery_attempts")
    unprotect("acknowledgements")
    op.execute("UPDATE acknowledgements SET way = 'person', person = 'reply' WHERE way = 'reply'")
    protect("acknowledgements")
    _replace_outbox(*reversed(PURPOSES))
    _replace_acknowledgements(*reversed(WAYS))


def _bounces() -> None:
    op.create_table(
        "bounces",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("outbox_id", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.CheckConstraint("kind IN ('hard', 'soft', 'delayed')", name="ck_bounces_kind"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_bounces_outbox_id_outbox"),
        sa.PrimaryKeyConstraint("seq", name="pk_bounces"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bounces_outbox", "bounces", ["outbox_id"])
    protect("bounces")


def _mailbox() -> None:
    op.create_table(
        "mailbox_mails",
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("outbox_id", sa.String(200)),
        sa.PrimaryKeyConstraint("key", name="pk_mailbox_mails"),
    )
    protect("mailbox_mails")


def _digests() -> None:
    op.create_table(
        "digest_items",
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("warning_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("outbox_id", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["warning_id"], ["warnings.id"], name="fk_digest_items_warning_id_warnings"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_digest_items_outbox_id_outbox"),
        sa.PrimaryKeyConstraint("recipient", "warning_id", "version", name="pk_digest_items"),
    )
    op.create_index("ix_digest_items_version", "digest_items", ["warning_id", "version"])
    protect("digest_items")


def _replace_outbox(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(("outbox", "delivery_attempts"), "outbox", f"purpose IN ({old})", f"purpose IN ({new})")
        return
    op.drop_constraint("ck_outbox_purpose", "outbox")
    op.create_check_constraint("ck_outbox_purpose", "outbox", f"purpose IN ({new})")


def _replace_acknowledgements(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(("acknowledgements",), "acknowledgements", f"way IN ({old})", f"way IN ({new})")
        return
    op.drop_constraint("ck_acknowledgements_way", "acknowledgements")
    op.create_check_constraint("ck_acknowledgements_way", "acknowledgements", f"way IN ({new})")


def _rebuild(tables: tuple[str, ...], changed: str, old: str, new: str) -> None:
    """Make tables anew with another condition on one of them; SQLite can change none in place.

    ``tables`` begin with the one that the others refer to.
    """
    bind = op.get_bind()
    made = {name: _definitions(name) for name in tables}
    if old not in made[changed][0]:
        raise RuntimeError(f"table {changed} has no condition {old}")
    for name in reversed(tables):
        op.execute(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}")  # noqa: S608 - names of this file
        op.drop_table(name)
    for name in tables:
        table, *others = made[name]
        bind.exec_driver_sql(table.replace(old, new) if name == changed else table)
        op.execute(f"INSERT INTO {name} SELECT * FROM kept_{name}")  # noqa: S608
        op.drop_table(f"kept_{name}")
        for statement in others:
            bind.exec_driver_sql(statement)


def _definitions(table: str) -> list[str]:
    """Return what made a table, its indices and its triggers, the table first."""
    query = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL "
        "ORDER BY type != 'table', name"
    )
    return [str(sql) for (sql,) in op.get_bind().execute(query, {"table": table})]
