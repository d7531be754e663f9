"""Locks by name that every process of one ledger respects, on whichever machine; a dead holder frees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipeline.errors import StorageError
from pipeline.ledger.postgres import is_postgres, sqlstate

if TYPE_CHECKING:
    from pipeline.ledger.connect import Ledger

POLL_SECONDS = 0.02
_LOCK = text("SELECT pg_advisory_lock(hashtextextended('sameair ' || current_schema() || ' ' || :name, 0))")
_FREE = text("SELECT pg_advisory_unlock(hashtextextended('sameair ' || current_schema() || ' ' || :name, 0))")


class LockHeld(StorageError):
    """Another process has held a lock for longer than the caller waits."""


def ledger_lock(ledger: Ledger, name: str, *, wait_s: float) -> AbstractContextManager[Callable[[], None]]:
    """Hold the lock of a name among all processes and threads that use this ledger.

    Beside SQLite it is a locked file, on PostgreSQL an advisory lock of a session of its own, so it holds
    between machines. The system, or the server, frees it when its holder dies. It is not reentrant.

    Parameters
    ----------
    name : what is locked, such as ``cycle measured``
    wait_s : how long to wait for another holder [s]; 0: not at all

    Returns
    -------
    what the block is given: a function that raises StorageError once the lock was lost, as by a restart of
    the server; a holder that works for long calls it before it makes its results count

    Raises
    ------
    LockHeld
        another process has held it for ``wait_s``
    StorageError
        the folder or the server cannot be used

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger_lock(ledger, "cycle measured", wait_s=0) as still_held:
    ...         still_held()
    ...         try:
    ...             with ledger_lock(ledger, "cycle measured", wait_s=0):
    ...                 pass
    ...         except LockHeld as error:
    ...             print(error)
    ...     ledger.close()
    another process holds the lock 'cycle measured' of the ledger; wait for it or end it, then repeat
    """
    return _session_lock(ledger, name, wait_s) if is_postgres(ledger.engine) else _file(ledger, name, wait_s)


@contextmanager
def _file(ledger: Ledger, name: str, wait_s: float) -> Iterator[Callable[[], None]]:
    """Lock a file in a folder beside the SQLite file."""
    path = Path(f"{ledger.engine.url.database}.locks") / f"{quote(name, safe=' ')}.lock"
    lock = FileLock(path, timeout=wait_s, poll_interval=POLL_SECONDS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _held(name) from None
    except OSError as error:
        raise StorageError(f"cannot lock {path}: {error}; free it, then repeat") from error
    try:
        yield lambda: None
    finally:
        lock.release()


@contextmanager
def _session_lock(ledger: Ledger, name: str, wait_s: float) -> Iterator[Callable[[], None]]:
    """Lock in a session that the pool does not know, so that no other use of a connection can free it."""
    with ledger.storage_errors():
        connection = ledger.engine.connect()
        session = connection.connection.driver_connection
    try:
        with ledger.storage_errors():
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            _wait(connection, name, wait_s)
        yield lambda: _still_there(ledger, connection, name)
        _free(connection, name)
    finally:
        if session is not None:
            session.close()
        connection.invalidate()
        connection.close()


def _wait(connection: Connection, name: str, wait_s: float) -> None:
    """Take the lock, waiting in the server; other limits are lifted, for this session is there to wait."""
    connection.exec_driver_sql("SET statement_timeout = 0")
    if connection.exec_driver_sql("SHOW server_version_num").scalar_one() >= "140000":
        connection.exec_driver_sql("SET idle_session_timeout = 0")
    connection.exec_driver_sql(f"SET lock_timeout = {max(1, int(wait_s * 1000))}")
    try:
        connection.execute(_LOCK, {"name": name})
    except DBAPIError as error:
        if sqlstate(error.orig) == "55P03":
            raise _held(name) from None
        raise


def _still_there(ledger: Ledger, connection: Connection, name: str) -> None:
    """Raise StorageError when the session that holds the lock is gone."""
    with ledger.storage_errors():
        try:
            connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            raise StorageError(f"the lock {name!r} of the ledger was lost ({error.orig}); repeat") from error


def _free(connection: Connection, name: str) -> None:
    """Free the lock at once; where the session is gone the server has done so."""
    try:
        connection.execute(_FREE, {"name": name})
    except SQLAlchemyError:
        return


def _held(name: str) -> LockHeld:
    return LockHeld(
        f"another process holds the lock {name!r} of the ledger; wait for it or end it, then repeat"
    )
