"""A counter-proposal written before the other party has voted is offered when it can still be agreed."""

from datetime import timedelta

import pytest

from flows.desk_views import listed
from pipeline.errors import ReviewError
from tests.flows.two_nodes import AS_OF, ID, TwoNodes

SOON, LATER = AS_OF + timedelta(hours=1), AS_OF + timedelta(hours=2)
BOTH = ("seoul", "beijing")


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    for party in BOTH:
        found.propose(party)
    found.exchange()
    yield found
    found.close()


def agree_on(nodes, counter):
    """Let Seoul end the first round, and both approve the counter-proposal in the next."""
    assert counter[:16] not in str(nodes.shown("seoul", ID)["joint"]), "not offered beside the objection"
    assert "your vote ends it" in str(nodes.shown("seoul", ID)["joint"])
    nodes.approve("seoul", SOON)
    nodes.exchange()
    nodes.approve("seoul", LATER, text=counter[:12])
    nodes.approve("beijing", LATER)
    nodes.exchange()
    assert [nodes.versions(p)[0].state for p in BOTH] == ["issued", "issued"]
    assert [nodes.versions(p)[0].content_digest for p in BOTH] == [counter, counter]


@pytest.mark.slow
def test_an_edit_after_the_own_objection_waits_for_the_other_party_s_vote(nodes):
    nodes.object("beijing", SOON)
    counter = nodes.edit("beijing", SOON, level="J1")
    nodes.exchange()
    lines = nodes.shown("beijing", ID)["joint"]
    assert f"text {counter[:16]} was written here and is not offered yet; shown here" in lines
    assert any("offered when the other party has voted" in line for line in lines)
    agree_on(nodes, counter)


def test_the_other_s_text_can_be_objected_to_once_an_own_one_stands_in_its_place(nodes):
    theirs = nodes.versions("seoul")[0].content_digest
    counter = nodes.edit("beijing", SOON, level="J1")
    with pytest.raises(ReviewError, match=f"name theirs: --text {theirs[:12]}"):
        nodes.object("beijing", SOON)
    nodes.object("beijing", SOON, text=theirs[:12])
    nodes.exchange()
    assert nodes.versions("beijing")[0].content_digest == counter, "the own text stays"
    assert ("beijing", "object", theirs) in nodes.signers("beijing")
    agree_on(nodes, counter)


@pytest.mark.slow
def test_the_list_names_who_lacks_in_the_round_and_the_text_that_is_left(nodes):
    theirs = nodes.versions("seoul")[0].content_digest
    ours = nodes.edit("beijing", SOON, level="J1")
    for party in BOTH:
        nodes.approve(party, SOON)
    nodes.exchange()
    better = max(theirs, ours)
    slower = "seoul" if better == ours else "beijing"
    named = [listed(nodes.ws[p])[0]["still to sign"] for p in BOTH]
    assert set(named) == {slower, f"{slower} (text {better[:12]})"}
    nodes.approve(slower, LATER, text=better[:12])
    nodes.exchange()
    assert [listed(nodes.ws[p])[0]["still to sign"] for p in BOTH] == ["", ""]
