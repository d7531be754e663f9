"""Opening the ledger: one SQLAlchemy engine whose transactions never deadlock and whose schema is current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, ProgrammingError

from pipeline.errors import StorageError, UsageError
from pipeline.ledger.migrate import bring_up_to_date

BUSY_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Ledger:
    """Decisions, deliveries and the list of batches; every access is one of two kinds of transaction.

    Examples
    --------
    >>> import tempfile
    >>> from sqlalchemy import text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.read() as conn:
    ...         print(conn.execute(text("SELECT count(*) FROM audit")).scalar())
    ...     ledger.close()
    0
    """

    engine: Engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: committed at the end, rolled back on any error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that what was read inside still
        holds when it is written; others wait for up to 30 s.

        Raises
        ------
        StorageError
            the ledger is locked, full, damaged or gone
        """
        with _storage_errors(self.engine), self.engine.connect() as connection:
            writing = connection.execution_options(sameair_begin="BEGIN IMMEDIATE")
            with writing.begin():
                yield writing

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one consistent state and never waits for a writer."""
        with _storage_errors(self.engine), self.engine.connect() as connection, connection.begin():
            yield connection

    def forget_deleted(self) -> bool:
        """Let the disk hold nothing of what was deleted; False if somebody reading keeps SQLite from it.

        Deleted rows are overwritten at once (``secure_delete``), but SQLite's log keeps pages as they were
        until it is emptied. PostgreSQL does the like by VACUUM in its own time.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        connection = self.engine.raw_connection()
        try:
            busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
        return not busy

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@contextmanager
def _storage_errors(engine: Engine) -> Iterator[None]:
    """Turn what the database says about its disk, locks and health into StorageError."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except DatabaseError as error:
        place = engine.url.render_as_string(hide_password=True)
        raise StorageError(f"ledger {place}: {error.orig}; free the disk or the lock, then repeat") from error


def open_ledger(url: str) -> Ledger:
    """Open the ledger at a SQLAlchemy URL, creating it and bringing its schema up to date where needed.

    Parameters
    ----------
    url : ``sqlite:////folder/ledger.sqlite`` or another SQLAlchemy URL

    Raises
    ------
    UsageError
        the URL cannot be understood
    StorageError
        the folder or the database cannot be used, or a newer sameair has written it
    """
    try:
        target = make_url(url)
        if target.get_backend_name() == "sqlite":
            _make_folder(target.database)
        engine = create_engine(target, connect_args=_connect_args(target.get_backend_name()))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UsageError(
            f"ledger URL not understood ({error}); give e.g. sqlite:////folder/ledger.sqlite"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    ledger = Ledger(engine)
    bring_up_to_date(ledger)
    return ledger


def _make_folder(database: str | None) -> None:
    """Create the folder of a SQLite file; in memory each connection would have its own."""
    if not database or database == ":memory:":
        raise UsageError("the ledger cannot live in memory; give e.g. sqlite:////folder/ledger.sqlite")
    try:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the folder of the ledger: {error}") from error


def _connect_args(backend: str) -> dict[str, Any]:
    """Return what the driver must be told: SQLite waits for locks."""
    return {"timeout": BUSY_TIMEOUT_SECONDS} if backend == "sqlite" else {}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Take the transactions out of the driver's hands and make commits durable."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin as :meth:`Ledger.write` or :meth:`Ledger.read` asked."""
    connection.exec_driver_sql(connection.get_execution_options().get("sameair_begin", "BEGIN"))
