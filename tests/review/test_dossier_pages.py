"""Dossiers on the pages: found, built, argued about by both parties, signed off, and read as files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from lxml import html
from sqlalchemy import insert

from flows.dossier import newest_dossier, status_of
from flows.dossier_subjects import subjects_of
from flows.findings import findings_of
from flows.said import Speaker, say
from pipeline.ledger.audit_reads import Wanted, find_rows
from pipeline.ledger.season_tables import party_statements
from pipeline.times import parse_instant
from review.accounts.roles import Role
from tests.flows.archive_world import NOW, open_imported
from tests.review.deciding import DecidingApp, text_of

SINCE, UNTIL = parse_instant("2018-09-01"), parse_instant("2018-11-15")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dossiers")
    open_imported(folder, days=140).ledger.close()
    running = DecidingApp(folder / "var")
    running.now = NOW
    yield running
    running.close()


@pytest.fixture(scope="module")
def names(app):
    """Return the episodes of the archive; each test takes one of its own."""
    return iter([one.id for one in subjects_of(app.ws, "measured", SINCE, UNTIL, NOW)])


@pytest.fixture
def name(app, names):
    """Return an episode whose dossier is due in two days and was built on the page."""
    found = next(names)
    app.now = NOW
    seoul = app.person("seoul")
    page = seoul.page("/season/dossiers")
    answer = seoul.send(
        (f"/season/dossiers/{found}/build", {"csrf": page.xpath("//input[@name='csrf']/@value")[0]})
    )
    assert answer.status_code == 303, text_of(answer)
    row = newest_dossier(app.ws, "measured", found)
    app.now = parse_instant(row.content["due"]) - timedelta(days=2)
    return found


def path(name):
    return f"/season/dossiers/{name}"


def test_the_episodes_of_the_time_are_listed_with_due_day_sides_and_what_is_overdue(app, name):
    seoul = app.person("seoul")
    (row,) = [r for r in seoul.page("/season/dossiers").xpath("//tbody/tr") if name in r.text_content()]
    said = text_of(row)
    due = newest_dossier(app.ws, "measured", name).content["due"][:10]
    assert due in said
    assert "overdue" not in said
    assert "Beijing has to sign off" in said
    assert "Seoul has to sign off" in said
    app.now += timedelta(days=3)
    (row,) = [
        r
        for r in app.person("seoul").page("/season/dossiers").xpath("//tbody/tr")
        if name in r.text_content()
    ]
    assert "overdue" in text_of(row)


def test_both_sides_propose_dissent_agree_and_close(app, name):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    form = seoul.form(seoul.page(path(name)), "/find?world=measured")
    assert seoul.send(form, finding="The onset came <b>early</b>").status_code == 303
    assert seoul.send(form, finding="The onset came <b>early</b>").status_code == 303
    (finding,) = findings_of(app.ws, "measured", name)
    assert [one for one in seoul.page(path(name)).forms if "/answer/" in one.get("action")] == []
    page = beijing.page(path(name))
    assert "The onset came <b>early</b>" in text_of(page)
    form = beijing.form(page, f"/answer/{finding['id']}?world=measured")
    refused = beijing.send(form, way="dissent", answer=" ")
    assert refused.status_code == 409
    assert "is empty" in text_of(refused)
    assert beijing.send(form, way="dissent", answer="By our stations it did not").status_code == 303
    said = text_of(seoul.page(path(name)))
    assert "By our stations it did not" in said
    form = beijing.form(beijing.page(path(name)), f"/answer/{finding['id']}?world=measured")
    app.now += timedelta(minutes=1)
    assert beijing.send(form, way="agree", answer="after new data").status_code == 303
    said = text_of(seoul.page(path(name)))
    assert "By our stations it did not" in said
    assert "after new data" in said
    for person in (seoul, beijing):
        assert person.send(person.form(person.page(path(name)), "/close?world=measured")).status_code == 303
    row = newest_dossier(app.ws, "measured", name)
    assert status_of(app.ws, row, app.now)["status"] == "closed"
    with app.ledger.read() as conn:
        done = [r["action"] for r in find_rows(conn, Wanted(subject=name), 20)]
    assert sorted(done) == sorted(
        ["season.dossier", "season.finding", *["season.answer"] * 2, *["season.close"] * 2]
    )


def test_nobody_signs_off_what_they_have_not_seen(app, name):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    stale = beijing.form(beijing.page(path(name)), "/close?world=measured")
    late = beijing.form(beijing.page(path(name)), "/find?world=measured")
    find = seoul.form(seoul.page(path(name)), "/find?world=measured")
    assert seoul.send(find, finding="One thing").status_code == 303
    refused = beijing.send(stale)
    assert refused.status_code == 409
    assert "does not stand any more as it was shown" in text_of(refused)
    refused = beijing.send(late, finding="Another thing")
    assert html.fromstring(refused.text).xpath("//textarea[@name='finding']")[0].text == "Another thing"
    again = beijing.form(html.fromstring(refused.text), "/find?world=measured")
    assert beijing.send(again).status_code == 303
    assert len(findings_of(app.ws, "measured", name)) == 2
    assert "sign off after it" in text_of(beijing.page(path(name)))


def test_a_sign_off_from_the_other_node_says_of_which_text_it_is(app, name):
    """Beijing has a node of its own, which sent what its lead signed there."""
    said = say(app.ws, "close", ("measured", name), Speaker("beijing", "wang"), {"digest": "ab" * 32})
    with app.ws.ledger.write() as conn:
        conn.execute(insert(party_statements).values(**elsewhere(said, at=said.at + timedelta(seconds=1))))
    page = app.person("seoul").page(path(name))
    (own, foreign) = [text_of(line) for line in page.xpath("//li[contains(., 'wang')]")]
    assert own.endswith("of an earlier version")
    assert foreign.endswith("on its own node, of the text built there")
    assert status_of(app.ws, newest_dossier(app.ws, "measured", name), app.now)["signed_off"] == ["beijing"]


def elsewhere(said, **changed):
    """Return a statement as it would stand here had it come by envelope."""
    told = replace(said, own=False, **changed)
    return vars(told) | {"id": "cd" * 32, "body": json.dumps(told.body)}


def test_who_may_not_speak_only_reads(app, name):
    reader, forecaster = app.person("seoul", Role.reader), app.person("seoul", Role.forecaster)
    page = reader.page(path(name))
    assert not [one for one in page.forms if "/season/" in one.get("action")]
    token = page.xpath("//input[@name='csrf']/@value")[0]
    assert reader.send((f"{path(name)}/find", {"csrf": token}), finding="x").status_code == 403
    page = forecaster.page(path(name))
    assert not [one for one in page.forms if "/close" in one.get("action")]
    token = page.xpath("//input[@name='csrf']/@value")[0]
    assert forecaster.send((f"{path(name)}/close", {"csrf": token})).status_code == 403


def test_the_files_are_the_documents(app, name):
    seoul = app.person("seoul")
    hrefs = seoul.page(path(name)).xpath("//p[@class='files']/a/@href")
    assert len(hrefs) == 10
    kinds = {"html": "text/html", "pdf": "application/pdf", "txt": "text/plain", "json": "application/json"}
    for href in [one for one in hrefs if "/ko." in one or "/json" in one]:
        answer = seoul.get(href)
        kind = href.partition("?")[0].rpartition("/")[2].rpartition(".")[2]
        assert answer.headers["content-type"].startswith(kinds[kind])
        assert "sandbox" in answer.headers["content-security-policy"]
    assert json.loads(seoul.get(f"{path(name)}/files/json").text)["dossier"] == name
    for wrong in ("xx.pdf", "en.exe", "en.json", "pdf"):
        assert seoul.get(f"{path(name)}/files/{wrong}").status_code == 404, wrong
    assert seoul.get("/season/dossiers/seoul-19990101").status_code == 404


def test_each_language_has_its_own_words_and_the_data_of_the_document(app, name):
    assert "联合案例档案" in text_of(app.person("beijing", language="zh").page(path(name)))
    assert "공동 사례집" in text_of(app.person("seoul", language="ko").page(path(name)))


def test_what_cannot_be_asked_for_is_refused_and_nothing_is_built(app):
    app.now = NOW
    seoul = app.person("seoul")
    token = seoul.page("/season/dossiers").xpath("//input[@name='csrf']/@value")[0]
    answer = seoul.send(("/season/dossiers/seoul-20180101/build", {"csrf": token}))
    assert answer.status_code == 409
    assert "no episode seoul-20180101" in text_of(answer)
    assert seoul.get("/season/dossiers?winter=2018").status_code == 404
    assert seoul.get("/season/dossiers?world=none").status_code == 404


def test_without_a_workspace_the_pages_say_so(app):
    doing, app.app.state.doing = app.app.state.doing, None
    try:
        for page, command in (("dossiers", "dossiers"), ("outlook", "outlook")):
            assert f"sameair {command}" in text_of(app.person().page(f"/season/{page}"))
        assert "sameair season" in text_of(app.person().page("/season"))
    finally:
        app.app.state.doing = doing


def test_a_strangers_browser_is_led_to_signing_in(app):
    assert requests.get(app.base + "/season/dossiers", timeout=9, allow_redirects=False).status_code == 303
