"""Rounds over a real SFTP server and a real HTTPS server: cut, denied, repeated, forged; nothing is lost."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import requests
import uvicorn

from flows.exchange_links import links_of, receiver_of
from flows.exchange_recover import recover_chain
from flows.node import node_of, own_key
from pipeline.errors import UsageError
from pipeline.exchange.envelope import MAXIMUM_PACKED
from pipeline.exchange.requests import Asked, sign_request
from review.app import create_public_app
from review.exchange_api import STRANGERS_PER_MINUTE
from tests.fakes.certificates import LOOPBACK, OTHER_HOST, Authority
from tests.fakes.sftp import client_key, serving_sftp
from tests.flows.exchange_pair import Pair, let_ask
from tests.ledger_files import drop_triggers, keep_ledger, put_back_ledger

STATE = "/exchange/v1/state"
ENVELOPES = "/exchange/v1/envelopes"
ALL = [("seoul", n) for n in range(1, 6)]


@pytest.fixture
def to_say(monkeypatch):
    return let_ask(monkeypatch)


@contextmanager
def serving(app, certificate=None):
    """Run an app on loopback; gives its port."""
    files = {"ssl_certfile": certificate[0], "ssl_keyfile": certificate[1]} if certificate else {}
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", **files))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Cutting:
    """A proxy that hands on only so many bytes of each direction, then cuts; None: all."""

    def __init__(self, port):
        self.target, self.left, self.count = port, None, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            if self.left == 0:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        try:
            while piece := one.recv(1024):
                if self.left is not None:
                    self.left -= len(piece)
                    if self.left < 0:
                        break
                other.sendall(piece)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def close(self):
        self.listener.close()


# ---- SFTP


@pytest.fixture
def sftp(tmp_path):
    """Two nodes with a writable server of a third party between them."""
    folder = tmp_path / "server" / "out"
    folder.mkdir(parents=True)
    key = client_key(tmp_path / "id_ecdsa")
    with serving_sftp(folder.parent, "sameair", key, writable=True) as served:
        url = f"sftp://sameair@127.0.0.1:{served.port}/out"
        pair = Pair(tmp_path, {"seoul": url, "beijing": url})
        known = served.known_hosts(tmp_path / "known_hosts")
        for party in ("seoul", "beijing"):
            pair.nodes[party].ledger.close()
            pair.open(party, exchange_links_key=tmp_path / "id_ecdsa", exchange_links_known_hosts=known)
        pair.mount = folder
        yield pair, served
        pair.close()


@pytest.mark.slow
def test_rounds_over_a_real_sftp_server(sftp, to_say):
    pair, served = sftp
    said, asked = to_say
    said["seoul"] = [1, 2, 3, 4, 5]

    def full(path):
        if "0000000003" in path.name:
            raise OSError(errno.ENOSPC, "full")

    served.on_write = full
    report = pair.round("seoul").peers[0]
    assert (report.sent, report.urgent) == (0, [])
    assert "SFTP failed" in report.trouble[0]
    pair.round("beijing")
    assert asked == ALL[:2]
    served.on_write = None
    assert pair.round("seoul").is_well
    lost = pair.file("seoul", 4)
    lost.write_bytes(b"x" * lost.stat().st_size)
    pair.rounds(3)
    assert asked == ALL
    assert not list(pair.mount.rglob("*.part"))
    assert pair.held("beijing", "seoul") == pair.chain("seoul", "beijing")
    assert [p.said + p.sent + p.taken for r in pair.rounds(1) for p in r.peers] == [0, 0]


@pytest.mark.slow
def test_an_sftp_session_cut_in_the_middle_is_resumed(tmp_path, to_say):
    """The line breaks while a file is written and while one is read; nothing is lost or done twice."""
    said, asked = to_say
    folder = tmp_path / "server" / "out"
    folder.mkdir(parents=True)
    key = client_key(tmp_path / "id_ecdsa")
    with serving_sftp(folder.parent, "sameair", key, writable=True) as served:
        proxy = Cutting(served.port)
        known = tmp_path / "known_hosts"
        name, text = served.host_key.get_name(), served.host_key.get_base64()
        known.write_text(f"[127.0.0.1]:{proxy.port} {name} {text}\n")
        url = f"sftp://sameair@127.0.0.1:{proxy.port}/out"
        pair = Pair(tmp_path, {"seoul": url, "beijing": url})
        for party in ("seoul", "beijing"):
            pair.nodes[party].ledger.close()
            pair.open(party, exchange_links_key=tmp_path / "id_ecdsa", exchange_links_known_hosts=known)
        said["seoul"] = [1, 2, 3, 4, 5]
        for party in ("seoul", "beijing"):
            for left in (0, 6000, 9000):
                proxy.left = left
                report = pair.round(party).peers[0]
                assert "SFTP failed" in report.trouble[0]
                assert report.urgent == []
            proxy.left = None
            assert pair.round(party).is_well
        pair.rounds(2)
        assert asked == ALL
        assert pair.held("beijing", "seoul") == pair.chain("seoul", "beijing")
        proxy.close()
        pair.close()


def test_an_sftp_server_that_denies_writing_needs_a_person(sftp, to_say):
    pair, served = sftp

    def denied(_path):
        raise PermissionError(errno.EACCES, "denied")

    served.on_write = denied
    assert "denies a file" in pair.round("seoul").peers[0].urgent[0]


# ---- HTTPS


@pytest.fixture
def https(tmp_path):
    """Seoul asks and posts; Beijing serves, and has no way out of its own."""
    authority = Authority(tmp_path)
    pair = Pair(tmp_path)
    settings = pair.nodes["beijing"].settings.model_copy(update={"exchange_links": {}})
    app = create_public_app(settings, clock=pair.clock, receiver_of=receiver_of(settings))
    with serving(app, authority.sign("beijing", LOOPBACK)) as port:
        proxy = Cutting(port)
        pair.links = {"beijing": f"https://127.0.0.1:{proxy.port}", "seoul": ""}
        for ws in pair.nodes.values():
            ws.ledger.close()
        pair.open("seoul", exchange_links_ca_file=authority.file)
        pair.open("beijing")
        yield pair, proxy, app, authority
        proxy.close()
    app.state.ledger.close()
    pair.close()


@pytest.mark.slow
def test_rounds_over_a_real_https_server_with_a_link_that_is_cut(https, to_say):
    pair, proxy, _, _ = https
    said, asked = to_say
    said["seoul"], said["beijing"] = [1, 2, 3, 4, 5], [9]
    proxy.left = 0
    report = pair.round("seoul").peers[0]
    assert "no whole answer" in report.trouble[0]
    assert report.urgent == []
    for left in (3000, 6000, 9000):
        proxy.left = left
        assert not pair.round("seoul").is_well
    proxy.left = None
    assert pair.round("seoul").is_well
    pair.round("beijing")
    pair.rounds(2)
    assert sorted(asked) == sorted([*ALL, ("beijing", 9)])
    for party, peer in (("seoul", "beijing"), ("beijing", "seoul")):
        assert pair.held(peer, party) == pair.chain(party, peer)


def test_an_envelope_lost_behind_the_server_is_posted_again(https, to_say):
    pair, _, app, _ = https
    said, asked = to_say
    said["seoul"] = [1, 2]
    pair.round("seoul")
    with app.state.ledger.write() as conn:
        drop_triggers(conn, "envelopes_received")
        conn.exec_driver_sql("DELETE FROM envelopes_received WHERE sequence = 1")
    assert pair.round("seoul").peers[0].sent == 1
    pair.round("beijing")
    assert asked == ALL[:2]


@pytest.mark.slow
def test_a_lost_chain_is_handed_back_by_https(https, to_say, monkeypatch):
    pair, _, _, _ = https
    monkeypatch.setattr("pipeline.exchange.recovery.check_body", lambda *_: None)
    monkeypatch.setattr("flows.exchange_restore.RESTORERS", {})
    monkeypatch.setattr("review.exchange_api.PAGE_BYTES", 1000)
    said, _ = to_say
    ledger = pair.nodes["seoul"].settings.data_dir / "ledger.sqlite"
    pair.nodes["seoul"].ledger.close()
    backup = keep_ledger(ledger, ledger.with_name("backup"))
    pair.open("seoul", exchange_links_ca_file=pair.nodes["seoul"].settings.exchange_links_ca_file)
    said["seoul"] = [1, 2, 3, 4, 5]
    pair.rounds(2)
    chain = pair.chain("seoul", "beijing")
    pair.nodes["seoul"].ledger.close()
    put_back_ledger(ledger, backup)
    seoul = pair.open("seoul", exchange_links_ca_file=pair.nodes["seoul"].settings.exchange_links_ca_file)
    assert pair.round("seoul").peers[0].stopped
    assert recover_chain(seoul, "beijing", "kim")["recovered"] == len(chain) > 5
    assert pair.chain("seoul", "beijing") == chain
    assert not pair.round("seoul").peers[0].stopped


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(https, to_say):
    pair, _, app, authority = https
    with serving(app, authority.sign("other", OTHER_HOST)) as port:
        pair.links["beijing"] = f"https://127.0.0.1:{port}"
        pair.nodes["seoul"].ledger.close()
        pair.open("seoul", exchange_links_ca_file=authority.file)
        assert "certificate is not trusted" in pair.round("seoul").peers[0].urgent[0]


def headers_of(pair, path, *, method="GET", body=b"", party="seoul", of="beijing", late=0):
    at = pair.clock() + timedelta(seconds=late)
    return sign_request(Asked(of, method, path, body), party, own_key(pair.nodes[party], party), at)


@pytest.fixture
def plain(tmp_path):
    """Beijing's exchange without TLS, as behind a web server; gives nodes and address."""
    pair = Pair(tmp_path)
    settings = pair.nodes["beijing"].settings
    app = create_public_app(settings, clock=pair.clock, receiver_of=receiver_of(settings))
    with serving(app) as port:
        yield pair, f"http://127.0.0.1:{port}"
    app.state.ledger.close()
    pair.close()


def test_who_proves_nothing_learns_nothing(plain):
    pair, url = plain
    good = headers_of(pair, STATE)
    assert requests.get(url + STATE, headers=good, timeout=60).json() == {"newest": 0, "missing": []}
    late = timedelta(seconds=pair.nodes["beijing"].settings.clock_skew + 1).total_seconds()
    bad = {
        "none": {},
        "repeated": good,
        "altered": {**headers_of(pair, STATE), "sameair-nonce": "0" * 32},
        "for another path": headers_of(pair, f"{ENVELOPES}?after=0"),
        "for another node": headers_of(pair, STATE, of="tokyo"),
        "old": headers_of(pair, STATE, late=-late),
        "of the future": headers_of(pair, STATE, late=late),
        "with another's name": {**headers_of(pair, STATE), "sameair-party": "beijing"},
        "of the node itself": headers_of(pair, STATE, party="beijing"),
        "odd": {**good, "sameair-date": "yesterday", "sameair-signature": "%%"},
    }
    for what, headers in bad.items():
        answer = requests.get(url + STATE, headers=headers, timeout=60)
        assert (what, answer.status_code, answer.text) == (what, 401, "not available")
    assert requests.get(f"{url}{ENVELOPES}?after=-1", headers=good, timeout=60).status_code in (401, 422)


def test_floods_and_guesses_are_cut_short(plain):
    pair, url = plain
    body = bytes(MAXIMUM_PACKED + 1)
    headers = headers_of(pair, ENVELOPES, method="POST", body=body)
    assert requests.post(url + ENVELOPES, data=body, headers=headers, timeout=60).status_code == 413
    for _ in range(STRANGERS_PER_MINUTE):
        requests.post(url + ENVELOPES, data=b"x", timeout=60)
    assert requests.post(url + ENVELOPES, data=b"x", timeout=60).status_code == 429


@pytest.mark.slow
def test_a_body_that_drips_is_cut(plain, monkeypatch):
    pair, url = plain
    monkeypatch.setattr("review.exchange_api.BODY_S", 0.3)

    def drip():
        for _ in range(30):
            yield b"x"
            time.sleep(0.1)

    began = time.monotonic()
    answer = requests.post(url + ENVELOPES, data=drip(), headers=headers_of(pair, ENVELOPES), timeout=10)
    assert answer.status_code in (400, 408)
    assert time.monotonic() - began < 6


def test_a_request_signed_for_another_world_of_bytes_is_refused(plain):
    """A signature over one query, body or method opens no other."""
    pair, url = plain
    for headers, address in (
        (headers_of(pair, f"{ENVELOPES}?after=0"), f"{ENVELOPES}?after=1"),
        (headers_of(pair, f"{ENVELOPES}?after=0"), f"{ENVELOPES}?after=0&after=9"),
        (headers_of(pair, STATE, method="POST"), STATE),
        (headers_of(pair, STATE, body=b"x"), STATE),
        (headers_of(pair, "/exchange/v1/held?after=0"), f"{ENVELOPES}?after=0"),
    ):
        assert requests.get(url + address, headers=headers, timeout=60).status_code == 401


def test_what_is_no_envelope_is_refused_and_recorded_once(plain):
    pair, url = plain
    for _ in range(2):
        headers = headers_of(pair, ENVELOPES, method="POST", body=b"no envelope")
        answer = requests.post(url + ENVELOPES, data=b"no envelope", headers=headers, timeout=60)
        assert answer.json() == {"outcome": "refused"}
    with pair.nodes["beijing"].ledger.read() as conn:
        rows = conn.exec_driver_sql("SELECT name, reason FROM envelopes_refused").all()
    assert [tuple(row) for row in rows] == [("posted by seoul", "damaged")]


def test_large_chains_are_handed_out_in_pages(plain, to_say, monkeypatch):
    pair, url = plain
    said, asked = to_say
    monkeypatch.setattr("review.exchange_api.PAGE_BYTES", 1000)
    said["beijing"] = list(range(12))
    pair.round("beijing")
    pair.links["beijing"] = url
    pair.nodes["seoul"].ledger.close()
    pair.open("seoul")
    assert pair.round("seoul").is_well
    assert len(asked) == 12


def test_an_answer_of_another_form_is_told(plain, to_say, monkeypatch):
    pair, url = plain
    pair.links["beijing"] = url
    pair.nodes["seoul"].ledger.close()
    pair.open("seoul")
    monkeypatch.setattr("review.exchange_api._page", lambda *_: {"envelopes": json.dumps("x" * 9)})
    assert any("another form" in text for text in pair.round("seoul").peers[0].trouble)


@pytest.mark.parametrize("address", ["ftp://x/y", "http://exchange.example"])
def test_an_address_that_is_no_way_is_named(tmp_path, address):
    pair = Pair(tmp_path, {"seoul": address, "beijing": address})
    ws = pair.nodes["seoul"]
    with pytest.raises(UsageError, match="SAMEAIR_EXCHANGE_LINKS"):
        links_of(ws, node_of(ws), "beijing")
    pair.close()
    shutil.rmtree(tmp_path / "mount")
