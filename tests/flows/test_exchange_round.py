"""Two nodes over folders: whatever is lost, cut or done twice, both end with the whole of both chains."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import cli.main  # noqa: F401 - registers every command
from cli.commands.exchange import app
from flows import exchange_parts
from flows.exchange import exchange_if_party, exchange_round
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.exchange.arrivals import gaps
from pipeline.exchange.heard import heard
from pipeline.ledger.envelopes import last_sent, read_refused, read_sent
from pipeline.settings import Settings
from tests.flows.exchange_pair import Clock, Pair, let_ask
from tests.ledger_files import keep_ledger, put_back_ledger


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.close()


@pytest.fixture
def to_say(monkeypatch):
    return let_ask(monkeypatch)


def test_both_hear_everything_once_and_then_fall_silent(pair, to_say):
    said, asked = to_say
    said["seoul"], said["beijing"] = [1, 2, 3], [4]
    reports = pair.rounds(3)
    assert all(r.is_well for r in reports)
    assert sorted(asked) == [("beijing", 4), ("seoul", 1), ("seoul", 2), ("seoul", 3)]
    for party, peer in (("seoul", "beijing"), ("beijing", "seoul")):
        assert pair.held(peer, party) == pair.chain(party, peer)
    before = len(pair.chain("seoul", "beijing"))
    assert [p.said + p.sent for r in pair.rounds(5) for p in r.peers] == [0] * 10
    assert len(pair.chain("seoul", "beijing")) == before
    pair.clock.now += timedelta(hours=1)
    assert [p.said for r in pair.rounds(1) for p in r.peers] == [1, 1]


def test_what_was_handled_is_tidied_but_for_the_last_statement(pair, to_say):
    said, _ = to_say
    said["seoul"] = list(range(20))
    pair.rounds(4)
    left = sorted(p.name for p in (pair.mount / "seoul-beijing").iterdir())
    assert len(left) < 5
    with pair.nodes["seoul"].ledger.read() as conn:
        assert left[-1] == max(left)
        assert read_sent(conn, "beijing")[-1].kind in ("receipt", "heartbeat")
        assert heard(conn, "beijing").handled >= 20


def test_a_lost_file_is_asked_for_and_sent_again(pair, to_say):
    said, asked = to_say
    said["seoul"] = [1, 2, 3]
    pair.round("seoul")
    lost = pair.file("seoul", 2)
    lost.unlink()
    report = pair.round("beijing").peers[0]
    assert (report.handled, report.missing) == (1, ((2, 2),))
    assert asked == [("seoul", 1)]
    pair.rounds(1)
    assert asked == [("seoul", 1), ("seoul", 2), ("seoul", 3)]
    with pair.nodes["beijing"].ledger.read() as conn:
        assert gaps(conn, "seoul") == ()


@pytest.mark.parametrize("damage", [b"", b"not gzip at all", gzip.compress(b"{}", mtime=0)])
def test_a_damaged_file_is_refused_once_and_sent_again(pair, to_say, damage):
    said, asked = to_say
    said["seoul"] = [1, 2]
    pair.round("seoul")
    file = pair.file("seoul", 2)
    whole = file.read_bytes()
    file.write_bytes((damage + bytes(len(whole)))[: len(whole)])
    pair.rounds(3)
    assert asked == [("seoul", 1), ("seoul", 2)]
    with pair.nodes["beijing"].ledger.read() as conn:
        assert len(read_refused(conn)) == 1


def test_a_file_cut_short_on_the_way_is_sent_again(pair, to_say):
    said, asked = to_say
    said["seoul"] = [1]
    pair.round("seoul")
    file = pair.file("seoul", 1)
    file.write_bytes(file.read_bytes()[:50])
    pair.rounds(2)
    assert asked == [("seoul", 1)]


def test_parts_links_and_foreign_files_are_left_alone(pair, to_say, tmp_path):
    said, asked = to_say
    said["seoul"] = [1]
    pair.round("seoul")
    inbox = pair.mount / "seoul-beijing"
    whole = pair.file("seoul", 1)
    (inbox / f"{whole.name}.part").write_bytes(b"half")
    (inbox / "note.txt").write_text("hello")
    outside = tmp_path / "outside"
    outside.write_bytes(whole.read_bytes())
    (inbox / "seoul-beijing-0000000009-abababababababab.json.gz").symlink_to(outside)
    os.mkfifo(inbox / "seoul-beijing-0000000008-abababababababab.json.gz")
    report = pair.round("beijing").peers[0]
    assert (report.taken, report.refused, asked) == (2, 0, [("seoul", 1)])


def test_a_link_planted_beside_a_file_is_never_written_through(pair, to_say, tmp_path):
    """Whoever may write in the folder learns a name, removes the file and waits for it to come again."""
    said, asked = to_say
    said["seoul"] = [1]
    pair.round("seoul")
    file = pair.file("seoul", 1)
    file.unlink()
    victim = tmp_path / "precious"
    victim.write_bytes(b"precious")
    file.with_name(f"{file.name}.part").symlink_to(victim)
    file.symlink_to(victim)
    pair.round("seoul")
    assert victim.read_bytes() == b"precious"
    pair.round("beijing")
    assert asked == [("seoul", 1)]


def test_a_folder_that_is_a_link_is_refused(pair, to_say, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (pair.mount / "seoul-beijing").symlink_to(elsewhere)
    report = pair.round("seoul").peers[0]
    assert "permission denied" in report.urgent[0]
    assert list(elsewhere.iterdir()) == []


def test_files_brought_twice_or_in_any_order_are_one(pair, to_say):
    said, asked = to_say
    said["seoul"] = [1, 2, 3]
    pair.round("seoul")
    kept = {p.name: p.read_bytes() for p in (pair.mount / "seoul-beijing").iterdir()}
    pair.rounds(2)
    for name, content in kept.items():
        (pair.mount / "seoul-beijing" / name).write_bytes(content)
    report = pair.round("beijing").peers[0]
    assert (report.taken, report.handled, report.refused) == (0, 0, 0)
    assert len(asked) == 3


def test_a_stick_that_is_not_in_is_told_and_nothing_is_made(pair, to_say):
    said, asked = to_say
    said["seoul"] = [1]
    away = pair.mount.rename(pair.root / "away")
    report = pair.round("seoul").peers[0]
    assert any("is not there" in t for t in report.trouble)
    assert report.urgent == []
    assert not pair.mount.exists()
    away.rename(pair.mount)
    assert pair.round("seoul").is_well
    pair.rounds(1)
    assert asked == [("seoul", 1)]


def test_a_folder_that_may_not_be_written_needs_a_person(pair, to_say, monkeypatch):
    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "mount")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.exchange.transports.folder._Folder.place", denied)
        report = pair.round("seoul").peers[0]
    assert report.urgent == ["exchange with beijing by folder: mount: permission denied; check its owner"]
    assert list(pair.mount.iterdir()) == []
    assert pair.round("seoul").is_well


def test_a_ledger_restored_from_an_old_backup_says_nothing_more(pair, to_say, tmp_path):
    said, asked = to_say
    said["seoul"] = [1]
    pair.rounds(2)
    pair.nodes["seoul"].ledger.close()
    backup = tmp_path / "backup"
    shutil.copytree(tmp_path / "seoul", backup)
    keep_ledger(tmp_path / "seoul" / "ledger.sqlite", backup / "ledger.sqlite")
    pair.open("seoul")
    said["seoul"] = [1, 2, 3, 4, 5]
    pair.rounds(3)
    pair.nodes["seoul"].ledger.close()
    shutil.rmtree(tmp_path / "seoul")
    shutil.copytree(backup, tmp_path / "seoul")
    pair.open("seoul", operator_address="operator@example.org")
    said["seoul"] = [6]
    chain = pair.chain("seoul", "beijing")
    report = pair.round("seoul").peers[0]
    assert "holds" in report.stopped
    assert pair.chain("seoul", "beijing") == chain
    assert [q for _, q in asked] == [1, 2, 3, 4, 5]
    told = [p.read_text("utf-8") for p in (tmp_path / "seoul" / "outbox").glob("*operator*")]
    assert len(told) == 1
    assert "nothing more is said" in " ".join(told[0].split())
    pair.round("seoul")
    assert len(list((tmp_path / "seoul" / "outbox").glob("*operator*"))) == 1


def test_a_ledger_alone_restored_is_noticed_without_hearing_the_peer(pair, to_say, tmp_path, monkeypatch):
    said, _ = to_say
    said["seoul"] = [1]
    pair.round("seoul")
    pair.nodes["seoul"].ledger.close()
    backup = keep_ledger(tmp_path / "seoul" / "ledger.sqlite", tmp_path / "backup")
    pair.open("seoul")
    said["seoul"] = [1, 2]
    pair.round("seoul")
    pair.nodes["seoul"].ledger.close()
    put_back_ledger(tmp_path / "seoul" / "ledger.sqlite", backup)
    pair.open("seoul")
    shutil.rmtree(pair.mount)
    pair.mount.mkdir()
    monkeypatch.setattr("flows.exchange.STEPS", [lambda *_: pytest.fail("a step ran")])
    assert "this ledger knows" in pair.round("seoul").peers[0].stopped


def test_a_step_or_poster_that_fails_leaves_the_rest(pair, to_say, monkeypatch):
    said, asked = to_say
    said["seoul"] = [1]

    def failing(*_):
        raise UsageError("this cannot be said")

    monkeypatch.setattr("flows.exchange.STEPS", [failing, lambda *_: ["stored 3"]])
    monkeypatch.setattr("flows.exchange.POSTERS", [failing, *exchange_parts.POSTERS])
    report = pair.round("seoul")
    assert report.notes == ("stored 3",)
    assert report.peers[0].trouble == ["this cannot be said"]
    pair.round("beijing")
    assert asked == [("seoul", 1)]


def test_a_node_of_all_parties_has_nobody_to_talk_to(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path))
    with pytest.raises(UsageError, match="SAMEAIR_PARTY"):
        exchange_round(ws, Clock())
    with ws.ledger.read() as conn:
        assert last_sent(conn, "beijing") is None
    ws.ledger.close()


def test_the_command_runs_one_round_and_says_what_failed(pair, monkeypatch):
    monkeypatch.setenv("SAMEAIR_DATA_DIR", str(pair.root / "seoul"))
    monkeypatch.setenv("SAMEAIR_PARTY", "seoul")
    monkeypatch.setenv("SAMEAIR_EXCHANGE_LINKS", json.dumps({"beijing": str(pair.mount)}))
    monkeypatch.setattr("flows.exchange.POSTERS", [])
    monkeypatch.setattr("flows.exchange.STEPS", [])
    done = CliRunner().invoke(app, ["sync", "--once"])
    assert (done.exit_code, done.output.strip()) == (0, "beijing: took 0, handled 0, said 1, sent 1")
    monkeypatch.setenv("SAMEAIR_EXCHANGE_LINKS", json.dumps({"beijing": "/nowhere/at/all"}))
    done = CliRunner().invoke(app, ["sync", "--once", "--json"])
    assert done.exit_code == 3
    assert "is not there" in json.loads(done.output)["peers"][0]["trouble"][0]
    monkeypatch.setenv("SAMEAIR_EXCHANGE_LINKS", json.dumps({"beijing": str(pair.mount)}))
    done = CliRunner().invoke(app, ["sync", "--at", "2190-01-14T02:00Z"])
    assert done.exit_code == 0
    with pair.nodes["seoul"].ledger.read() as conn:
        assert last_sent(conn, "beijing").at.year == 2190
    monkeypatch.delenv("SAMEAIR_PARTY")
    assert isinstance(CliRunner().invoke(app, ["sync", "--once"]).exception, UsageError)
    assert exchange_if_party(open_workspace(Settings(data_dir=pair.root / "all"))) is None
