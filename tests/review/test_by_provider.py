"""Signing in by an identity provider that runs on this machine, and what it must not be fooled by."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc.jwk import ECKey

from review.access import COOKIE
from review.accounts.book import Invitation, bind_subject, close, invite
from review.accounts.provider import known_as
from review.accounts.roles import Role
from review.app import create_app
from tests.fakes.oidc import CLIENT, SECRET, FakeProvider
from tests.fakes.server import serving_fake
from tests.review.running_app import NOW, RunningApp


@pytest.fixture(scope="module")
def fake():
    provider = FakeProvider(lambda: NOW)
    with serving_fake(provider) as served:
        provider.issuer = served.url
        yield provider


@pytest.fixture(scope="module")
def app(tmp_path_factory, fake):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "secret").write_text(SECRET + "\n")
    changes = {"oidc_issuer": fake.issuer, "oidc_client": CLIENT, "oidc_secret_file": folder / "secret"}
    running = RunningApp(folder, lambda s, clock: create_app(s.model_copy(update=changes), clock=clock))
    with running.ledger.write() as conn:
        invite(conn, Invitation("kim", "Kim Minji", "seoul", Role.lead), by="test", at=NOW)
        bind_subject(conn, "kim", known_as(fake.issuer, fake.subject), by="test", at=NOW)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def straight(fake, app):
    fake.bend, fake.key, app.now = {}, fake.published, NOW
    subject = fake.subject
    yield
    fake.subject, fake.key = subject, fake.published


def back(app, browser, to="/"):
    """Go to the provider and return the address to which it sends the browser back."""
    left = browser.get(f"{app.base}/sign-in/provider", params={"to": to}, allow_redirects=False)
    assert left.status_code == 303
    return browser.get(left.headers["location"], allow_redirects=False).headers["location"]


def get(browser, address):
    return browser.get(address, allow_redirects=False)


def test_who_the_provider_knows_comes_in_to_the_page_that_was_asked_for(app):
    browser = requests.Session()
    assert 'href="/sign-in/provider?to=/warnings"' in browser.get(f"{app.base}/warnings").text
    came = get(browser, back(app, browser, "/warnings"))
    assert (came.status_code, came.headers["location"]) == (303, "/warnings")
    page = browser.get(f"{app.base}/account").text
    assert "Kim Minji" in page
    assert "identity provider" in page
    outside = requests.Session()
    assert get(outside, back(app, outside, "//evil.example/")).headers["location"] == "/"


def test_who_has_no_account_is_told_the_subject_and_gets_none(app, fake):
    fake.subject = "<b>another</b>"
    browser = requests.Session()
    came = get(browser, back(app, browser))
    assert came.status_code == 403
    assert "&lt;b&gt;another&lt;/b&gt;" in came.text
    assert COOKIE not in browser.cookies
    with app.ledger.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM accounts").scalar() == 1


@pytest.mark.parametrize(
    "bend",
    [
        {"nonce": "of another sign-in"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"iss": "https://another.example"},
        {"exp": int(NOW.timestamp()) - 120},
        {"sub": ""},
    ],
    ids=lambda bend: "-".join(bend),
)
def test_what_was_said_for_something_else_does_not_count(app, fake, bend):
    fake.bend = bend
    browser = requests.Session()
    assert get(browser, back(app, browser)).status_code == 403
    assert COOKIE not in browser.cookies


def test_what_another_key_signed_does_not_count(app, fake):
    fake.key = ECKey.generate_key("P-256", {"kid": "k1"})
    browser = requests.Session()
    assert get(browser, back(app, browser)).status_code == 403


def test_an_answer_counts_once_in_the_browser_that_asked_and_in_time(app):
    mine, other = requests.Session(), requests.Session()
    address = back(app, mine)
    assert get(other, address).status_code == 403
    back(app, other)
    assert get(other, address).status_code == 403
    answer = dict(parse_qsl(urlsplit(address).query))
    for wrong in ({"state": "x"}, {"code": ""}, {"iss": "https://another.example"}):
        asked = requests.get(
            address.partition("?")[0],
            params=answer | wrong,
            cookies=mine.cookies.get_dict(),
            timeout=120,
            allow_redirects=False,
        )
        assert asked.status_code == 403
    app.now = NOW + timedelta(minutes=11)
    assert get(requests.Session(), address).status_code == 403
    app.now = NOW
    late = requests.Session()
    address = back(app, late)
    app.now = NOW + timedelta(minutes=11)
    assert get(late, address).status_code == 403


def test_a_closed_account_does_not_come_in(app, fake):
    fake.subject = "7"
    with app.ledger.write() as conn:
        invite(conn, Invitation("lee", "Lee", "seoul", Role.lead), by="test", at=NOW)
        bind_subject(conn, "lee", known_as(fake.issuer, "7"), by="test", at=NOW)
        close(conn, "lee", by="test", at=NOW)
    browser = requests.Session()
    assert get(browser, back(app, browser)).status_code == 403
