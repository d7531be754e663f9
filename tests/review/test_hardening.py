"""What somebody would try who must not get in, on a real server."""

import re
import socket
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from pipeline.ledger import open_ledger
from pipeline.ledger.accounts import change_account, list_accounts
from pipeline.settings import Settings
from review.access import COOKIE, rule_of
from review.accounts.book import Invitation, accept, invite
from review.accounts.roles import Role, may
from review.app import create_app
from review.limits import MOST_BYTES
from review.serving import first_addresses
from review.sign_in import inside
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, person

PHRASE = "blue river seven lamps"
EVIL = "<script>alert(1)</script>\"'<img src=x onerror=alert(2)>{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    with running.ledger.write() as conn:
        token = invite(conn, Invitation("kim", "Kim Minji", "seoul", Role.lead), by="test", at=NOW)
        accept(conn, token, PHRASE, NOW)
    yield running
    running.close()


def ask(app, method, path, **more):
    return requests.request(method, app.base + path, timeout=120, allow_redirects=False, **more)


@settings(deadline=None, max_examples=60)
@given(st.text() | st.from_regex(r"[/\\]{0,3}[a-z.:@/\\%0-9\s]{0,12}"))
def test_signing_in_leads_to_no_other_server(to):
    base = "https://review.example/sign-in"
    assert urlsplit(urljoin(base, inside(to))).netloc == "review.example"
    assert inside(to).isprintable()


def test_a_session_set_before_signing_in_is_not_the_one_after(app):
    data = {"name": "kim", "password": PHRASE, "to": "/x\r\nSet-Cookie: a=b"}
    answer = ask(app, "POST", "/sign-in", data=data, cookies={COOKIE: "chosen by somebody else"})
    assert answer.headers["location"] == "/"
    assert answer.cookies[COOKIE] != "chosen by somebody else"
    assert "a" not in answer.cookies
    assert ask(app, "GET", "/account", cookies={COOKIE: "chosen by somebody else"}).status_code == 303


def test_a_stranger_cannot_tell_a_name_that_there_is_from_one_that_there_is_not(app):
    said = set()
    for name in ("kim", "nobody", "KIM ", "x" * 64):
        answer = ask(app, "POST", "/sign-in", data={"name": name, "password": "not the right words"})
        said.add((answer.status_code, answer.text.replace(name, "")))
    assert len(said) == 1


def test_without_a_provider_there_is_no_way_to_one(app):
    assert ask(app, "GET", "/sign-in/provider").status_code == 404
    assert "provider" not in ask(app, "GET", "/sign-in").text


def test_a_body_that_is_too_long_is_not_read(app):
    long = b"name=" + b"x" * MOST_BYTES
    assert ask(app, "POST", "/sign-in", data=long).status_code == 413
    host, port = app.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as line:
        head = "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        line.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(MOST_BYTES // 0x10000 + 2):
                line.sendall(piece)
            answer = line.recv(200)
        except ConnectionError:
            answer = b"HTTP/1.1 413 "
        assert re.match(rb"HTTP/1.1 4(00|13) ", answer)


def test_over_tls_cookies_belong_to_this_host_alone_and_the_browser_stays_there(tmp_path, app):
    url = {"review_url": "https://review.example"}
    over = RunningApp(tmp_path, lambda s, clock: create_app(s.model_copy(update=url), clock=clock))
    try:
        with over.ledger.write() as conn:
            token = invite(conn, Invitation("kim", "Kim", "seoul", Role.lead), by="test", at=NOW)
        answer = ask(over, "POST", f"/welcome/{token}", data={"password": PHRASE, "again": PHRASE})
        assert "__Host-sameair_device" in answer.headers["set-cookie"]
        answer = ask(over, "POST", "/sign-in", data={"name": "kim", "password": PHRASE})
        for name in ("__Host-sameair_session", "__Host-sameair_device"):
            said = re.search(rf"{name}=[^,]*", answer.headers["set-cookie"])[0].lower()
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= {p.strip() for p in said.split(";")}
            assert "domain" not in said
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    finally:
        over.close()
    assert "strict-transport-security" not in ask(app, "GET", "/sign-in").headers


def test_a_fresh_installation_has_no_password_and_one_link_a_party(tmp_path):
    settings = Settings(data_dir=tmp_path)
    first = first_addresses(settings, "http://127.0.0.1:8765", lambda: NOW)
    ledger = open_ledger(settings.ledger)
    with ledger.read() as conn:
        rows = list_accounts(conn)
    assert {r.party for r in rows} == set(first) == {"beijing", "seoul"}
    assert {(r.role, r.state, r.password) for r in rows} == {("operator", "invited", "")}
    with ledger.write() as conn:
        accept(conn, first["seoul"].rpartition("/")[2], PHRASE, NOW)
    ledger.close()
    assert set(first_addresses(settings, "http://127.0.0.1:8765", lambda: NOW)) == {"beijing"}
    alone = Settings(data_dir=tmp_path / "node", party="beijing")
    assert set(first_addresses(alone, "", lambda: NOW)) == {"beijing"}


def test_a_fault_of_the_storage_tells_a_stranger_no_path(app, monkeypatch):
    from pipeline.errors import StorageError

    def broken(*_args, **_more):
        raise StorageError(f"{app.settings.data_dir}/ledger.sqlite is damaged")

    monkeypatch.setattr("review.sign_in.sign_in", broken)
    answer = ask(app, "POST", "/sign-in", data={"name": "kim", "password": PHRASE})
    assert answer.status_code == 503
    assert str(app.settings.data_dir) not in answer.text


@pytest.mark.parametrize(
    "path", ["/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/fonts/..%2f..%2fapp.py"]
)
def test_no_file_beside_the_static_ones(app, path):
    assert ask(app, "GET", path).status_code == 404


@pytest.mark.slow
def test_no_path_leads_out_of_its_folder_and_no_odd_one_breaks_a_page(app):
    tricks = (
        "..%2f..%2fledger.sqlite",
        "%2e%2e%2fledger.sqlite",
        "%00",
        "x" * 3000,
        "%ff",
        "%F0%9F%8C%AB",
        "-1",
    )
    for route in app.app.state.guarded:
        action = rule_of(route).action
        if "{" not in route.path or "GET" not in route.methods:
            continue
        role = next(r for r in Role if action is None or may(r, action))
        jar = cookies(app.ledger, NOW, role=role)
        for trick in tricks:
            answer = ask(app, "GET", re.sub(r"\{[^}]*\}", trick, route.path), cookies=jar)
            assert answer.status_code < 500, (route.path, trick)
            assert b"SQLite format" not in answer.content


@pytest.mark.slow
def test_a_persons_name_is_text_on_every_page(app):
    for role in Role:
        row = person(app.ledger, NOW, role=role, party="beijing")
        with app.ledger.write() as conn:
            change_account(conn, row.id, person=EVIL)
        jar = cookies(app.ledger, NOW, role=role, party="beijing")
        for route in app.app.state.guarded:
            action = rule_of(route).action
            if "{" in route.path or "GET" not in route.methods or (action and not may(role, action)):
                continue
            answer = ask(app, "GET", route.path, cookies=jar)
            assert answer.status_code < 500, route.path
            if answer.headers.get("content-type", "").startswith("text/html") and answer.text:
                assert harmless(html.fromstring(answer.text)), route.path


def harmless(page):
    """Tell whether a page holds no script, style or handler of its own."""
    scripts = [e for e in page.iter("script") if not e.get("src") and e.get("type") != "application/json"]
    handlers = page.xpath("//@*[starts-with(name(), 'on') or name() = 'style']")
    strange = page.xpath("//img[@src='x'] | //*[starts-with(@href, 'javascript:')]")
    return not (scripts or handlers or strange or page.xpath("//style"))
