"""Signing in on a real server, and who gets how far."""

import re

import pytest
import requests

from review.access import COOKIE
from review.accounts.book import Invitation, invite
from review.accounts.roles import Role
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, csrf_of

PHRASE = "blue river seven lamps"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    yield running
    running.close()


def ask(app, method, path, **more):
    return requests.request(method, app.base + path, timeout=120, allow_redirects=False, **more)


def test_from_the_link_to_the_desk_and_out_again(app):
    with app.ledger.write() as conn:
        token = invite(conn, Invitation("kim", "Kim Minji", "seoul", Role.lead, "ko"), by="test", at=NOW)
    session = requests.Session()
    welcome = f"{app.base}/welcome/{token}"
    assert "Kim Minji" in session.get(welcome).text
    assert session.post(welcome, data={"password": PHRASE, "again": PHRASE + "x"}).status_code == 422
    assert session.post(welcome, data={"password": PHRASE, "again": PHRASE}).url.endswith("/sign-in")
    assert session.get(welcome).status_code == 410
    sent = session.get(f"{app.base}/warnings?world=measured")
    assert sent.url.endswith("/sign-in?to=/warnings%3Fworld%3Dmeasured")
    data = {"name": "Kim", "password": PHRASE, "to": "/warnings?world=measured"}
    page = session.post(f"{app.base}/sign-in", data=data)
    assert page.url.endswith("/warnings?world=measured")
    assert "로그아웃" in page.text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    session.post(f"{app.base}/sign-out", data={"csrf": csrf})
    assert session.get(f"{app.base}/").url.endswith("/sign-in?to=/")


def test_the_cookie_is_for_this_server_alone(app):
    with app.ledger.write() as conn:
        token = invite(conn, Invitation("lee", "Lee", "seoul", Role.reader), by="test", at=NOW)
    ask(app, "POST", f"/welcome/{token}", data={"password": PHRASE, "again": PHRASE})
    answer = ask(app, "POST", "/sign-in", data={"name": "lee", "password": PHRASE, "to": "//evil.example/"})
    assert answer.headers["location"] == "/"
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_what_another_page_sends_is_refused(app, headers):
    jar = cookies(app.ledger, NOW)
    data = {"csrf": csrf_of(app.ledger, NOW, jar), "language": "ko", "timezone": "UTC"}
    assert ask(app, "POST", "/account", data=data, cookies=jar, headers=headers).status_code == 403
    assert ask(app, "POST", "/account", data=data, cookies=jar).status_code == 303


def test_a_form_without_the_token_of_the_session_is_refused(app):
    mine, other = cookies(app.ledger, NOW), cookies(app.ledger, NOW, party="beijing")
    data = {"language": "ko", "timezone": "UTC"}
    for csrf in ("", "x", csrf_of(app.ledger, NOW, other)):
        assert ask(app, "POST", "/account", data=data | {"csrf": csrf}, cookies=mine).status_code == 403


def test_a_link_and_the_form_to_sign_in_work_where_somebody_is_signed_in_already(app):
    with app.ledger.write() as conn:
        token = invite(conn, Invitation("han", "Han", "seoul", Role.reader), by="test", at=NOW)
    jar = cookies(app.ledger, NOW, role=Role.operator)
    answer = ask(app, "POST", f"/welcome/{token}", data={"password": PHRASE, "again": PHRASE}, cookies=jar)
    assert answer.status_code == 303
    answer = ask(app, "POST", "/sign-in", data={"name": "han", "password": PHRASE}, cookies=jar)
    assert answer.cookies[COOKIE] != jar[COOKIE]
