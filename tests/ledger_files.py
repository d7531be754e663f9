"""Keeping a ledger as it is at a moment and putting it back later, in whichever database it lies."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa


def keep_ledger(file: Path, kept: Path) -> Path:
    """Copy a ledger to another path, in one state, also while it is in use; returns that path."""
    if os.environ.get("SAMEAIR_TEST_POSTGRES"):
        _on_postgres().keep(file, kept)
        return kept
    kept.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(kept)) as then:
        now.backup(then)
    return kept


def put_back_ledger(file: Path, kept: Path) -> None:
    """Let a ledger, which nobody has open, be as it was when it was kept."""
    if os.environ.get("SAMEAIR_TEST_POSTGRES"):
        _on_postgres().put_back(file, kept)
        return
    for extra in ("", "-wal", "-shm"):
        Path(f"{file}{extra}").unlink(missing_ok=True)
    shutil.copy(kept, file)


def damage_ledger(file: Path) -> None:
    """Let a ledger be unusable from now on."""
    if os.environ.get("SAMEAIR_TEST_POSTGRES"):
        _on_postgres().lose(file)
        return
    for one in file.parent.glob(f"{file.name}*"):
        if one.is_file():
            one.write_bytes(b"not a database" * 400)


def drop_triggers(conn: sa.Connection, table: str | None = None) -> None:
    """Let rows be changed that the database protects, as somebody with the right to the file could."""
    if conn.dialect.name == "sqlite":
        found = conn.exec_driver_sql("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").all()
    else:
        found = conn.exec_driver_sql(
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal"
        ).all()
    for name, owner in found:
        if table in (None, owner):
            conn.exec_driver_sql(
                f"DROP TRIGGER {name}" + ("" if conn.dialect.name == "sqlite" else f" ON {owner}")
            )


def _on_postgres():
    import sameair_on_postgres

    return sameair_on_postgres
