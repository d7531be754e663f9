"""The link that confirms an address: opening changes nothing, the button counts, for these addresses only."""

from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from alerts.acknowledge import Receipt, make_token
from alerts.verify_address import link_token, make_claim
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.recipients import Contact, RecipientRow, erase, read_recipients, write_recipient
from review.app import create_app, create_public_app
from tests.review.running_app import NOW, RunningApp

ROW = RecipientRow("r-0123456789ab", "seoul", ["ko", "en"], ["seoul", "beijing"], "J2", "email", NOW)
NAMES = {"ko": "대기 <b>당직</b>", "zh": "大气值班室", "en": "Air desk"}
CONTACT = Contact(ROW.id, "air-desk", NAMES, "duty@air.seoul.kr", "https://hook.seoul.kr/in")


class Desk(RunningApp):
    def __init__(self, folder, make=create_public_app):
        super().__init__(folder, make)
        self.secret = load_or_create_secret(self.settings.keys_dir, "links")
        with self.ledger.write() as conn:
            write_recipient(conn, ROW, CONTACT)

    def get(self, url):
        return requests.get(self.base + url, timeout=120)

    def post(self, url):
        return requests.post(self.base + url, timeout=120)

    def url(self, secret=None):
        secret = secret or self.secret
        return f"/verify/{link_token(secret, make_claim(self.secret, CONTACT, NOW))}"

    def verified(self):
        with self.ledger.read() as conn:
            assert verify_audit(conn).ok
            return [row.verified_at for row, _ in read_recipients(conn)]


@pytest.fixture(params=[create_public_app, create_app], ids=["public", "desk"])
def desk(tmp_path, request):
    running = Desk(tmp_path, request.param)
    yield running
    running.close()


def test_opening_changes_nothing_and_the_button_confirms_once(desk):
    for _ in range(3):
        page = desk.get(desk.url())
        assert page.status_code == 200
        assert page.text.count('<form method="post">') == 3
    assert requests.head(desk.base + desk.url(), timeout=120).status_code == 200
    assert desk.verified() == [None]
    done = desk.post(desk.url())
    assert "Confirmed: 2026-01-14 08:20 UTC" in done.text
    desk.now += timedelta(hours=1)
    assert "Confirmed: 2026-01-14 08:20 UTC" in desk.post(desk.url()).text
    assert "<form" not in desk.get(desk.url()).text
    assert desk.verified() == [NOW]
    with desk.ledger.read() as conn:
        rows = newest_rows(conn)
    assert [(r["action"], r["actor"], r["payload"]) for r in rows] == [
        ("recipient.verify", ROW.id, {"way": "link"})
    ]


def test_the_page_shows_the_recipient_to_itself_in_three_languages(desk):
    page = desk.get(desk.url())
    for text in (
        "서울",
        "首尔、北京",
        "Seoul",
        "J2",
        CONTACT.email,
        CONTACT.webhook,
        "大气值班室",
        "Air desk",
    ):
        assert text in page.text
    assert "<b>당직" not in page.text
    assert page.headers["Content-Security-Policy"].count("form-action 'self'") == 1
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_a_wrong_link_tells_nothing(desk):
    receipt = Receipt(ROW.id, 1, "x", NOW + timedelta(hours=1))
    foreign, other_kind = desk.url(b"x" * 32), f"/verify/{make_token(desk.secret, receipt)}"
    for url in (foreign, other_kind, desk.url()[:-1], "/verify/nonsense", f"/verify/{'A' * 5000}"):
        for answer in (desk.get(url), desk.post(url)):
            assert answer.status_code == 403
            assert "duty@" not in answer.text
            assert "Air desk" not in answer.text
    assert desk.verified() == [None]


def test_a_link_counts_for_a_week(desk):
    desk.now += timedelta(days=7)
    assert desk.get(desk.url()).status_code == 200
    desk.now += timedelta(seconds=1)
    assert desk.post(desk.url()).status_code == 410
    assert desk.verified() == [None]


@pytest.mark.parametrize("change", [{"email": "other@air.seoul.kr"}, {"webhook": ""}])
def test_a_link_holds_for_the_addresses_that_it_was_made_for(desk, change):
    with desk.ledger.write() as conn:
        write_recipient(conn, ROW, replace(CONTACT, **change))
    assert desk.post(desk.url()).status_code == 403
    assert desk.verified() == [None]


def test_a_link_of_somebody_erased_is_worth_nothing(desk):
    with desk.ledger.write() as conn:
        erase(conn, ROW.id, NOW)
    assert desk.post(desk.url()).status_code == 403
