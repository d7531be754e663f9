"""A ledger moves between databases whole, with its chain and its counters, or not at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.errors import StorageError, UsageError
from pipeline.ledger import open_ledger
from pipeline.ledger.acknowledgements import AcknowledgementRow, insert_acknowledgement
from pipeline.ledger.audit import append_audit, audit_end, verify_audit
from pipeline.ledger.copying import all_tables, copy_ledger
from pipeline.ledger.deliveries import AttemptRow, OutboxRow, insert_attempt, insert_outbox
from pipeline.ledger.envelopes import SentRow, insert_sent
from pipeline.ledger.runs import begin_run, fail_run, finish_run
from pipeline.ledger.tables import station_rows
from pipeline.times import parse_instant
from tests.ledger_files import drop_triggers

NOW = parse_instant("2026-01-14T08:00:00.123456Z")
STATION = {
    "world": "w",
    "name": "서울 \\ \"'",
    "city": "seoul",
    "interval_hours": 1.0,
    "note": "",
    "source": "s",
}


def in_sqlite(path):
    return open_ledger(f"sqlite+pysqlite:///{path}")


def fill(ledger):
    """Rows with what may be lost on the way: exact numbers, JSON as written, bytes, NULL, several scripts."""
    content = example_content()
    with ledger.write() as conn:
        propose_version(conn, content, NOW)
        key = (content.warning_id, 1, "r", "김@b.example", "<m>", "0" * 64)
        insert_outbox(conn, [OutboxRow("m", *key, NOW, NOW, NOW)])
        insert_attempt(conn, AttemptRow("m", 1, NOW, "smtp", "sent", None, "ok\n\t\\"))
        insert_acknowledgement(conn, AcknowledgementRow(content.warning_id, 1, "r", "link", "", NOW))
        payload = {"x": 0.1 + 0.2, "tiny": 5e-324, "big": 2**53 - 1, "z": None, "ä": "北京", "a": []}
        append_audit(conn, at=NOW, actor="김", action="x", subject="s", payload=payload)
        run = begin_run(conn, world="w", cycle=NOW, as_of=NOW, code_version="1", at=NOW)
        fail_run(conn, run, at=NOW, error="x" * 500)
        done = begin_run(conn, world="w", cycle=NOW, as_of=NOW, code_version="1", at=NOW)
        finish_run(conn, done, at=NOW, model_id=None, inputs={"b": 1, "a": 2}, degraded="", products={})
        insert_sent(conn, SentRow("beijing", 1, "d", "k", "w", "o", NOW, bytes(range(256))))
        for number in range(3):
            row = STATION | {"station": f"a:{number}", "latitude": 37.1 / 3, "received_at": NOW}
            conn.execute(sa.insert(station_rows).values(**row))
        conn.execute(sa.delete(station_rows).where(station_rows.c.station == "a:2"))


def held(ledger):
    with ledger.read() as conn:
        return {
            t.name: [tuple(r) for r in conn.execute(sa.select(t).order_by(*t.primary_key.columns))]
            for t in all_tables()
        }


def next_station(ledger):
    with ledger.write() as conn:
        row = STATION | {"station": "a:9", "received_at": NOW}
        return conn.execute(sa.insert(station_rows).values(**row)).inserted_primary_key[0]


@pytest.mark.slow
def test_there_and_back_everything_is_as_it_was(database, tmp_path):
    old, there, back = in_sqlite(tmp_path / "old"), open_ledger(database), in_sqlite(tmp_path / "back")
    fill(old)
    before, told = held(old), {}
    copied = copy_ledger(old, there, told.__setitem__)
    assert told == copied.rows == {name: len(rows) for name, rows in before.items()}
    assert held(there) == before
    copy_ledger(there, back, told.__setitem__)
    assert held(back) == before
    with old.read() as conn, there.read() as other, back.read() as last:
        assert audit_end(conn) == audit_end(other) == audit_end(last) == copied.audit_end
        texts = sa.select(sa.cast(sa.literal_column("payload"), sa.Text)).select_from(sa.table("audit"))
        assert conn.execute(texts).all() == other.execute(texts).all() == last.execute(texts).all()
        assert verify_audit(other).ok
    assert [next_station(one) for one in (old, there, back)] == [4, 4, 4], "a removed row's number stays used"
    with pytest.raises(sa.exc.IntegrityError, match="never changed"), there.write() as conn:
        conn.exec_driver_sql("DELETE FROM delivery_attempts")
    for one in (old, there, back):
        one.close()


def test_a_target_that_holds_rows_a_broken_trail_and_the_same_ledger_are_refused(database, tmp_path):
    old, there, same = in_sqlite(tmp_path / "old"), open_ledger(database), in_sqlite(tmp_path / "old")
    fill(old)
    with pytest.raises(UsageError, match="same ledger"):
        copy_ledger(old, same, lambda *_: None)
    next_station(there)
    with pytest.raises(UsageError, match="table station_rows"):
        copy_ledger(old, there, lambda *_: None)
    with there.write() as conn:
        conn.execute(sa.delete(station_rows))
    with old.write() as conn:
        drop_triggers(conn)
        conn.exec_driver_sql("UPDATE audit SET actor = 'nobody'")
    with pytest.raises(StorageError, match="audit row 1 was altered"):
        copy_ledger(old, there, lambda *_: None)
    assert sum(map(len, held(there).values())) == 0
    for one in (old, there, same):
        one.close()


def test_what_has_no_place_in_the_target_stops_the_copy_and_leaves_it_empty(database, tmp_path):
    old, there = in_sqlite(tmp_path / "old"), open_ledger(database)
    fill(old)
    with old.write() as conn:
        row = STATION | {"station": "nul", "name": "a\0b", "received_at": NOW}
        conn.execute(sa.insert(station_rows).values(**row))
    with pytest.raises(StorageError, match=r"station_rows: a value has no place.*NUL"):
        copy_ledger(old, there, lambda *_: None)
    assert sum(map(len, held(there).values())) == 0
    old.close()
    there.close()


@pytest.mark.slow
def test_the_command_copies_and_says_what_to_set(database, tmp_path):
    ledger = in_sqlite(tmp_path / "ledger.sqlite")
    fill(ledger)
    command = [Path(sys.executable).with_name("sameair"), "ledger", "copy", "--data-dir", tmp_path, "--json"]
    command = [*command, "--to", database.replace("postgresql+psycopg", "postgresql")]
    environment = {
        "SAMEAIR_LEDGER_URL": f"sqlite+pysqlite:///{tmp_path}/ledger.sqlite",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout)["rows"] == {name: len(rows) for name, rows in held(ledger).items()}
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 2
    assert "holds rows already" in again.stderr
    ledger.close()
