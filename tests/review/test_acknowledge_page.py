"""The acknowledgement link on a real server: opening changes nothing, the button acknowledges once."""

from datetime import timedelta

import pytest
import requests

from alerts.acknowledge import Receipt, make_token
from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from review.app import create_app, create_public_app
from tests.review.running_app import NOW, RunningApp

ID = example_content().warning_id


class Desk(RunningApp):
    """A running server with one warning sent to one agency."""

    def __init__(self, folder, make=create_public_app):
        super().__init__(folder, make)
        with self.ledger.write() as conn:
            propose_version(conn, example_content(), NOW)
            row = OutboxRow(
                f"{ID}.v1.seoul-met", ID, 1, "seoul-met", "a@b.example", "<m>", "0" * 64, NOW, NOW, NOW
            )
            insert_outbox(conn, [row])

    def url(self, recipient="seoul-met", version=1, hours=24, secret=None):
        key = secret or load_or_create_secret(self.settings.keys_dir, "links")
        receipt = Receipt(ID, version, recipient, NOW + timedelta(hours=hours))
        return f"{self.base}/acknowledge/{make_token(key, receipt)}"

    def rows(self):
        with self.ledger.read() as conn:
            assert verify_audit(conn).ok
            return read_acknowledgements(conn)


@pytest.fixture
def desk(tmp_path):
    running = Desk(tmp_path)
    yield running
    running.close()


def test_opening_the_link_changes_nothing_and_the_button_acknowledges_once(desk):
    for _ in range(3):
        page = requests.get(desk.url(), timeout=120)
        assert page.status_code == 200
        assert page.text.count('<form method="post">') == 3
    looked = requests.head(desk.url(), timeout=120)
    assert (looked.status_code, looked.text) == (200, "")
    assert desk.rows() == []
    done = requests.post(desk.url(), timeout=120)
    assert done.status_code == 200
    assert "Acknowledged: 2026-01-14 08:20 UTC" in done.text
    desk.now += timedelta(hours=1)
    again = requests.post(desk.url(), timeout=120)
    assert "Acknowledged: 2026-01-14 08:20 UTC" in again.text
    assert "<form" not in requests.get(desk.url(), timeout=120).text
    assert [(r.recipient, r.version, r.way, r.at) for r in desk.rows()] == [("seoul-met", 1, "link", NOW)]


@pytest.mark.parametrize("language", ["초미세먼지", "颗粒物", "PM2.5"])
def test_the_page_says_what_is_acknowledged(desk, language):
    page = requests.get(desk.url(), timeout=120)
    assert language in page.text
    assert page.headers["Content-Security-Policy"].count("form-action 'self'") == 1
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_wrong_link_tells_nothing(desk, method):
    call = getattr(requests, method)
    foreign = desk.url(secret=b"x" * 32)
    cut, unknown = desk.url()[:-1], desk.url().replace("acknowledge/", "acknowledge/A")
    for url in (
        foreign,
        cut,
        unknown,
        f"{desk.base}/acknowledge/nonsense",
        f"{desk.base}/acknowledge/{'A' * 5000}",
    ):
        answer = call(url, timeout=120)
        assert answer.status_code == 403
        assert ID not in answer.text
    assert desk.rows() == []


def test_an_expired_link_is_gone(desk):
    url = desk.url(hours=2)
    desk.now += timedelta(hours=2)
    assert requests.get(url, timeout=120).status_code == 200
    desk.now += timedelta(seconds=1)
    assert requests.get(url, timeout=120).status_code == 410
    assert requests.post(url, timeout=120).status_code == 410
    assert desk.rows() == []


def test_who_was_sent_nothing_cannot_acknowledge(desk):
    assert requests.post(desk.url(recipient="beijing-met"), timeout=120).status_code == 403
    assert requests.post(desk.url(version=2), timeout=120).status_code == 403
    assert desk.rows() == []


def test_the_public_server_shows_nothing_else(desk):
    for path in ("/", "/warnings", f"/warnings/{ID}", "/runs", "/api/v1/warnings", "/api/v1/openapi.json"):
        assert requests.get(desk.base + path, timeout=120).status_code == 404
    assert requests.get(f"{desk.base}/static/review.css", timeout=120).status_code == 200


def test_the_desk_answers_links_too(tmp_path):
    running = Desk(tmp_path, create_app)
    try:
        assert requests.post(running.url(), timeout=120).status_code == 200
        assert requests.get(running.base, timeout=120).status_code == 200
        assert len(running.rows()) == 1
    finally:
        running.close()
