"""One consistent state of the ledger as a SQLite file, taken while everything runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from flows.backup.manifest import Manifest
from pipeline.batches import partition_key
from pipeline.errors import StorageError
from pipeline.ledger import Ledger, open_ledger
from pipeline.ledger.audit import audit_end, verify_audit
from pipeline.ledger.batches import listed_batches, worlds_listed
from pipeline.ledger.copying import all_tables, copy_ledger
from pipeline.storage.opening import OBSERVATIONS


def take_snapshot(ledger: Ledger, path: Path) -> None:
    """Write the ledger as it stands into a new SQLite file; writers need not wait.

    SQLite's own online backup; of PostgreSQL one REPEATABLE READ state, every row compared.

    Raises
    ------
    StorageError
        the ledger or the disk cannot be used, or the audit trail is broken
    """
    database = ledger.engine.url.database
    if ledger.engine.dialect.name == "sqlite" and database:
        try:
            with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(path)) as then:
                now.backup(then)
        except sqlite3.Error as error:
            raise StorageError(f"the ledger cannot be copied ({error}); make room, then repeat") from error
        return
    with opened(path) as copy:
        copy_ledger(ledger, copy, lambda _table, _rows: None, hold=False)


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """Open a snapshot, bringing its schema up to date; it is one file again when it is closed."""
    ledger = open_ledger(f"sqlite+pysqlite:///{path}")
    try:
        yield ledger
    finally:
        ledger.forget_deleted()
        ledger.close()


def batch_sizes(ledger: Ledger) -> dict[str, int]:
    """Return path and size [bytes] of every listed batch."""
    with ledger.read() as conn:
        listed = [batch for world in worlds_listed(conn) for batch in listed_batches(conn, world)]
    return {
        f"{OBSERVATIONS}/{partition_key(b.world, b.source, b.month)}/{b.id}.parquet": b.bytes for b in listed
    }


def row_counts(ledger: Ledger) -> dict[str, int]:
    """Return the number of rows of every table."""
    with ledger.read() as conn:
        return {t.name: conn.execute(select(func.count()).select_from(t)).scalar_one() for t in all_tables()}


def end_of_trail(ledger: Ledger) -> tuple[int, str] | None:
    """Return number and digest of the audit trail's last row, refusing a broken trail."""
    with ledger.read() as conn:
        report = verify_audit(conn)
        if not report.ok:
            raise StorageError(f"{report.message}; stop deciding and compare with an older backup")
        return audit_end(conn)


def check_snapshot(path: Path, manifest: Manifest) -> None:
    """Look a restored snapshot over: pages, rows, trail, and that each batch it lists is in the backup.

    The file is brought to this program's schema on the way.

    Raises
    ------
    StorageError
        something is not as the manifest says
    """
    try:
        with closing(sqlite3.connect(path)) as pages:
            (said,) = pages.execute("PRAGMA quick_check(1)").fetchone()
            rows = {
                table: pages.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608
                for table in manifest.rows
            }
    except sqlite3.Error as error:
        said, rows = str(error), {}
    if said != "ok" or rows != dict(manifest.rows):
        raise StorageError(f"the ledger of the backup {manifest.id} is damaged ({said}); take another backup")
    with opened(path) as ledger:
        if end_of_trail(ledger) != manifest.audit_end:
            raise StorageError(f"the audit trail of the backup {manifest.id} ends otherwise than it says")
        held = {one.path: one.bytes for one in manifest.files}
        lacking = [name for name, size in batch_sizes(ledger).items() if held.get(name) != size]
    if lacking:
        raise StorageError(f"{len(lacking)} listed batches are not in the backup, first {lacking[0]}")
