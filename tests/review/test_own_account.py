"""A person's own account on a real server: password, second factor, sessions, tokens."""

import re
from datetime import timedelta

import pyotp
import pytest
import requests
from lxml import html

from pipeline.ledger.accounts import change_account, find_account
from pipeline.ledger.audit import newest_rows, verify_audit
from review.access import COOKIE
from review.accounts.passwords import hash_password
from review.accounts.roles import Role
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, csrf_of, person

PHRASE = "blue river seven lamps"
OTHER = "green hill eleven ships"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    changes = {"second_factor_roles": ("observer",)}
    running = RunningApp(
        tmp_path_factory.mktemp("pages"),
        lambda s, clock: create_app(s.model_copy(update=changes), clock=clock),
    )
    yield running
    running.close()


class Browser(requests.Session):
    """A browser in which somebody is signed in."""

    def __init__(self, app, **who):
        super().__init__()
        self.app, self.jar = app, cookies(app.ledger, app.now, **who)
        self.name = person(app.ledger, app.now, **who).name
        self.cookies.update(self.jar)

    def page(self, path="/account"):
        return self.get(self.app.base + path, timeout=120)

    def change(self, path, **fields):
        data = {"csrf": csrf_of(self.app.ledger, self.app.now, self.jar), **fields}
        return self.post(self.app.base + path, data=data, timeout=120)

    def account(self):
        with self.app.ledger.read() as conn:
            return find_account(conn, self.name)

    def set_password(self, password=PHRASE):
        with self.app.ledger.write() as conn:
            change_account(conn, self.account().id, password=hash_password(password))

    @property
    def is_in(self):
        return not self.page().url.endswith("/sign-in?to=/account")


def test_a_new_password_needs_the_old_one_and_ends_sessions_elsewhere(app):
    here, there = Browser(app), Browser(app)
    here.set_password()
    wrong = here.change("/account/password", current=OTHER, password=OTHER, again=OTHER)
    assert (wrong.status_code, "current password is wrong" in wrong.text) == (422, True)
    assert here.change("/account/password", current=PHRASE, password=OTHER, again=PHRASE).status_code == 422
    assert (
        here.change("/account/password", current=PHRASE, password="short", again="short").status_code == 422
    )
    assert there.is_in
    changed = here.change("/account/password", current=PHRASE, password=OTHER, again=OTHER)
    assert "The password is changed" in changed.text
    assert here.is_in
    assert not there.is_in
    signed = requests.post(
        f"{app.base}/sign-in", data={"name": here.name, "password": OTHER}, timeout=120, allow_redirects=False
    )
    assert signed.status_code == 303


def test_who_finds_an_open_browser_cannot_try_passwords_for_long(app, monkeypatch):
    monkeypatch.setattr("review.accounts.sessions.is_password", lambda _stored, given: given == PHRASE)
    here = Browser(app, party="beijing")
    here.set_password()
    for _ in range(5):
        assert "is wrong" in here.change("/account/password", current="x", password=OTHER, again=OTHER).text
    said = here.change("/account/password", current=PHRASE, password=OTHER, again=OTHER)
    assert "Too many attempts" in said.text


def test_signing_out_elsewhere(app):
    here, there = (Browser(app, role=Role.reader) for _ in range(2))
    assert here.page().text.count("<tr><td>") == 2
    assert "signed out everywhere else" in here.change("/account/sessions").text
    assert here.is_in
    assert not there.is_in


def test_the_second_factor_from_the_picture_to_its_removal(app):
    here = Browser(app, role=Role.forecaster)
    here.set_password()
    page = here.page("/account/second-factor")
    tree = html.fromstring(page.text)
    secret = tree.xpath("//dd/code")[0].text_content().replace(" ", "")
    sealed = tree.xpath("//input[@name='sealed']/@value")[0]
    assert tree.xpath("//div[@role='img']//*[local-name()='path']")
    assert "style=" not in page.text
    code = pyotp.TOTP(secret).at(app.now)
    wrong = "000000" if code != "000000" else "111111"
    assert here.change("/account/second-factor", sealed=sealed, code=wrong).status_code == 422
    other = Browser(app, role=Role.forecaster)
    assert other.change("/account/second-factor", sealed=sealed, code=code).status_code == 422
    for forged in ("", "x", sealed[:-8] + "AAAAAAA="):
        assert here.change("/account/second-factor", sealed=forged, code=code).status_code == 422
    assert not here.account().totp
    assert "asks for a code" in here.change("/account/second-factor", sealed=sealed, code=code).text
    assert secret not in here.account().totp
    assert here.change("/account/second-factor", sealed=sealed, code=code).status_code == 409
    enter = {"name": here.name, "password": PHRASE, "code": code}
    assert requests.post(f"{app.base}/sign-in", data=enter, timeout=120).status_code == 403
    later = app.now + timedelta(seconds=30)
    app.now = later
    enter["code"] = pyotp.TOTP(secret).at(later)
    answer = requests.post(f"{app.base}/sign-in", data=enter, timeout=120, allow_redirects=False)
    assert answer.status_code == 303
    app.now = NOW
    assert here.change("/account/second-factor/remove", password=OTHER).status_code == 422
    assert here.account().totp
    here.change("/account/second-factor/remove", password=PHRASE)
    assert not here.account().totp


def test_a_role_that_must_have_one_sees_nothing_before(app):
    here = Browser(app, role=Role.observer)
    here.set_password()
    sent = here.page("/archive")
    assert sent.url.endswith("/account/second-factor")
    assert "Your role needs a second factor" in sent.text
    assert here.page("/api/v1/runs").status_code == 403
    with app.ledger.write() as conn:
        change_account(conn, here.account().id, totp=app.app.state.box.seal(pyotp.random_base32(), here.name))
    assert here.page("/api/v1/runs").status_code == 200


def reading(app, token, path="/api/v1/health"):
    head = {"Authorization": f"Bearer {token}"}
    return requests.get(app.base + path, headers=head, timeout=120, allow_redirects=False).status_code


def test_a_token_is_shown_once_reads_and_ends(app):
    here = Browser(app, role=Role.lead, language="ko")
    shown = here.change("/account/tokens", name="dash <b>", days=2, acknowledges="true")
    token = re.search(r"sameair_[\w-]+", shown.text)[0]
    page = here.page().text
    assert token not in page
    assert "dash &lt;b&gt;" in page
    assert reading(app, token) == 200
    assert reading(app, token.upper()) == 401
    with app.ledger.read() as conn:
        stored = conn.exec_driver_sql("SELECT digest, acknowledges FROM account_tokens").all()
        rows = newest_rows(conn)
        assert verify_audit(conn).ok
    assert token not in str(stored)
    assert token not in str(rows)
    assert not stored[-1][1], "who may not acknowledge makes no token that may"
    app.now = NOW + timedelta(days=2)
    assert reading(app, token) == 401
    app.now = NOW
    identity = re.search(r"/account/tokens/(\w+)/revoke", page)[1]
    Browser(app, role=Role.reader).change(f"/account/tokens/{identity}/revoke")
    assert reading(app, token) == 200, "nobody revokes the token of somebody else"
    here.change(f"/account/tokens/{identity}/revoke")
    assert reading(app, token) == 401


def test_tokens_end_with_the_account_and_follow_its_role(app):
    here = Browser(app, role=Role.lead, party="beijing", language="zh")
    token = re.search(r"sameair_[\w-]+", here.change("/account/tokens", name="x", days=9).text)[0]
    assert reading(app, token, "/api/v1/episodes") == 200
    assert reading(app, token, "/account") == 403
    with app.ledger.write() as conn:
        change_account(conn, here.account().id, role=Role.agency.value)
    assert reading(app, token, "/api/v1/runs") == 403
    with app.ledger.write() as conn:
        change_account(conn, here.account().id, state="closed")
    assert reading(app, token) == 401


def test_there_are_not_more_tokens_than_somebody_can_oversee(app, monkeypatch):
    monkeypatch.setattr("review.accounts.own.MOST_TOKENS", 2)
    here = Browser(app, role=Role.agency)
    for wrong in ({"name": " ", "days": 9}, {"name": "x", "days": 0}, {"name": "x", "days": 367}):
        assert here.change("/account/tokens", **wrong).status_code == 422
    for n in range(2):
        assert here.change("/account/tokens", name=f"p{n}", days=1).status_code == 200
    assert here.change("/account/tokens", name="one more", days=1).status_code == 422


def test_a_session_of_nobody_knows_no_account(app):
    assert requests.get(f"{app.base}/account", cookies={COOKIE: "x"}, timeout=120).url.endswith("to=/account")
