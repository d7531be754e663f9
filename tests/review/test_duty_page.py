"""Duty: who has the shift at either side stands on the desk; each party enters and reads its own."""

import pytest

from review.accounts.roles import Role
from tests.review.deciding import DecidingApp, text_of

NUMBER = "+82 2 1234 5678"


@pytest.fixture
def app(tmp_path):
    running = DecidingApp(tmp_path)
    yield running
    running.close()


def test_a_party_enters_its_shift_and_the_other_sees_who_but_no_number(app):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    assert "Seoul nobody entered" in text_of(beijing.page("/"))
    form = seoul.form(seoul.page("/season/duty"), "/season/duty/shift")
    assert seoul.send(form, name="Park <b>", telephone=NUMBER).status_code == 303
    own, other = text_of(seoul.page("/season/duty")), text_of(beijing.page("/season/duty"))
    assert NUMBER in own
    assert NUMBER not in other
    assert (
        "Seoul Park <b> · Beijing nobody entered" in other
        or "Beijing nobody entered · Seoul Park <b>" in other
    )
    assert "Seoul Park <b>" in text_of(beijing.page("/"))


def test_notes_are_read_by_the_own_party_alone(app):
    seoul, beijing = app.person("seoul"), app.person("beijing")
    form = seoul.form(seoul.page("/season/duty"), "/season/duty/note")
    assert seoul.send(form, text="J1 waits for approval").status_code == 303
    assert "J1 waits for approval" in text_of(seoul.page("/season/duty"))
    assert "J1 waits" not in text_of(beijing.page("/season/duty"))


def test_what_makes_no_sense_is_refused_in_words_and_readers_only_read(app):
    seoul = app.person("seoul")
    form = seoul.form(seoul.page("/season/duty"), "/season/duty/shift")
    answer = seoul.send(form, name="Park", telephone="call me")
    assert answer.status_code == 409
    assert "no telephone number" in answer.text
    reader = app.person("seoul", Role.reader)
    page = reader.page("/season/duty")
    assert not [one for one in page.forms if one.get("action").startswith("/season/duty")]
    token = page.xpath("//input[@name='csrf']/@value")[0]
    assert reader.send(("/season/duty/note", {"csrf": token}), text="x").status_code == 403


def test_each_language_has_its_own_words(app):
    assert "值班" in text_of(app.person("beijing", language="zh").page("/season/duty"))
    assert "당직" in text_of(app.person("seoul", language="ko").page("/season/duty"))


def test_without_a_workspace_the_desk_stands_and_the_page_says_so(app):
    app.app.state.doing = None
    assert "sameair duty" in text_of(app.person().page("/season/duty"))
    assert app.person().get("/").status_code == 200
