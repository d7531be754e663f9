"""Every route × every role, token and origin, generated from the table of routes."""

import asyncio
import re
from urllib.parse import urlencode

import pytest
import requests
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline.errors import ContractError
from review.access import COOKIE, SignInNeeded, include, rule_of
from review.accounts.own import NewToken, add_token
from review.accounts.roles import Action, Role, may, may_program
from review.accounts.sessions import visitor_of
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, csrf_of

FORBIDDEN = 403
STRANGE = (303, 401)
TRIED = (Role.lead, Role.operator, Role.agency)
LED_ON = 303  # from the desk to the own first page, which says nothing of it


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    yield running
    running.close()


@pytest.fixture(scope="module")
def jars(app):
    return {role: cookies(app.ledger, NOW, role=role) for role in Role}


@pytest.fixture(scope="module")
def asked():
    with requests.Session() as session:
        session.headers["Accept"] = "*/*"
        yield session


def ask(app, asked, method, path, **more):
    asked.cookies.clear()
    return asked.request(method, app.base + path, timeout=120, allow_redirects=False, **more).status_code


def ruled(app):
    for route in app.app.state.guarded:
        for method in sorted(route.methods - {"HEAD"}):
            rule = rule_of(route)
            if rule.action is not None:
                yield method, re.sub(r"\{[^}]*\}", "x", route.path), rule.action, rule


def guarded(app):
    return [one[:3] for one in ruled(app)]


def someone(action):
    return next(role for role in Role if may(role, action))


async def judged(app, rule, method, jar=None, form=None, headers=None):
    """Return the status with which a rule itself stops a request, 200 if it lets it through."""
    head = {"host": "127.0.0.1", "content-type": "application/x-www-form-urlencoded", **(headers or {})}
    head["cookie"] = "; ".join(f"{k}={v}" for k, v in (jar or {}).items())
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "scheme": "http",
        "query_string": b"",
        "server": ("127.0.0.1", 80),
        "headers": [(k.lower().encode(), v.encode()) for k, v in head.items()],
        "app": app.app,
        "state": {},
    }

    async def receive():
        return {"type": "http.request", "body": urlencode(form or {}).encode(), "more_body": False}

    try:
        await rule(Request(scope, receive))
    except SignInNeeded:
        return 401
    except HTTPException as refusal:
        return refusal.status_code
    return 200


def test_each_rule_lets_just_the_roles_of_the_table_through(app, jars):
    async def all_of_them():
        forms = {role: {"csrf": csrf_of(app.ledger, NOW, jars[role])} for role in Role}
        for route in app.app.state.guarded:
            rule = rule_of(route)
            for method in sorted(route.methods - {"HEAD"}):
                for role in Role:
                    allowed = rule.action is None or may(role, rule.action)
                    found = await judged(app, rule, method, jars[role], forms[role])
                    assert found == (200 if allowed else FORBIDDEN), (method, route.path, role)
                    if method != "GET" and role is Role.lead:
                        open_to_all = 200 if rule.action is None else FORBIDDEN
                        assert await judged(app, rule, method, jars[role]) == open_to_all, route.path
                        for given in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
                            found = await judged(app, rule, method, jars[role], forms[role], given)
                            assert found == FORBIDDEN, route.path
                if rule.action is not None:
                    assert await judged(app, rule, method) == 401, route.path

    asyncio.run(all_of_them())


def test_each_rule_lets_a_token_read_and_if_it_was_made_for_that_acknowledge(app):
    tokens = {(role, a): token_of(app, role, acknowledges=a) for role in TRIED for a in (False, True)}

    async def all_of_them():
        for method, path, action, rule in ruled(app):
            for (role, acknowledges), token in tokens.items():
                good = may_program(action, reads=method == "GET", acknowledges=acknowledges)
                found = await judged(app, rule, method, headers=bearer(token))
                assert found == (200 if good and may(role, action) else FORBIDDEN), (method, path, role)

    asyncio.run(all_of_them())


@pytest.mark.slow
def test_no_role_gets_further_than_the_table_says(app, jars, asked):
    checked = 0
    for method, path, action in guarded(app):
        for role in Role:
            if not may(role, action):
                data = {"csrf": csrf_of(app.ledger, NOW, jars[role])} if method != "GET" else None
                status = ask(app, asked, method, path, cookies=jars[role], data=data)
                elsewhere = (path, status) == ("/", LED_ON)
                assert status == FORBIDDEN or elsewhere, (method, path, role)
                checked += 1
        assert ask(app, asked, method, path, cookies={COOKIE: "none"}) in STRANGE, (method, path)
        assert ask(app, asked, method, path) in STRANGE, (method, path)
    assert checked > len(jars) * 10


@pytest.mark.slow
def test_nothing_is_changed_without_the_sessions_token_or_from_another_page(app, jars, asked):
    for method, path, action in guarded(app):
        if method == "GET":
            continue
        jar = jars[someone(action)]
        data = {"csrf": csrf_of(app.ledger, NOW, jar)}
        stranger = csrf_of(app.ledger, NOW, cookies(app.ledger, NOW, role=someone(action), party="beijing"))
        for kind in ({}, {"data": {"csrf": stranger}}, {"json": data}, {"data": {"csrf": "é"}}):
            assert ask(app, asked, method, path, cookies=jar, **kind) == FORBIDDEN, (path, kind)
        text = {"data": f"csrf={data['csrf']}", "headers": {"Content-Type": "text/plain"}}
        assert ask(app, asked, method, path, cookies=jar, **text) == FORBIDDEN, path
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": app.base.replace("http:", "https:")},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            status = ask(app, asked, method, path, cookies=jar, data=data, headers=headers)
            assert status == FORBIDDEN, (path, headers)


def token_of(app, role, *, acknowledges):
    visitor = visitor_of(app.ledger, cookies(app.ledger, NOW, role=role)[COOKIE], NOW)
    with app.ledger.write() as conn:
        return add_token(conn, visitor, NewToken("program", 9, acknowledges), NOW)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.slow
def test_no_token_does_more_than_read_and_acknowledge(app, asked):
    for acknowledges in (False, True):
        tokens = {role: token_of(app, role, acknowledges=acknowledges) for role in Role}
        for method, path, action in guarded(app):
            good = may_program(action, reads=method == "GET", acknowledges=acknowledges)
            for role in [someone(action)] if not good else [r for r in Role if not may(r, action)]:
                status = ask(app, asked, method, path, headers=bearer(tokens[role]))
                assert status == FORBIDDEN, (method, path, role, acknowledges)


@pytest.mark.slow
def test_a_token_that_does_not_work_is_nobody_even_beside_a_cookie(app, jars, asked):
    for method, path, action in guarded(app):
        status = ask(app, asked, method, path, headers=bearer("none"), cookies=jars[someone(action)])
        assert status in STRANGE, (method, path)


@pytest.mark.slow
def test_every_role_gets_as_far_as_the_table_says(app, asked):
    for method, path, action in guarded(app):
        if path in ("/sign-out", "/account/sessions"):
            continue
        for role in Role:
            if may(role, action):
                jar = cookies(app.ledger, NOW, role=role)
                data = {"csrf": csrf_of(app.ledger, NOW, jar)} if method != "GET" else None
                status = ask(app, asked, method, path, cookies=jar, data=data)
                assert status not in (401, FORBIDDEN), (method, path, role)
                assert status < 500, (method, path, role)


@pytest.mark.slow
def test_every_token_reads_what_its_person_may_read(app, asked):
    tokens = {role: token_of(app, role, acknowledges=False) for role in Role}
    for method, path, action in guarded(app):
        for role in Role:
            if may(role, action) and may_program(action, reads=method == "GET", acknowledges=False):
                status = ask(app, asked, method, path, headers=bearer(tokens[role]))
                assert status not in (401, FORBIDDEN), (method, path, role)


def test_every_action_belongs_to_somebody():
    assert all(any(may(role, action) for role in Role) for action in Action)


def test_a_route_without_a_rule_is_refused(app):
    from fastapi import APIRouter, FastAPI

    router = APIRouter()
    router.add_api_route("/open", lambda: "open")
    with pytest.raises(ContractError, match="/open"):
        include(FastAPI(), (router,))


def test_the_application_serves_no_route_that_the_table_does_not_hold(app):
    listed = {getattr(route, "path", "") for route in app.app.state.guarded}
    served = set(app.app.openapi()["paths"])
    assert served <= listed
    assert {getattr(r, "path", "") for r in app.app.routes if hasattr(r, "endpoint")} <= listed | {""}
