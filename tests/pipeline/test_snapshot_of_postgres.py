"""A backup of a ledger in PostgreSQL holds one state of it, and writers do not wait for it."""

import pytest

from flows.backup.keeping import Keep
from flows.backup.making import make_backup
from flows.backup.restoring import restore_backup
from flows.backup.snapshot import end_of_trail, opened, row_counts, take_snapshot
from flows.workspace import open_workspace
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import append_audit
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:00:00Z")


def note(conn, text):
    append_audit(conn, at=NOW, actor="김", action="x", subject=text, payload={"tiny": 5e-324})


@pytest.mark.slow
def test_while_another_writes_the_last_committed_state_is_taken(database, tmp_path):
    ledger, other = open_ledger(database), open_ledger(database)
    with ledger.write() as conn:
        note(conn, "before")
    with other.write() as conn:
        note(conn, "not yet committed")
        take_snapshot(ledger, tmp_path / "ledger.sqlite")
    with opened(tmp_path / "ledger.sqlite") as copy:
        assert row_counts(copy)["audit"] == 1
    assert end_of_trail(ledger)[0] == 2
    ledger.close()
    other.close()


@pytest.mark.slow
def test_it_is_restored_without_a_server(database, tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path / "data", ledger_url=database), lambda: NOW)
    with ws.ledger.write() as conn:
        note(conn, "decided")
    end = end_of_trail(ws.ledger)
    made = make_backup(ws, str(tmp_path / "disk"), Keep()).manifest
    assert (made.database, made.audit_end) == ("postgresql", end)
    restore_backup(Settings(), str(tmp_path / "disk"), tmp_path / "back", None, NOW)
    with opened(tmp_path / "back" / "ledger.sqlite") as back:
        assert end_of_trail(back)[0] == end[0] + 1, "and the restore stands in it"
    ws.ledger.close()
