"""What a node shows of the other's words: warnings alone, evidence beside the own, reasons of objections."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.desk_views import listed, shown
from flows.status import status_of
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, ID, TwoNodes

SOON = AS_OF + timedelta(hours=1)
BOTH = ("seoul", "beijing")


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def test_what_the_other_issued_alone_is_listed_and_shown_as_its_own(nodes):
    for party in BOTH:
        nodes.propose(party)
    nodes.exchange()
    nodes.approve("seoul", SOON)
    nodes.settle(DEADLINE + timedelta(minutes=1))
    nodes.exchange()
    alone = f"{ID}-seoul"
    (row,) = [r for r in listed(nodes.ws["beijing"]) if r["warning"] == alone]
    assert row["state"] == "issued by seoul"
    assert row["text of"] == "seoul"
    assert "issued by seoul" in [r["state"] for r in status_of(nodes.ws["beijing"])["warnings"]]
    text = shown(nodes.ws["beijing"], alone, None, "ko")["text"]
    assert "서울" in text
    assert "issued by seoul to its own recipients" in text
    assert not nodes.outbox("beijing"), "its recipients get nothing of it by us"
    assert nodes.shown("seoul", alone)["state"] == "issued", "at home it is an own warning"


def test_the_evidence_of_the_other_s_text_is_shown_beside_the_own_with_what_differs(nodes):
    city = CONTENT.cities[0]
    wetter = tuple(replace(d, mean=d.mean / 4, q10=d.q10 / 4, q90=d.q90 / 4) for d in city.days)
    mine = replace(CONTENT, cities=(replace(city, days=wetter), *CONTENT.cities[1:]), links=())
    nodes.propose("seoul", mine)
    nodes.propose("beijing")
    nodes.exchange()
    lines = nodes.shown("seoul", ID)["evidence"]
    assert "text" in lines[0]
    assert "of beijing, beside this node's own text" in lines[0]
    assert any("beijing 2026-01-15: theirs 163" in x and "ours 41" in x and "<- differs" in x for x in lines)
    assert not any("seoul 2026-01-15" in x and "<- differs" in x and "theirs 58" in x for x in lines)
    assert any(x.startswith("link beijing to seoul") and "ours none  <- differs" in x for x in lines)
    assert any("origin of the air of seoul" in x and "differs" not in x for x in lines)
    assert nodes.shown("beijing", ID)["evidence"][0].endswith("of seoul, beside this node's own text")


def test_an_objection_is_shown_with_its_reason_and_language(nodes):
    for party in BOTH:
        nodes.propose(party)
    nodes.exchange()
    nodes.object("beijing", SOON, "级别过高")
    nodes.exchange()
    lines = nodes.shown("seoul", ID)["joint"]
    assert any(x.startswith("next: `sameair warnings approve") for x in lines)
    assert any("beijing objected (in Chinese, as written): 级别过高 [wang]" in line for line in lines)
