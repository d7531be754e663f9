"""Bringing the schema of a ledger to the newest migration, once, whoever comes first."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from sqlalchemy import Connection, inspect, text

from pipeline.errors import StorageError
from pipeline.ledger import postgres
from pipeline.ledger.locks import LockHeld, ledger_lock

if TYPE_CHECKING:
    from pipeline.ledger.connect import Ledger

LOCK_TIMEOUT_SECONDS = 60


def head_revision() -> str:
    """Return the newest migration; revisions are numbered as their files are (``0002_warnings.py``).

    >>> head_revision() >= "0001"
    True
    """
    names = [f.name for f in (resources.files("pipeline.migrations") / "versions").iterdir()]
    return max(n[:4] for n in names if n[:4].isdigit() and n.endswith(".py"))


def current_revision(connection: Connection) -> str:
    """Return the migration that a ledger stands at, or an empty string for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def bring_up_to_date(ledger: Ledger) -> None:
    """Migrate to head unless the ledger is there already; safe when several processes open it at once.

    Raises
    ------
    StorageError
        the ledger was written by a newer sameair, or another process holds it for too long
    """
    with ledger.read() as connection:
        present = current_revision(connection)
    head = head_revision()
    if present > head:
        raise StorageError(
            f"the ledger stands at {present}, this sameair knows {head}; install the newer one"
        )
    if present == head:
        return
    try:
        with _migration_lock(ledger):
            _switch_to_wal(ledger)
            with ledger.write() as connection:
                if current_revision(connection) != head:
                    _migrate(connection)
    except (Timeout, LockHeld) as error:
        raise StorageError(f"another process has been migrating the ledger for a minute: {error}") from error


def _migration_lock(ledger: Ledger) -> AbstractContextManager[object]:
    """Return a lock beside the SQLite file, or on the server; a process that waits finds the work done."""
    database = ledger.engine.url.database
    if ledger.engine.dialect.name != "sqlite" or database is None:
        return ledger_lock(ledger, "migrate", wait_s=LOCK_TIMEOUT_SECONDS)
    return FileLock(Path(f"{database}.lock"), timeout=LOCK_TIMEOUT_SECONDS)


def _switch_to_wal(ledger: Ledger) -> None:
    """Let readers and a writer work side by side; the file remembers it."""
    if ledger.engine.dialect.name != "sqlite":
        return
    connection = ledger.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _migrate(connection: Connection) -> None:
    """Bring the schema to head, and on PostgreSQL its texts to what SQLite has."""
    on_postgres = postgres.is_postgres(connection.engine)
    if on_postgres:
        postgres.refuse_unfit_server(connection)
    _run_migrations(connection)
    if on_postgres:
        postgres.settle_texts(connection)


def _run_migrations(connection: Connection) -> None:
    """Run alembic inside the caller's transaction: all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    with resources.as_file(resources.files("pipeline.migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
