"""Fetching exchange files from a real SFTP server: its key is verified, nothing there is touched."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import paramiko
import pytest

from ingest.collect import collect_all
from ingest.exchange import sftp as sftp_module
from ingest.exchange.feed import feeds
from ingest.exchange.inbox import Inbox
from ingest.exchange.sftp import SETTING, Mailbox
from ingest.feeds import SourceConfig
from pipeline.bulletins import read_bulletins
from pipeline.errors import BadPayload, Refused, SourceUnavailable
from pipeline.sftp_session import Login, parse_address
from tests.fakes.exchange import as_csv
from tests.fakes.sftp import client_key, serving_sftp
from tests.ingest.toy_source import Clock, NoHttp, open_intake

SIX_PM = datetime(2026, 1, 15, 10, tzinfo=UTC)
ROW = {"city": "110000", "date": "2026-01-16", "pollutant": "aqi", "unit": "1", "low": 50, "high": 75}
FILE = as_csv(
    {
        "format": "sameair-exchange",
        "version": "1.0",
        "kind": "forecast",
        "sender": "cnemc",
        "issued_at": "2026-01-15T18:00:00+08:00",
        "rows": [ROW],
    }
)


@pytest.fixture
def remote(tmp_path):
    folder = tmp_path / "server" / "out"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def server(tmp_path, remote):
    key = client_key(tmp_path / "id_ecdsa")
    with serving_sftp(remote.parent, "sameair", key) as served:
        yield served


def put(remote, name, payload=FILE, at=SIX_PM):
    path = remote / name
    path.write_bytes(payload)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def mailbox(server, tmp_path, **changed):
    known = server.known_hosts(tmp_path / "known_hosts")
    url = f"sftp://sameair@127.0.0.1:{server.port}/out"
    made = {"url": url, "inbox": Inbox(tmp_path / "inbox"), "key_file": tmp_path / "id_ecdsa"}
    return Mailbox(**{**made, "known_hosts": known, **changed})


def test_new_files_are_copied_once_and_stay_on_the_server(server, tmp_path, remote):
    put(remote, "f.csv")
    put(remote, "g.csv.part")
    (remote / "sub").mkdir()
    (remote / "link.csv").symlink_to("/etc/hostname")
    box = mailbox(server, tmp_path)
    assert box.mirror() == ["f.csv"]
    assert (tmp_path / "inbox" / "f.csv").read_bytes() == FILE
    assert box.mirror() == []
    put(remote, "f.csv", FILE.replace(b"75", b"80"), SIX_PM + timedelta(minutes=5))
    assert box.mirror() == ["f.csv"]
    assert sorted(p.name for p in remote.iterdir()) == ["f.csv", "g.csv.part", "link.csv", "sub"]
    assert server.opened == ["/out/f.csv"] * 2


def test_the_feeds_copy_then_store_then_file_away(server, tmp_path, remote):
    put(remote, "f.csv")
    clock = Clock(SIX_PM + timedelta(minutes=35))
    intake = open_intake(tmp_path, clock)
    config = SourceConfig(
        base_url=f"sftp://sameair@127.0.0.1:{server.port}/out",
        folder=tmp_path / "inbox",
        key_file=tmp_path / "id_ecdsa",
        known_hosts=server.known_hosts(tmp_path / "known_hosts"),
    )
    for rows in (1, 0):
        mirror, inbox = collect_all(intake, NoHttp(), feeds(config), clock())
        assert [mirror.outcome, inbox.rows] == ["ok", rows]
        clock.now += timedelta(minutes=11)
    assert (tmp_path / "inbox" / "archive" / "f.csv").is_file()
    assert server.opened == ["/out/f.csv"]
    with intake.ledger.read() as conn:
        assert len(read_bulletins(conn, intake.world, as_of=clock())) == 1
    intake.ledger.close()


def test_a_server_with_another_key_or_an_unknown_one_is_refused(server, tmp_path, remote):
    put(remote, "f.csv")
    other = server.known_hosts(tmp_path / "other", paramiko.ECDSAKey.generate())
    with pytest.raises(Refused, match="another host key"):
        mailbox(server, tmp_path, known_hosts=other).mirror()
    empty = tmp_path / "empty"
    empty.write_text("")
    with pytest.raises(Refused, match="not known"):
        mailbox(server, tmp_path, known_hosts=empty).mirror()
    assert not (tmp_path / "inbox").exists()


def test_a_login_that_is_not_accepted_is_refused(server, tmp_path):
    client_key(tmp_path / "wrong")
    with pytest.raises(Refused, match="login"):
        mailbox(server, tmp_path, key_file=tmp_path / "wrong").mirror()
    with pytest.raises(Refused, match="cannot be read"):
        mailbox(server, tmp_path, key_file=tmp_path / "none").mirror()
    with pytest.raises(Refused, match="cannot be read"):
        mailbox(server, tmp_path, known_hosts=tmp_path / "none").mirror()
    (tmp_path / "garbage").write_text("no key")
    with pytest.raises(Refused, match="cannot be read"):
        mailbox(server, tmp_path, key_file=tmp_path / "garbage").mirror()


def test_a_server_that_goes_on_for_ever_is_cut_off(server, tmp_path, remote):
    put(remote, "f.csv")
    waiting = threading.Event()
    server.on_open = lambda path: waiting.wait(20)
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="SFTP failed"):
        mailbox(server, tmp_path, longest_s=1.5).mirror()
    waiting.set()
    assert time.monotonic() - began < 10
    assert not (tmp_path / "inbox").exists()


def test_an_inbox_that_cannot_be_written_is_told_and_stops_no_other_source(server, tmp_path, remote):
    put(remote, "f.csv")
    server.on_open = lambda path: (tmp_path / "inbox").write_text("no folder")
    with pytest.raises(SourceUnavailable, match="inbox cannot be written"):
        mailbox(server, tmp_path).mirror()


def test_a_file_that_changes_while_it_is_copied_is_left_for_later(server, tmp_path, remote):
    put(remote, "f.csv")
    server.on_open = lambda path: path.write_bytes(FILE * 2)
    box = mailbox(server, tmp_path)
    assert box.mirror() == []
    assert not (tmp_path / "inbox").exists()
    server.on_open = None
    assert box.mirror() == ["f.csv"]


def test_a_file_that_is_too_large_is_named_and_the_others_come(server, tmp_path, remote, monkeypatch):
    monkeypatch.setattr(sftp_module, "LARGEST", 2000)
    put(remote, "big.csv", b"x" * 2001)
    put(remote, "f.csv")
    with pytest.raises(BadPayload, match=r"big\.csv"):
        mailbox(server, tmp_path).mirror()
    assert [p.name for p in (tmp_path / "inbox").iterdir()] == ["f.csv"]


def test_no_server_and_no_folder_are_outages(server, tmp_path):
    with pytest.raises(SourceUnavailable, match="SFTP failed"):
        mailbox(server, tmp_path, url=f"sftp://sameair@127.0.0.1:{server.port}/none").mirror()
    with pytest.raises(SourceUnavailable, match="SFTP failed"):
        mailbox(server, tmp_path, url="sftp://sameair@127.0.0.1:9/out").mirror()


@pytest.mark.parametrize(
    "url", ["", "ftp://a@b/c", "sftp://host/c", "sftp://a@b:99999/c", "sftp://a@[b/c", "sftp://a:secret@b/c"]
)
def test_an_address_that_is_none_is_refused_without_its_secrets(url):
    with pytest.raises(Refused) as error:
        parse_address(Login("exchange", url, SETTING))
    assert "secret" not in str(error.value)
