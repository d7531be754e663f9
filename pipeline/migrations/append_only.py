"""Letting the database itself refuse to change or remove what was written once."""

from __future__ import annotations

from alembic import op


def protect(*tables: str) -> None:
    """Refuse UPDATE and DELETE of the rows of tables; the error is an integrity error in either database."""
    for table in tables:
        for action in ("UPDATE", "DELETE"):
            _refuse(table, action)


def unprotect(*tables: str) -> None:
    """Let rows be changed again, for the length of a migration."""
    on = op.get_bind().dialect.name
    for table in tables:
        for action in ("update", "delete"):
            where = f" ON {table}" if on == "postgresql" else ""
            op.execute(f"DROP TRIGGER {table}_no_{action}{where}")


def _refuse(table: str, action: str) -> None:
    """Make one trigger."""
    name, said = f"{table}_no_{action.lower()}", f"{table}: rows are never changed or removed"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION sameair_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION '%: rows are never changed or removed', TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION sameair_refuse()"
    )
