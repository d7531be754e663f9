"""Signing in on a real server, and who gets how far."""

import re

import pytest
import requests

from review.access import COOKIE, rule_of
from review.accounts.book import Invitation, invite
from review.accounts.roles import Action, Role, may
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
    return requests.request(method, app.base + path, timeout=20, allow_redirects=False, **more)


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


def paths(app):
    for route in app.app.state.guarded:
        for method in sorted(route.methods - {"HEAD"}):
            yield method, re.sub(r"\{[^}]*\}", "x", route.path), rule_of(route).action


def test_every_route_answers_each_role_as_the_table_says(app):
    checked = 0
    for method, path, action in paths(app):
        for role in Role:
            jar = cookies(app.ledger, NOW, role=role)
            data = {"csrf": csrf_of(app.ledger, NOW, jar)} if method != "GET" else None
            if path == "/sign-out" and method == "POST":
                continue
            status = ask(app, method, path, cookies=jar, data=data).status_code
            allowed = action is None or may(role, action)
            checked += 1
            if not allowed:
                assert status == 403, (method, path, role)
            elif action is not None:
                assert status not in (401, 403), (method, path, role)
        status = ask(app, method, path, cookies={COOKIE: "none"}).status_code
        assert (status in (303, 401)) or action is None, (method, path)
    assert checked > len(Role) * 15


def test_every_action_belongs_to_somebody():
    assert all(any(may(role, action) for role in Role) for action in Action)
