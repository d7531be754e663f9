"""Moving a ledger into another database: every row of every table, or nothing."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DataError, IntegrityError

import pipeline.ledger as package
from pipeline.errors import StorageError, UsageError
from pipeline.ledger.audit import audit_end, verify_audit
from pipeline.ledger.connect import Ledger
from pipeline.ledger.metadata import metadata

PAGE: Final = 500
"""Rows that are held in memory at once; messages between the nodes may be large."""
NO_DATA: Final = frozenset({"alembic_version"})


@dataclass(frozen=True)
class Copied:
    """What was copied: rows by table, and number and digest of the audit trail's last row."""

    rows: dict[str, int]
    audit_end: tuple[int, str] | None


def all_tables() -> list[Table]:
    """Return every table of the ledger, those first to which others refer.

    >>> {"audit", "outbox", "envelopes_sent"} <= {table.name for table in all_tables()}
    True
    """
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("tables"):
            import_module(f"{package.__name__}.{module.name}")
    return list(metadata.sorted_tables)


def copy_ledger(
    source: Ledger, target: Ledger, tell: Callable[[str, int], None], *, hold: bool = True
) -> Copied:
    """Copy everything from one ledger into another that is empty, and compare both before it counts.

    Nobody writes to either meanwhile. Keys that count up go on where they were, also past removed rows.

    Parameters
    ----------
    tell : called with each table and its number of rows
    hold : let nobody write to the source meanwhile; else one state of it is copied while others go on

    Raises
    ------
    UsageError
        both are the same ledger, or the target holds rows
    StorageError
        the source's audit trail is broken, a value has no place in the target, or what arrived differs

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, new = (open_ledger(f"sqlite:///{folder}/{name}.sqlite") for name in ("old", "new"))
    ...     copied = copy_ledger(old, new, lambda table, rows: None)
    ...     print(sum(copied.rows.values()), copied.audit_end)
    ...     old.close(); new.close()
    0 None
    """
    if source.engine.url == target.engine.url:
        raise UsageError("both are the same ledger; give another URL")
    with source.write() if hold else source.read() as old, target.write() as new:
        _refuse_unfit(old, new)
        rows: dict[str, int] = {}
        for table in map(_plain, all_tables()):
            rows[table.name] = _copy_table(old, new, table)
            tell(table.name, rows[table.name])
        _set_counters(new, _counters(old))
        _compare(old, new)
        return Copied(rows, audit_end(new))


def _refuse_unfit(old: Connection, new: Connection) -> None:
    """Refuse a broken source, a source with tables that this program does not know, and a target in use."""
    unknown = set(inspect(old).get_table_names()) - {t.name for t in all_tables()} - NO_DATA
    if unknown:
        raise StorageError(f"the ledger holds tables of another program: {', '.join(sorted(unknown))}")
    report = verify_audit(old)
    if not report.ok:
        raise StorageError(f"{report.message}; a broken trail is not copied, restore it from a backup")
    for table in all_tables():
        if new.execute(select(func.count()).select_from(table)).scalar_one():
            raise UsageError(f"the target holds rows already (table {table.name}); give an empty database")


def _plain(table: Table) -> Table:
    """Return a table whose JSON is plain text, so that it arrives as it was written."""
    copied = table.to_metadata(MetaData())
    for column in copied.columns:
        if isinstance(column.type, JSON):
            column.type = Text()
    return copied


def _read(conn: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of rows in the order of the primary key."""
    names = [cast(c, Text).label(c.name) if _is_json(c) else c for c in table.columns]
    query = select(*names).order_by(*table.primary_key.columns)
    found = conn.execute(query.execution_options(yield_per=PAGE))
    for page in found.mappings().partitions():
        yield [dict(row) for row in page]


def _is_json(column: Column[Any]) -> bool:
    declared = metadata.tables[column.table.name].columns[column.name]
    return isinstance(declared.type, JSON)


def _copy_table(old: Connection, new: Connection, table: Table) -> int:
    """Copy the rows of a table; return how many."""
    values: dict[str, ColumnElement[Any]] = {c.name: bindparam(c.name) for c in table.columns}
    if new.dialect.name == "postgresql":
        values |= {c.name: cast(bindparam(c.name, type_=Text()), JSON) for c in table.columns if _is_json(c)}
    statement, count = insert(table).values(values), 0
    for page in _read(old, table):
        try:
            new.execute(statement, page)
        except (DataError, IntegrityError) as error:
            why = str(error.orig).strip().splitlines()[0]
            raise StorageError(f"table {table.name}: a value has no place in the target: {why}") from error
        count += len(page)
    return count


def _compare(old: Connection, new: Connection) -> None:
    """Read back what was copied and compare it with what was there, the chain of the trail too."""
    for table in map(_plain, all_tables()):
        if _digest(old, table) != _digest(new, table):
            raise StorageError(f"table {table.name} arrived otherwise than it was; nothing was copied")
    report = verify_audit(new)
    if not report.ok or audit_end(old) != audit_end(new):
        raise StorageError(f"the audit trail did not arrive whole ({report.message}); nothing was copied")


def _digest(conn: Connection, table: Table) -> str:
    """Return a digest of all rows of a table."""
    total = hashlib.sha256()
    for page in _read(conn, table):
        for row in page:
            total.update(repr(list(row.values())).encode("utf-8", "backslashreplace"))
    return total.hexdigest()


def _counters(conn: Connection) -> dict[str, int]:
    """Return the last number given by each key that counts up by itself, by table."""
    if conn.dialect.name == "sqlite":
        return {name: int(last) for name, last in conn.execute(text("SELECT name, seq FROM sqlite_sequence"))}
    found: dict[str, int] = {}
    for table, sequence in _sequences(conn):
        row = conn.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608
        if row.is_called:
            found[table] = int(row.last_value)
    return found


def _set_counters(conn: Connection, counters: dict[str, int]) -> None:
    """Let each key that counts up by itself go on after a number."""
    if conn.dialect.name == "sqlite":
        for name, last in counters.items():
            conn.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            conn.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                {"name": name, "last": last},
            )
        return
    for table, sequence in _sequences(conn):
        if counters.get(table):
            conn.execute(
                text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": counters[table]}
            )


def _sequences(conn: Connection) -> list[tuple[str, str]]:
    """Return table and sequence of each key of PostgreSQL that counts up by itself."""
    found = conn.execute(
        text(
            "SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), column_name)"
            " FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%' ORDER BY table_name"
        )
    )
    return [(str(table), str(sequence)) for table, sequence in found]
