"""Two nodes decide on their pages: each for its own party, about the text on the screen, over rounds."""

import pytest
from lxml import html

from tests.flows.two_nodes import ID
from tests.review.deciding import text_of
from tests.review.node_pages import PAGE, TwoRooms

BOTH = ("seoul", "beijing")
pytestmark = pytest.mark.slow


@pytest.fixture
def rooms(tmp_path):
    found = TwoRooms(tmp_path)
    for party in BOTH:
        found.nodes.propose(party)
    found.nodes.exchange()
    yield found
    found.close()


def acts(rooms, party, query=""):
    """What the page lets one do, by the ends of the forms' addresses."""
    page = rooms.page(party, query)
    forms = {f.get("action").rpartition("/")[2] for f in page.forms if PAGE in (f.get("action") or "")}
    return forms | {"edit" for a in page.xpath("//a") if "/1/edit" in a.get("href", "")}


def said(rooms, party, query=""):
    return text_of(rooms.page(party, query))


def test_each_approves_on_its_own_page_and_both_issue(rooms):
    waiting = rooms.at["seoul"].page("/warnings").xpath("//a/@href")
    assert any(ID in link for link in waiting), "the list leads to what waits"
    assert "Waiting for Beijing and Seoul." in said(rooms, "seoul")
    assert rooms.do("seoul", "approve").status_code == 303
    assert "Waiting for Beijing." in said(rooms, "seoul")
    assert "approve" not in acts(rooms, "seoul")
    assert "Waiting for Beijing and Seoul." in said(rooms, "beijing"), "nothing has been exchanged"
    rooms.nodes.exchange()
    assert "Waiting for Beijing." in said(rooms, "beijing")
    assert "lead.seoul.en" in said(rooms, "beijing"), "who approved there"
    assert rooms.do("beijing", "approve").status_code == 303
    rooms.nodes.exchange()
    for party in BOTH:
        assert rooms.nodes.versions(party)[0].state == "issued"
        assert {p for p, what, _ in rooms.nodes.signers(party) if what == "approve"} == set(BOTH)
        assert not acts(rooms, party) & {"approve", "object", "edit"}


def test_nobody_acts_on_the_other_s_node(rooms):
    app = rooms.app["seoul"]
    guest = app.person("beijing")
    page = guest.page(PAGE)
    assert "This installation signs for another party" in text_of(page)
    assert not [f for f in page.forms if PAGE in (f.get("action") or "")]
    csrf = next(f.form_values() for f in page.forms if "csrf" in dict(f.form_values()))
    address, fields = rooms.at["seoul"].form(rooms.page("seoul"), "/approve")
    forged = {**fields, "csrf": dict(csrf)["csrf"], "party": "seoul"}
    before = rooms.nodes.signers("seoul")
    for what in ("approve", "object", "ask", "edit"):
        sent = (address.replace("/approve", f"/{what}"), {**forged, "reason": "mine", "question": "mine?"})
        assert guest.send(sent, step="save").status_code in (403, 409, 422)
    assert rooms.nodes.signers("seoul") == before == set()
    assert rooms.nodes.versions("seoul")[0].revision == 1


def test_a_counter_text_is_looked_at_with_its_differences_and_agreed_on(rooms):
    assert rooms.edit("beijing", level="J1", reason="weaker than forecast").status_code == 303
    counter = rooms.nodes.versions("beijing")[0].content_digest
    # the own text is not offered in this round: theirs is what there is to decide about
    refused = rooms.do("beijing", "object", reason="J1 is enough")
    assert refused.status_code == 409
    assert "was written here and is not offered yet" in text_of(refused)
    theirs = rooms.other_text("beijing")
    assert theirs == rooms.nodes.versions("seoul")[0].content_digest
    assert rooms.do("beijing", "object", f"?text={theirs}", reason="J1 is enough").status_code == 303
    rooms.nodes.exchange()
    shown = said(rooms, "seoul")
    assert "J1 is enough" in shown
    assert "objected: lead.beijing.en" in shown
    assert "Waiting for Seoul." in shown
    assert rooms.do("seoul", "approve").status_code == 303
    rooms.nodes.exchange()
    assert rooms.other_text("seoul") == counter
    look = said(rooms, "seoul", f"?text={counter}")
    assert "You look at a text that Beijing offers instead" in look
    assert "levelJ2J1" in look, "what differs is shown"
    assert "Waiting for Beijing and Seoul." in look, "an objection of an earlier round is none to this text"
    assert rooms.do("seoul", "approve", f"?text={counter}").status_code == 303
    assert {"approve", "object"} <= acts(rooms, "beijing"), "who objected decides about the new text"
    assert rooms.do("beijing", "approve").status_code == 303
    rooms.nodes.exchange()
    for party in BOTH:
        row = rooms.nodes.versions(party)[0]
        assert (row.state, row.content_digest) == ("issued", counter)


def test_who_has_objected_writes_the_next_text_on_the_page(rooms):
    assert rooms.do("seoul", "object", reason="too high").status_code == 303
    assert acts(rooms, "seoul") & {"approve", "object", "edit"} == {"edit"}
    assert rooms.edit("seoul", level="J1", reason="J1 is enough").status_code == 303
    rooms.nodes.exchange()
    assert rooms.do("beijing", "object", reason="as you say").status_code == 303
    rooms.nodes.exchange()
    counter = rooms.nodes.versions("seoul")[0].content_digest
    assert rooms.other_text("beijing") == counter
    assert "Waiting for Beijing and Seoul." in said(rooms, "seoul")
    assert rooms.do("seoul", "approve").status_code == 303
    rooms.nodes.exchange()
    assert rooms.do("beijing", "approve", f"?text={counter}").status_code == 303
    rooms.nodes.exchange()
    assert {rooms.nodes.versions(p)[0].content_digest for p in BOTH} == {counter}
    assert {rooms.nodes.versions(p)[0].state for p in BOTH} == {"issued"}


def test_a_form_from_before_the_other_s_word_is_refused_with_what_changed(rooms):
    seoul = rooms.at["seoul"]
    old = seoul.form(rooms.page("seoul"), "/approve")
    assert rooms.do("beijing", "object", reason="too early").status_code == 303
    rooms.nodes.exchange()
    answer = seoul.send(old)
    assert answer.status_code == 409
    assert "Not done: this is not as you saw it" in text_of(answer)
    assert "objected for Beijing" in text_of(answer)
    assert rooms.nodes.signers("seoul") == set()
    assert seoul.send(seoul.form(html.fromstring(answer.text), "/approve")).status_code == 303


def test_a_refused_approval_of_their_text_is_repeated_about_their_text(rooms):
    assert rooms.edit("beijing", level="J1", reason="weaker").status_code == 303
    theirs = rooms.other_text("beijing")
    wang = rooms.at["beijing"]
    old = wang.form(rooms.page("beijing", f"?text={theirs}"), "/approve")
    assert rooms.do("seoul", "approve").status_code == 303
    rooms.nodes.exchange()
    answer = wang.send(old)
    assert answer.status_code == 409
    again = wang.form(html.fromstring(answer.text), "/approve")
    assert again[1]["text"] == theirs
    assert "Approve this text for Beijing" in text_of(answer)
    assert wang.send(again).status_code == 303
    rooms.nodes.exchange()
    assert {rooms.nodes.versions(p)[0].content_digest for p in BOTH} == {theirs}
    # a form about one text with the evidence of another is none of ours
    assert wang.send((again[0], {**again[1], "text": "0" * 64})).status_code == 409


def test_questions_go_to_the_other_node_and_answers_come_back(rooms):
    assert rooms.do("seoul", "ask", question="Do you see dust?").status_code == 303
    assert "Do you see dust?" in said(rooms, "seoul")
    assert "Do you see dust?" not in said(rooms, "beijing")
    rooms.nodes.exchange()
    page = rooms.page("beijing")
    assert "Do you see dust?" in text_of(page)
    (form,) = [f for f in page.forms if f"{ID}/answer/" in f.get("action")]
    ready = (form.get("action"), dict(form.form_values()))
    assert rooms.at["beijing"].send(ready, answer="None at our stations.").status_code == 303
    assert not [f for f in rooms.page("seoul").forms if "/answer/" in (f.get("action") or "")]
    rooms.nodes.exchange()
    assert "None at our stations." in said(rooms, "seoul")
