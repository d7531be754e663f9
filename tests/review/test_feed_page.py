"""The feed over HTTP: types, validators, and nothing but what was issued."""

import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import requests
import uvicorn

from alerts.examples import example_content
from alerts.feed import cap_name, feed_name
from alerts.warnings import advance, open_review, propose_version
from pipeline.settings import Settings
from pipeline.times import parse_instant
from review.app import create_app, create_public_app
from tests.review.signed_in import cookies

NOW = parse_instant("2026-01-14T08:20Z")
CAP = cap_name("w-1", 1)


@contextmanager
def running(app):
    """Serve an application; gives functions that ask it."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        jar = cookies(app.state.ledger, NOW)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield SimpleNamespace(
            get=lambda path, **more: requests.get(base + path, timeout=120, cookies=jar, **more),
            head=lambda path: requests.head(base + path, timeout=120, cookies=jar),
        )
        server.should_exit = True
        thread.join(20)
    app.state.ledger.close()


@pytest.fixture
def client(tmp_path):
    app = create_app(Settings(data_dir=tmp_path), clock=lambda: NOW)
    (tmp_path / "warnings").mkdir()
    (tmp_path / "warnings" / CAP).write_bytes(b"<alert/>")
    with app.state.ledger.write() as conn:
        propose_version(conn, example_content(warning_id="w-1"), NOW)
    with running(app) as asked:
        asked.folder, asked.ledger = tmp_path / "warnings", app.state.ledger
        yield asked


def issue(client):
    with client.ledger.write() as conn:
        row = open_review(conn, "w-1", 1, "kim", NOW)
        advance(conn, row, "issued", actor="run", reason="signed", at=NOW)


def test_the_short_address_leads_to_the_measured_world(client):
    answer = client.get("/feed.atom")
    assert answer.url.endswith("/feeds/feed-measured.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert b"<entry" not in answer.content


def test_a_message_is_served_when_it_was_issued_and_not_before(client):
    assert client.get(f"/feeds/{CAP}").status_code == 404
    issue(client)
    answer = client.get(f"/feeds/{CAP}")
    assert answer.headers["content-type"] == "application/cap+xml; charset=utf-8"
    assert answer.content == b"<alert/>"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_copy_that_is_current_is_not_sent_again(client):
    (client.folder / feed_name("simulated-7")).write_bytes(b"<feed/>")
    address = f"/feeds/{feed_name('simulated-7')}"
    first = client.get(address)
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": changed},
    ):
        answer = client.get(address, headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for headers in (
        {"If-None-Match": '"x"', "If-Modified-Since": changed},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "nonsense"},
    ):
        assert client.get(address, headers=headers).status_code == 200
    assert client.head(address).content == b""


@pytest.mark.parametrize(
    "name", ["../ledger.sqlite", "..%2Fledger.sqlite", "feed-x.atom.bak", "w-2-v1.cap.xml", "feed-none.atom"]
)
def test_nothing_else_is_served(client, name):
    issue(client)
    assert client.get(f"/feeds/{name}").status_code == 404


def test_the_public_application_has_no_feed(tmp_path):
    with running(create_public_app(Settings(data_dir=tmp_path), clock=lambda: NOW)) as client:
        assert client.get("/feed.atom").status_code == 404
