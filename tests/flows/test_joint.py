"""Two nodes come to one joint warning over envelopes, and each to its own where they do not."""

from datetime import timedelta

import pytest

from pipeline.errors import ReviewError
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, ID, TwoNodes, other_text

SOON, LATER = AS_OF + timedelta(hours=1), AS_OF + timedelta(hours=2)
SLOT = f"{CONTENT.world}|beijing+seoul|{CONTENT.issue_time}|0"


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def test_one_text_and_two_signatures_make_it_joint_on_both_at_one_instant(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    nodes.approve("seoul", SOON)
    assert nodes.versions("seoul")[0].state == "in_review"
    nodes.exchange()
    assert nodes.versions("beijing")[0].state == "draft"
    nodes.approve("beijing", LATER)
    nodes.exchange()
    assert [nodes.versions(p)[0].state for p in ("seoul", "beijing")] == ["issued", "issued"]
    assert nodes.issued_at("seoul") == nodes.issued_at("beijing") == [LATER]
    assert nodes.signers("seoul") == nodes.signers("beijing")
    assert nodes.said("seoul", SLOT) == nodes.said("beijing", SLOT)


def both(nodes, say):
    return [say(p) for p in ("seoul", "beijing")]


def same_everywhere(nodes):
    """Tell whether both nodes hold the same statements about the decision."""
    return nodes.said("seoul", SLOT) == nodes.said("beijing", SLOT)


def states(nodes, warning=ID):
    return both(nodes, lambda p: [v.state for v in nodes.versions(p, warning)])


@pytest.mark.slow
def test_the_party_whose_text_lost_approves_the_other(nodes):
    nodes.propose("seoul")
    theirs = nodes.propose("beijing", other_text()).digest
    ours = nodes.versions("seoul")[0].content_digest
    nodes.exchange()
    for party in ("seoul", "beijing"):
        nodes.approve(party, SOON)
    nodes.exchange()
    better = max(ours, theirs)
    slower = "seoul" if better == theirs else "beijing"
    assert states(nodes) == [["in_review"], ["in_review"]], "each has signed its own text only"
    with pytest.raises(ReviewError, match="not to be voted on in round 2"):
        nodes.approve(slower, LATER)
    nodes.approve(slower, LATER, text=better[:12])
    nodes.exchange()
    assert states(nodes) == [["issued"], ["issued"]]
    assert both(nodes, lambda p: nodes.versions(p)[0].content_digest) == [better, better]
    assert same_everywhere(nodes)
    assert both(nodes, nodes.issued_at) == [[LATER], [LATER]]


@pytest.mark.ledger
@pytest.mark.slow
def test_an_objection_asks_for_another_text_which_can_then_be_agreed(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    nodes.approve("seoul", SOON)
    nodes.object("beijing", SOON, "the level is too high")
    nodes.exchange()
    assert states(nodes) == [["in_review"], ["in_review"]]
    assert any("objection: the level is too high by wang" in note for _, note in nodes.outcomes("seoul"))
    counter = nodes.edit("beijing", SOON, level="J1")
    nodes.exchange()
    nodes.approve("seoul", LATER, text=counter[:12])
    nodes.approve("beijing", LATER)
    nodes.exchange()
    assert states(nodes) == [["issued"], ["issued"]]
    assert both(nodes, lambda p: nodes.versions(p)[0].content["level"]) == ["J1", "J1"]
    assert same_everywhere(nodes)


@pytest.mark.ledger
@pytest.mark.slow
def test_a_cut_link_gives_each_its_own_warning_and_the_late_signature_the_joint_one(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    for party in ("seoul", "beijing"):
        nodes.approve(party, SOON)
    after = DEADLINE + timedelta(minutes=1)
    nodes.settle(after)
    assert states(nodes) == [["expired"], ["expired"]]
    for party in ("seoul", "beijing"):
        assert [v.state for v in nodes.versions(party, f"{ID}-{party}")] == ["issued"]
        assert not nodes.versions(party, f"{ID}-{'beijing' if party == 'seoul' else 'seoul'}")
    sent = both(nodes, nodes.outbox)
    nodes.exchange()
    assert states(nodes) == [["issued"], ["issued"]], "approved by both in time, learnt late"
    for party in ("seoul", "beijing"):
        assert [v.state for v in nodes.versions(party, f"{ID}-{party}")] == ["ended"]
    assert same_everywhere(nodes)
    again = both(nodes, nodes.outbox)
    nodes.exchange()
    nodes.settle(after + timedelta(minutes=10))
    assert both(nodes, nodes.outbox) == again, "nothing twice"
    assert all(set(a) < set(b) for a, b in zip(sent, again, strict=True))


@pytest.mark.ledger
@pytest.mark.slow
def test_a_late_signature_after_a_later_word_is_recorded_only(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    for party in ("seoul", "beijing"):
        nodes.approve(party, SOON)
    nodes.settle(DEADLINE + timedelta(minutes=1))
    later = nodes.later_single("seoul")
    nodes.exchange()
    assert [v.state for v in nodes.versions("seoul")] == ["expired"]
    assert [v.state for v in nodes.versions("seoul", later)][-1] == "issued"
    assert nodes.actions("seoul").count("joint.recorded_only") >= 1
    assert nodes.signers("seoul") != nodes.signers("beijing")
    assert same_everywhere(nodes), "both hold the same signed statements"


def test_a_vote_that_was_written_leaves_after_a_crash(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    nodes.approve("seoul", SOON)
    nodes.reopen("seoul")
    nodes.carry("beijing")
    assert "approval by kim" in nodes.outcomes("beijing")[-1][1]


def test_a_party_votes_once_in_a_round(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", other_text())
    nodes.exchange()
    theirs = nodes.versions("beijing")[0].content_digest
    nodes.approve("seoul", SOON)
    with pytest.raises(ReviewError, match="seoul has voted in round 1"):
        nodes.approve("seoul", SOON, text=theirs[:12])
    assert nodes.signers("seoul") == {("seoul", "approve", nodes.versions("seoul")[0].content_digest)}


def test_a_node_signs_for_its_own_party_only(nodes):
    nodes.propose("seoul")
    with pytest.raises(ReviewError, match="signs for seoul alone"):
        nodes.approve_as("seoul", "beijing", SOON)


FORGERIES = {
    "its digest is another": lambda b: b | {"content": b["content"] | {"level": "J3"}},
    "its rank is another": lambda b: b | {"rank": [b["rank"][0], 7]},
    "it belongs to another slot": lambda b: b | {"slot": "simulated-7|seoul|x|0"},
    "no content of a warning": lambda b: b | {"content": {"level": "J2"}},
}


@pytest.mark.parametrize("reason", FORGERIES)
def test_an_unfit_offer_is_refused_with_its_reason(nodes, reason):
    nodes.propose("seoul")
    nodes.say_changed("seoul", "proposal", FORGERIES[reason])
    nodes.carry("beijing")
    outcome, note = nodes.outcomes("beijing")[-1]
    assert outcome == "unfit"
    assert reason in note
    assert not nodes.versions("beijing")


@pytest.mark.ledger
@pytest.mark.slow
def test_a_vote_signed_by_nobody_of_the_party_is_refused(nodes):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    change = lambda b: b | {"signature": b["signature"] | {"person": "somebody"}}  # noqa: E731
    nodes.vote_changed("seoul", SOON, change)
    nodes.carry("beijing")
    assert nodes.outcomes("beijing")[-1][0] == "forged"
    nodes.approve("beijing", SOON)
    nodes.exchange()
    assert states(nodes)[1] == ["in_review"]
