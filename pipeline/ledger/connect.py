"""Opening the ledger: one SQLAlchemy engine whose transactions never deadlock and whose schema is current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pipeline.errors import StorageError, UsageError
from pipeline.ledger import postgres
from pipeline.ledger.migrate import bring_up_to_date

BUSY_TIMEOUT_SECONDS = 30
EXAMPLES = "give e.g. sqlite:////folder/ledger.sqlite or postgresql+psycopg://user@host/database"


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """Name the place, without what could hold a secret."""
        return f"Ledger({self.place})"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: committed at the end, rolled back on any error.

        It takes the ledger's one write lock at once (SQLite: BEGIN IMMEDIATE, PostgreSQL: an advisory lock),
        so that what was read inside still holds when it is written; others wait for up to 30 s.

        Raises
        ------
        StorageError
            the ledger is locked, full, damaged or gone
        """
        with self.storage_errors(), self.engine.connect() as connection:
            writing = connection.execution_options(sameair_begin="BEGIN IMMEDIATE")
            with writing.begin():
                yield writing

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one consistent state and never waits for a writer."""
        with self.storage_errors(), self.engine.connect() as connection:
            if postgres.is_postgres(self.engine):
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def storage_errors(self) -> AbstractContextManager[None]:
        """Turn what the database says about its disk, locks and health into StorageError."""
        return _storage_errors(self.engine)

    @property
    def place(self) -> str:
        """Return where the ledger lies, without what could hold a secret."""
        return shown_url(self.engine.url)

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


def shown_url(url: URL) -> str:
    """Return a URL as it may be shown: without password and without its parameters, which may hold one.

    >>> shown_url(make_url("postgresql+psycopg://node:secret@db/sameair?sslpassword=hidden"))
    'postgresql+psycopg://node:***@db/sameair'
    """
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def _storage_errors(engine: Engine) -> Iterator[None]:
    """Turn what the database says about its disk, locks and health into StorageError."""
    try:
        yield
    except (IntegrityError, ProgrammingError) as error:
        if postgres.sqlstate(error.orig) not in ("42501", "3D000"):
            raise
        raise StorageError(_told(engine, error)) from error
    except (DatabaseError, InterfaceError) as error:
        raise StorageError(_told(engine, error)) from error
    except PoolTimeout as error:
        raise StorageError(f"ledger {shown_url(engine.url)}: every connection is in use; repeat") from error


def _told(engine: Engine, error: DatabaseError | InterfaceError) -> str:
    """Return one line about an error of the database, with the remedy."""
    what = "free the disk or the lock, then repeat"
    if postgres.is_postgres(engine):
        what = postgres.remedy(error)
    return f"ledger {shown_url(engine.url)}: {_one_line(error.orig)}; {what}"


def _one_line(error: object) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split())


def open_ledger(url: str) -> Ledger:
    """Open the ledger at a SQLAlchemy URL, creating it and bringing its schema up to date where needed.

    Parameters
    ----------
    url : ``sqlite:////folder/ledger.sqlite`` or ``postgresql+psycopg://user@host/database``

    Raises
    ------
    UsageError
        the URL cannot be understood
    StorageError
        the folder or the database cannot be used, or a newer sameair has written it
    """
    try:
        target = postgres.with_driver(make_url(url))
        if target.get_backend_name() == "sqlite":
            _make_folder(target.database)
        engine = create_engine(target, **_engine_options(target))
    except ValueError:
        raise UsageError(
            "ledger URL not understood (its port is no number); signs such as @ : / in a password are"
            " written as %40 %3A %2F"
        ) from None
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UsageError(f"ledger URL not understood ({error}); {EXAMPLES}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif postgres.is_postgres(engine):
        event.listen(engine, "begin", postgres.begin_as_asked)
    ledger = Ledger(engine)
    try:
        bring_up_to_date(ledger)
    except ProgrammingError as error:
        ledger.close()
        raise UsageError(f"ledger {ledger.place}: {_one_line(error.orig)}; {EXAMPLES}") from error
    except BaseException:
        ledger.close()
        raise
    return ledger


def _make_folder(database: str | None) -> None:
    """Create the folder of a SQLite file; in memory each connection would have its own."""
    if not database or database == ":memory:":
        raise UsageError("the ledger cannot live in memory; give e.g. sqlite:////folder/ledger.sqlite")
    try:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the folder of the ledger: {error}") from error


def _engine_options(url: URL) -> dict[str, Any]:
    """Return what the engine must be told of its database."""
    if url.get_backend_name() == "postgresql":
        return postgres.engine_options(url)
    return {"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS} if url.get_backend_name() == "sqlite" else {}}


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
