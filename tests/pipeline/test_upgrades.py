"""A ledger of every released schema comes to the newest with every row kept, and the program works on it."""

import pytest
import sqlalchemy as sa

from pipeline.errors import StorageError
from pipeline.ledger import migrate as migrating
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import append_audit, verify_audit
from pipeline.ledger.copying import all_tables
from pipeline.ledger.migrate import current_revision, head_revision
from pipeline.ledger.runs import begin_run, current_run, finish_run, make_current
from tests.pipeline.released_ledgers import (
    NOT_FILLED,
    NOW,
    digest_of,
    insert_rows,
    kept,
    migrate_to,
    reflected,
    revisions,
    rows_of,
)


@pytest.mark.parametrize("revision", revisions())
def test_a_released_migration_stays_as_it_was_and_a_new_one_has_its_ledger(revision):
    """Write the ledger of a new migration by ``PYTHONPATH=. python -m tests.pipeline.released_ledgers``."""
    held = kept(revision)
    assert held["migration"] == digest_of(revision), "a released migration is never edited; add another one"
    assert all(held["rows"].values()), "every table has a row"


def in_sqlite(path, revision):
    """Make a ledger of a released schema as a file; returns its URL."""
    url = f"sqlite+pysqlite:///{path}"
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        migrate_to(conn, revision)
        insert_rows(conn, kept(revision)["rows"])
    engine.dispose()
    return url


def rows_at_head(ledger):
    with ledger.read() as conn:
        metadata = reflected(conn)
        return {t.name: rows_of(conn, t) for t in metadata.sorted_tables if t.name != NOT_FILLED[0]}


def check_every_row(ledger, revision):
    after = rows_at_head(ledger)
    for table, before in kept(revision)["rows"].items():
        assert len(after[table]) == len(before), table
        for old, new in zip(before, after[table], strict=True):
            assert {name: new[name] for name in old if name in new} == {
                n: v for n, v in old.items() if n in new
            }


def check_that_it_works(ledger):
    """Read every table as the program declares it, go on with the trail, and run a cycle's rows."""
    with ledger.write() as conn:
        for table in all_tables():
            conn.execute(sa.select(table)).all()
        assert verify_audit(conn).ok
        append_audit(conn, at=NOW, actor="a", action="b", subject="c", payload={})
        assert verify_audit(conn).ok
        run = begin_run(conn, world="new", cycle=NOW, as_of=NOW, code_version="1", at=NOW)
        finish_run(conn, run, at=NOW, model_id=None, inputs={}, degraded="", products={})
        assert make_current(conn, run, expected=None)
        assert current_run(conn, "new", NOW).id == run
        with pytest.raises(sa.exc.IntegrityError, match="never changed"), conn.begin_nested():
            conn.exec_driver_sql("DELETE FROM delivery_attempts")


@pytest.mark.parametrize("revision", ["0001", "0004", "0006", "0010"])
def test_a_released_ledger_comes_to_the_newest_schema_with_every_row(revision, tmp_path):
    ledger = open_ledger(in_sqlite(tmp_path / "old.sqlite", revision))
    with ledger.read() as conn:
        assert current_revision(conn) == head_revision()
    check_every_row(ledger, revision)
    if int(revision) > 1:
        check_that_it_works(ledger)
    ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize("revision", revisions())
def test_every_released_ledger_does_on_both_databases(revision, tmp_path, postgres):
    name = f"old{revision}"
    postgres.execute(f"CREATE DATABASE {name}")
    url = postgres.url(name)
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        migrate_to(conn, revision)
        insert_rows(conn, kept(revision)["rows"])
    engine.dispose()
    for one in (url, in_sqlite(tmp_path / "old.sqlite", revision)):
        ledger = open_ledger(one)
        check_every_row(ledger, revision)
        ledger.close()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_migration_that_fails_in_the_middle_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    url = in_sqlite(tmp_path / "old.sqlite", "0009")
    real = migrating._run_migrations

    def broken(connection):
        real(connection)
        raise StorageError("the disk is full")

    monkeypatch.setattr(migrating, "_run_migrations", broken)
    with pytest.raises(StorageError, match="disk is full"):
        open_ledger(url)
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        assert current_revision(conn) == "0009"
        metadata = reflected(conn)
        for table, before in kept("0009")["rows"].items():
            assert rows_of(conn, metadata.tables[table]) == before
    engine.dispose()
    monkeypatch.setattr(migrating, "_run_migrations", real)
    ledger = open_ledger(url)
    check_every_row(ledger, "0009")
    check_that_it_works(ledger)
    ledger.close()
