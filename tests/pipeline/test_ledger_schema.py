"""The schema is what the migrations make of it, whoever comes first, and every failure names its cause."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from pipeline.errors import StorageError, UsageError
from pipeline.ledger import (
    account_tables,
    agreement_tables,
    exchange_tables,
    job_tables,
    model_tables,
    open_ledger,
    recipient_tables,
    school_tables,
    season_tables,
    source_tables,
    tables,
    warning_tables,
)
from pipeline.ledger.metadata import metadata
from pipeline.ledger.migrate import current_revision, head_revision
from pipeline.ledger.types import UTCDateTime

NOW = datetime(2019, 3, 3, 8, tzinfo=UTC)
assert (
    account_tables.metadata
    is agreement_tables.metadata
    is exchange_tables.metadata
    is job_tables.metadata
    is model_tables.metadata
    is recipient_tables.metadata
    is school_tables.metadata
    is season_tables.metadata
    is source_tables.metadata
    is warning_tables.metadata
    is metadata
)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/new folder/ledger.sqlite"


@pytest.fixture
def in_sqlite(tmp_path):
    """A ledger in SQLite, whatever the others are in."""
    ledger = open_ledger(f"sqlite+pysqlite:///{tmp_path}/in_sqlite")
    yield ledger
    ledger.close()


def test_migrations_make_exactly_the_tables_that_the_code_declares(in_sqlite):
    ledger = in_sqlite
    with ledger.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        made = {
            (t, c["name"]): c["sqltext"]
            for t in metadata.tables
            for c in sa.inspect(conn).get_check_constraints(t)
        }
    declared = {
        (t.name, str(c.name)): str(c.sqltext)
        for t in metadata.tables.values()
        for c in t.constraints
        if isinstance(c, sa.CheckConstraint)
    }
    assert made == declared


def test_downgrade_takes_everything_away_again(url):
    from alembic import command
    from alembic.config import Config

    ledger = open_ledger(url)
    config = Config()
    config.set_main_option("script_location", "pipeline:migrations")
    config.set_main_option("path_separator", "os")
    with ledger.write() as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
        assert sa.inspect(conn).get_table_names() == ["alembic_version"]
    ledger.close()


def test_opening_again_needs_no_alembic_and_changes_nothing(url):
    open_ledger(url).close()
    code = (
        "import sys; from pipeline.ledger import open_ledger\n"
        f"open_ledger({url!r}).close(); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_that_open_a_new_ledger_at_once_all_get_it(url):
    code = f"from pipeline.ledger import open_ledger\nopen_ledger({url!r}).close()"
    racers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0]
    ledger = open_ledger(url)
    with ledger.read() as conn:
        assert current_revision(conn) == head_revision()
    ledger.close()


def test_readers_and_a_writer_of_sqlite_work_side_by_side(in_sqlite):
    with in_sqlite.read() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_ledger_of_a_newer_program_is_refused(url):
    ledger = open_ledger(url)
    with ledger.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ledger.close()
    with pytest.raises(StorageError, match="install the newer one"):
        open_ledger(url)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "ledger.sqlite").write_text("not a database" * 1000)
    with pytest.raises(StorageError, match="not a database"):
        open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="folder of the ledger"):
        open_ledger(f"sqlite:///{tmp_path}/file/below/ledger.sqlite")


@pytest.mark.parametrize("wrong", ["sqlite://", "nonsense", "nosuchbase:///x"])
def test_an_url_that_cannot_be_used_is_a_usage_error(wrong):
    with pytest.raises(UsageError):
        open_ledger(wrong)


def count(ledger, table):
    with ledger.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar()


def test_a_failed_transaction_leaves_nothing(ledger):
    def fail():
        with ledger.write() as conn:
            conn.execute(sa.insert(tables.receipts).values(world="measured", last_received=NOW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert count(ledger, tables.receipts) == 0


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(in_sqlite):
    row = {"at": NOW, "actor": "a", "action": "b", "subject": "c", "previous": "d", "digest": "e"}

    def fill():
        with in_sqlite.write() as conn:
            conn.execute(text(f"PRAGMA max_page_count = {conn.execute(text('PRAGMA page_count')).scalar()}"))
            conn.execute(sa.insert(tables.audit).values(seq=1, payload="x" * 100_000, **row))

    with pytest.raises(StorageError, match="full"):
        fill()
    assert count(in_sqlite, tables.audit) == 0


def test_a_writer_that_waits_too_long_says_that_the_ledger_is_locked(in_sqlite):
    with in_sqlite.write(), in_sqlite.engine.connect() as other:
        other.connection.cursor().execute("PRAGMA busy_timeout = 10")
        other.close()
        with pytest.raises(StorageError, match="locked"), in_sqlite.write():
            pass


def test_instants_come_back_aware_and_in_utc(ledger):
    kst = timezone(timedelta(hours=9))
    with ledger.write() as conn:
        at = datetime(2019, 3, 3, 17, 0, 0, 123456, tzinfo=kst)
        conn.execute(sa.insert(tables.receipts).values(world="measured", last_received=at))
        back = conn.execute(sa.select(tables.receipts.c.last_received)).scalar_one()
    assert back == datetime(2019, 3, 3, 8, 0, 0, 123456, tzinfo=UTC)
    assert back.utcoffset() == timedelta(0)


def test_naive_datetimes_are_refused():
    from sqlalchemy.dialects import sqlite

    with pytest.raises(ValueError, match="time zone"):
        UTCDateTime().process_bind_param(datetime(2019, 3, 3), sqlite.dialect())  # noqa: DTZ001


def test_migrations_are_numbered_without_gaps():
    files = sorted(Path("pipeline/migrations/versions").glob("0*.py"))
    assert [f.name[:4] for f in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
