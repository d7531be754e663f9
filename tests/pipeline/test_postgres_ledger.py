"""A ledger in PostgreSQL is the ledger in SQLite: the same schema, transactions, refusals and errors."""

import signal
import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from cli.main import explained
from pipeline.errors import StorageError, UsageError
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import append_audit, verify_audit
from pipeline.ledger.batches import next_receipt
from pipeline.ledger.copying import all_tables
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.metadata import metadata
from pipeline.ledger.tables import audit, receipts, station_rows
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:00Z")


@pytest.fixture
def ledger(database):
    ledger = open_ledger(database)
    yield ledger
    ledger.close()


def note(ledger, subject="s"):
    with ledger.write() as conn:
        append_audit(conn, at=NOW, actor="a", action="b", subject=subject, payload={"n": 1.5})


def subjects(ledger):
    with ledger.read() as conn:
        assert verify_audit(conn).ok
        return list(conn.execute(sa.select(audit.c.subject).order_by(audit.c.seq)).scalars())


def triggers(ledger):
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if ledger.engine.dialect.name == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with ledger.read() as conn:
        return sorted(conn.exec_driver_sql(query).scalars())


def test_the_schema_is_the_declared_one_and_protects_what_sqlite_protects(ledger, tmp_path):
    all_tables()
    in_sqlite = open_ledger(f"sqlite+pysqlite:///{tmp_path}/ledger.sqlite")
    with ledger.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        differing = [d for many in compare_metadata(context, metadata) for d in many]
        assert {d[0] for d in differing} <= {"modify_comment"}
        for table in metadata.tables:
            made = {c["name"] for c in sa.inspect(conn).get_check_constraints(table)}
            with in_sqlite.read() as other:
                assert made == {c["name"] for c in sa.inspect(other).get_check_constraints(table)}
    assert triggers(ledger) == triggers(in_sqlite) != []
    in_sqlite.close()


def test_what_was_decided_cannot_be_changed(ledger):
    with ledger.write() as conn:
        conn.exec_driver_sql("INSERT INTO warnings VALUES ('w', 'measured', 'notice', now())")
    for statement in ("UPDATE warnings SET world = 'x'", "DELETE FROM warnings"):
        with pytest.raises(IntegrityError, match="never changed or removed"), ledger.write() as conn:
            conn.exec_driver_sql(statement)


def test_texts_may_be_long_and_sort_by_their_bytes(ledger):
    names = ["b", "B", "a" * 300, "ß", "é", "서울", "_", "Z"]
    with ledger.write() as conn:
        for name in names:
            conn.execute(sa.insert(receipts).values(world=name, last_received=NOW))
        found = list(conn.execute(sa.select(receipts.c.world).order_by(receipts.c.world)).scalars())
    assert found == sorted(names, key=str.encode)
    with ledger.read() as conn:
        columns = sa.inspect(conn).get_columns(station_rows.name)
    assert {str(c["type"]) for c in columns if isinstance(c["type"], sa.String)} == {'TEXT COLLATE "C"'}


def test_a_reader_sees_one_state_and_writes_nothing(ledger):
    with ledger.read() as conn:
        before = conn.execute(sa.select(sa.func.count()).select_from(audit)).scalar()
        note(ledger)
        assert conn.execute(sa.select(sa.func.count()).select_from(audit)).scalar() == before == 0
    with pytest.raises(StorageError, match="read-only"), ledger.read() as conn:
        conn.execute(sa.insert(receipts).values(world="x", last_received=NOW))
    assert subjects(ledger) == ["s"]


def test_a_writer_that_waits_too_long_says_so(ledger, database):
    hurried = open_ledger(f"{database}&options=-c%20lock_timeout%3D200")
    with ledger.write(), pytest.raises(StorageError, match="wait for it or end it"), hurried.write():
        pass
    note(hurried)
    hurried.close()
    assert subjects(ledger) == ["s"]


def test_a_restarted_server_costs_the_open_transaction_and_nothing_else(ledger, postgres):
    note(ledger, "before")

    def interrupted():
        with ledger.write() as conn:
            append_audit(conn, at=NOW, actor="a", action="b", subject="lost", payload={})
            postgres.stop(signal.SIGQUIT)
            conn.execute(sa.select(audit.c.seq))

    with pytest.raises(StorageError, match="nothing is left"):
        interrupted()
    with pytest.raises(StorageError, match="see that the server runs"), ledger.read():
        pass
    postgres.start()
    note(ledger, "after")
    assert subjects(ledger) == ["before", "after"]


def test_a_lost_lock_is_noticed_and_free_for_others(ledger, postgres):
    with ledger_lock(ledger, "cycle measured", wait_s=0) as still_held:
        still_held()
        with pytest.raises(LockHeld), ledger_lock(ledger, "cycle measured", wait_s=0.05):
            pass
        with ledger_lock(ledger, "cycle simulated-7", wait_s=0):
            pass
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(StorageError, match="was lost"):
            still_held()
        with ledger_lock(ledger, "cycle measured", wait_s=5):
            pass


def test_the_lock_of_a_killed_process_is_freed(ledger, database):
    code = f"""
        import sys, time
        from pipeline.ledger import open_ledger
        from pipeline.ledger.locks import ledger_lock
        with ledger_lock(open_ledger({database!r}), "training", wait_s=0):
            print("held", flush=True)
            time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockHeld), ledger_lock(ledger, "training", wait_s=0):
            pass
        holder.kill()
        with ledger_lock(ledger, "training", wait_s=20):
            pass


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda s: "postgresql://kim:geheim@127.0.0.1:1/db", StorageError, "see that the server runs"),
        (lambda s: s.url("nothing").replace("postgres@", "postgres:geheim@"), StorageError, "does not exist"),
        (lambda s: s.url("ascii"), StorageError, "--encoding UTF8"),
        (lambda s: s.url("migrated").replace("postgres@", "stranger@"), StorageError, "own the database"),
        (lambda s: f"{s.url('template1')}&password=geheim&nonsense=1", UsageError, "nonsense"),
        (lambda s: "postgresql://kim:@geheim:geheim/air", UsageError, "%2F"),
        (lambda s: "postgresql+nosuch://kim:geheim@db/air", UsageError, "postgresql\\+psycopg"),
    ],
    ids=["no server", "no database", "encoding", "rights", "option", "sign in the password", "driver"],
)
def test_what_cannot_be_opened_is_said_in_one_line_without_the_password(postgres, make, error, said):
    for statement in (
        "DROP DATABASE IF EXISTS ascii",
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0",
        "DROP ROLE IF EXISTS stranger",
        "CREATE ROLE stranger LOGIN",
    ):
        postgres.execute(statement)
    with pytest.raises(error, match=said) as caught:
        open_ledger(make(postgres)).read().__enter__().exec_driver_sql("SELECT count(*) FROM audit")
    text, code = explained(caught.value)
    assert code == error.exit_code
    assert "heim" not in text
    assert "\n" not in text


def test_settings_and_ledger_show_no_password(database):
    url = database.replace("postgres@", "postgres:geheim@") + "&sslpassword=geheim"
    assert "geheim" not in repr(Settings(ledger_url=url))
    ledger = open_ledger(url)
    assert "geheim" not in ledger.place
    assert "geheim" not in repr(ledger)
    ledger.close()


def test_the_receipts_of_a_clock_that_goes_back_still_go_on(ledger):
    with ledger.write() as conn:
        first = next_receipt(conn, "measured", NOW)
    with ledger.write() as conn:
        assert next_receipt(conn, "measured", parse_instant("2020-01-01T00:00Z")) > first


def test_what_was_read_in_stretches_hinders_no_later_statement_of_the_transaction(database):
    ledger = open_ledger(database)
    with ledger.write() as conn:
        for number in range(3):
            append_audit(conn, at=NOW, actor="a", action="b", subject=str(number), payload={})
        assert verify_audit(conn).ok
        with conn.begin_nested():
            append_audit(conn, at=NOW, actor="a", action="b", subject="after", payload={})
        assert verify_audit(conn).ok
    ledger.close()
