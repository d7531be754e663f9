"""The weekly outlook on the pages: signed off by each side, sent once both have, and kept by week."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from flows.outlook_offered import keep_offered
from flows.reviewing import Reviewing
from pipeline.ledger.season import DocumentRow, PartyStatement, keep_document
from pipeline.times import iso
from review.accounts.roles import Role
from tests.review.deciding import DecidingApp, text_of

WEEK = "week-20260115"
PATH = f"/season/outlook/{WEEK}"


@pytest.fixture
def app(tmp_path):
    running = DecidingApp(tmp_path)
    keep(running)
    yield running
    running.close()


def keep(app, degraded=""):
    """Keep an outlook without cities, as `sameair outlook draft` does."""
    content = {
        "outlook": WEEK,
        "world": "measured",
        "simulated": False,
        "as_of": iso(app.now),
        "due": "2026-01-15T07:00:00Z",
        "season_active": True,
        "winter": "2025-26",
        "calendar": [],
        "run": "01K",
        "cycle": "2026-01-14T02:00:00Z",
        "degraded": degraded,
        "cities": [],
    }
    row = DocumentRow("outlook", WEEK, 0, "measured", app.now, "", content, app.now)
    with app.ledger.write() as conn:
        return keep_document(conn, row)


def approve(person):
    return person.send(person.form(person.page(PATH), "/approve?world=measured"))


def send(person, to):
    return person.send(person.form(person.page(PATH), "/send?world=measured"), to=to)


def mails(app):
    return [p for p in app.settings.data_dir.rglob("outlook.*") if p.is_file()]


def test_it_leaves_when_both_sides_have_signed_it_off_and_not_twice(app):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    assert "Beijing, Seoul" in text_of(seoul.page("/season/outlook"))
    assert approve(seoul).status_code == 303
    page = seoul.page(PATH)
    assert "DRAFT" in text_of(page)
    assert not [one for one in page.forms if "/send" in one.get("action")]
    assert approve(beijing).status_code == 303
    page = seoul.page(PATH)
    assert "DRAFT" not in text_of(page)
    form = seoul.form(page, "/send?world=measured")
    assert seoul.send(form, to="a@example.org b@example.org, c@example.org").status_code == 303
    assert len(mails(app)) == 3
    refused = seoul.send(form, to="d@example.org")
    assert refused.status_code == 409
    assert "d@example.org" in refused.text
    assert len(mails(app)) == 3
    mail = message_from_bytes(mails(app)[0].read_bytes(), policy=default)
    assert "This outlook is no warning" in mail.get_body(("plain",)).get_content()
    said = text_of(beijing.page(PATH))
    assert "to 3: sent, sent, sent" in said
    assert "sent" in text_of(beijing.page("/season/outlook").xpath("//tbody")[0])


def test_a_text_of_the_other_node_says_so(app):
    said = PartyStatement(
        id="1" * 64,
        kind="outlook",
        world="measured",
        subject=WEEK,
        party="beijing",
        person="<b>Wang</b>",
        own=False,
        at=app.now,
        body={"digest": "2" * 64},
        public_key="",
        signature="",
    )
    row = replace(keep(app), content=keep(app).content | {"degraded": "of their run"})
    with app.ledger.write() as conn:
        keep_offered(conn, said, row)
        keep_offered(conn, said, row)
    page = app.person("seoul").page(PATH)
    assert "This text was drafted at the node of Beijing" in text_of(page)
    assert "of their run" in text_of(page)
    assert "drafted at the node" not in text_of(app.person("seoul").page(f"{PATH}?version=1"))
    assert "Versions: 2 1" in " ".join(text_of(page).split())


def test_a_new_version_asks_both_again_and_the_earlier_one_stays(app):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    approve(beijing)
    stale = seoul.form(seoul.page(PATH), "/approve?world=measured")
    assert keep(app, "no weather ahead").version == 2
    refused = seoul.send(stale)
    assert refused.status_code == 409
    assert "does not stand any more as it was shown" in text_of(refused)
    assert "Nobody has signed off this version" in text_of(seoul.page(PATH))
    first = seoul.page(f"{PATH}?version=1")
    assert "Another version of this week counts" in text_of(first)
    assert not [one for one in first.forms if "/approve" in one.get("action")]
    assert "Beijing, " in text_of(first.xpath("//section[@id='signing']")[0])
    assert '"version": 1' in seoul.get(f"{PATH}/files/json?version=1").text


def test_what_makes_no_sense_is_refused_and_leads_alone_send(app):
    for party in ("seoul", "beijing"):
        approve(app.person(party, Role.forecaster))
    forecaster, lead = app.person("seoul", Role.forecaster), app.person("seoul")
    assert not [one for one in forecaster.page(PATH).forms if "/send" in one.get("action")]
    refused = send(lead, "nobody")
    assert refused.status_code == 409
    assert "is no e-mail address" in text_of(refused)
    assert mails(app) == []
    assert lead.get("/season/outlook/week-20200101").status_code == 404
    assert lead.get(f"{PATH}?version=7").status_code == 404
    token = lead.page(PATH).xpath("//input[@name='csrf']/@value")[0]
    refused = lead.send(("/season/outlook", {"csrf": token}))
    assert refused.status_code == 409
    assert "run" in text_of(refused)


def test_each_language_has_its_own_words(app):
    assert "每周联合展望" in text_of(app.person("beijing", language="zh").page(PATH))
    assert "주간 공동 전망" in text_of(app.person("seoul", language="ko").page(PATH))


def test_the_calendar_names_both_sides_and_what_nobody_confirmed(app):
    said = text_of(app.person("seoul").page("/season"))
    assert "Seasonal Management is in force; it changes on 2026-04-01" in said
    assert "read off the source" in said
    assert "to be confirmed by that side" in said
    assert "Thursday, 16:00" in said


def test_no_part_of_what_acts_for_the_pages_hides_a_method_of_another():
    parts = [vars(one) for one in Reviewing.__mro__[:-1]]
    names = [name for part in parts for name in part if not name.startswith("__")]
    assert len(names) == len(set(names))
