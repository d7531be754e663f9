"""What PostgreSQL must be told so that a ledger in it behaves as in SQLite: one writer, steady readers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DatabaseError, InterfaceError

from pipeline.errors import StorageError

OLDEST_SERVER: Final = 130000
LOCK_TIMEOUT_SECONDS: Final = 30
STATEMENT_TIMEOUT_SECONDS: Final = 300
IDLE_WRITER_SECONDS: Final = 900
"""After this long without a word a writer that holds everybody else up is taken for stuck and rolled back."""

WRITE_LOCK: Final = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :idle, true),"
    " pg_advisory_xact_lock(hashtextextended('sameair ' || current_schema(), 0))"
)
CONNECTION: Final = {
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
_SERVER: Final = (
    f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s -c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s"
    " -c timezone=UTC -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
_UNREACHABLE = "see that the server runs and that host, user, password and database of the URL are right"
_REMEDIES: Final = {
    "55P03": "another process has long held the lock; wait for it or end it, then repeat",
    "57014": "a statement took too long; see what else the server does, then repeat",
    "53100": "free space on the server's disk, then repeat",
    "53300": "raise max_connections of the server or end other clients, then repeat",
    "25006": "the server takes no writes (a standby?); give the URL of the primary",
    "42501": "let the user own the database or its schema, e.g. CREATE DATABASE … OWNER …",
    "3D000": "make the database, e.g. createdb --owner USER NAME",
}


def with_driver(url: URL) -> URL:
    """Return the URL with the driver that is installed where it names none.

    >>> from sqlalchemy import make_url
    >>> with_driver(make_url("postgresql://user@host/db")).drivername
    'postgresql+psycopg'
    """
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def engine_options(url: URL) -> dict[str, Any]:
    """Return how the engine is made: lost connections are noticed, and nothing waits without end.

    What the URL itself says (``?connect_timeout=3``, ``?options=-c search_path=sameair``) goes before.
    """
    settled = {name: value for name, value in CONNECTION.items() if name not in url.query}
    given = url.query.get("options", ())
    options = [_SERVER, *((given,) if isinstance(given, str) else given)]
    names = {"application_name": "sameair"} if "application_name" not in url.query else {}
    return {
        "pool_pre_ping": True,
        "connect_args": {**settled, **names, "options": " ".join(options)},
    }


def begin_as_asked(connection: Connection) -> None:
    """Take the ledger's write lock at the beginning of a transaction that writes.

    The lock is freed after the commit is visible, and each statement of READ COMMITTED sees what was
    committed before it began; so whoever holds the lock has seen all that earlier writers did.
    """
    if connection.get_execution_options().get("sameair_begin"):
        connection.execute(WRITE_LOCK, {"idle": f"{IDLE_WRITER_SECONDS}s"})


def sqlstate(error: BaseException | None) -> str:
    """Return PostgreSQL's code of an error, empty where the connection itself failed or it is another's."""
    return str(getattr(error, "sqlstate", None) or "")


def remedy(error: DatabaseError | InterfaceError) -> str:
    """Say what an operator can do about an error of PostgreSQL.

    >>> from sqlalchemy.exc import OperationalError
    >>> remedy(OperationalError("", None, Exception("connection refused")))[:29]
    'see that the server runs and '
    """
    code = sqlstate(error.orig)
    if code in _REMEDIES:
        return _REMEDIES[code]
    if not code or code[:2] in ("08", "28", "57"):
        return f"{_UNREACHABLE}, then repeat; of what was not committed nothing is left"
    return "see the server's log, then repeat"


def refuse_unfit_server(connection: Connection) -> None:
    """Raise StorageError for a server or a database in which a ledger would not be safe."""
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if version < OLDEST_SERVER:
        raise StorageError(f"PostgreSQL {version // 10000} is too old; use 13 or newer")
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StorageError(f"the database is encoded in {encoding}; make one with createdb --encoding UTF8")
    if connection.execute(text("SELECT current_schema()")).scalar() is None:
        raise StorageError("the search_path of the user names no schema; make it, or change search_path")


def settle_texts(connection: Connection) -> None:
    """Let texts be as long and sort as in SQLite: ``varchar(n)`` becomes ``text`` that sorts by bytes.

    Only columns that are not so yet are changed.
    """
    found = connection.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text')"
            " AND (data_type <> 'text' OR collation_name IS DISTINCT FROM 'C')"
            " AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position"
        )
    ).all()
    changes: dict[str, list[str]] = {}
    for table, column in found:
        changes.setdefault(table, []).append(f'ALTER COLUMN "{column}" TYPE text COLLATE "C"')
    for table, columns in changes.items():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(columns)}')


def is_postgres(engine: Engine) -> bool:
    """Tell whether a ledger lies in PostgreSQL."""
    return engine.dialect.name == "postgresql"
