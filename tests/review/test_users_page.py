"""Operators keep the accounts of their own party, and of no other."""

import re

import pytest
import requests

from pipeline.ledger.accounts import find_account
from pipeline.ledger.audit import newest_rows
from review.accounts.roles import Role
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies, csrf_of, person

WHO = {"name": "choi", "person": "Choi", "role": "forecaster", "language": "ko", "timezone": "Asia/Seoul"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    yield running
    running.close()


def send(app, path, by="seoul", **fields):
    jar = cookies(app.ledger, NOW, role=Role.operator, party=by)
    data = {"csrf": csrf_of(app.ledger, NOW, jar), **fields}
    return requests.post(f"{app.base}/operations/users{path}", data=data, cookies=jar, timeout=120)


def said(answer):
    return answer.status_code, re.sub(r'name="csrf" value="[^"]*"', "", answer.text)


def row(app, name):
    with app.ledger.read() as conn:
        return find_account(conn, name)


def test_from_the_invitation_to_the_closed_account(app):
    shown = send(app, "", **WHO)
    link = re.search(rf"{app.base}/welcome/[\w-]+", shown.text)[0]
    assert "Choi" in requests.get(link, timeout=120).text
    assert row(app, "choi").party == "seoul"
    assert "is taken" in send(app, "", **WHO).text
    assert "begins with a letter" in send(app, "", **{**WHO, "name": "1 x"}).text
    assert send(app, "", **{**WHO, "name": "x2", "role": "emperor"}).status_code == 422
    send(app, "/choi/role", role="lead")
    assert row(app, "choi").role == "lead"
    newer = re.search(r"/welcome/[\w-]+", send(app, "/choi/link").text)[0]
    assert requests.get(link, timeout=120).status_code == 410
    assert requests.get(app.base + newer, timeout=120).status_code == 200
    send(app, "/choi/close")
    assert row(app, "choi").state == "closed"
    assert requests.get(app.base + newer, timeout=120).status_code == 410
    assert "/welcome/" in send(app, "/choi/reopen").text
    with app.ledger.read() as conn:
        found = {r["actor"] for r in newest_rows(conn) if r["subject"] == "choi"}
    assert found == {"operator.seoul.en"}


def test_another_partys_accounts_are_as_if_they_were_not(app):
    theirs = person(app.ledger, NOW, party="beijing", role=Role.lead)
    jar = cookies(app.ledger, NOW, role=Role.operator)
    assert theirs.name not in requests.get(f"{app.base}/operations/users", cookies=jar, timeout=120).text
    for action in ("link", "role", "provider", "close", "reopen"):
        answer = send(app, f"/{theirs.name}/{action}", role="reader", subject="x")
        assert answer.status_code == 404, action
        nobody = send(app, f"/nobody/{action}", role="reader", subject="x")
        assert said(answer) == said(nobody), action
    assert row(app, theirs.name) == theirs


def test_a_party_given_in_the_form_is_not_heard(app):
    send(app, "", **{**WHO, "name": "park", "party": "beijing"})
    assert row(app, "park").party == "seoul"


def test_the_last_operator_cannot_go(app):
    person(app.ledger, NOW, role=Role.operator, party="beijing")
    said = send(app, "/operator.beijing.en/close", by="beijing")
    assert (said.status_code, "only operator" in said.text) == (422, True)
    assert row(app, "operator.beijing.en").state == "active"
