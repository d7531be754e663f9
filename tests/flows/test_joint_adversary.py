"""Two nodes in trouble: crossed numbers, edits after votes, two last words, unlike episodes, lost words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.joint_slots import slot_beginning
from flows.desk import Decision, draft_ending
from pipeline.errors import ReviewError
from pipeline.ledger.agreement import read_aliases, slots_like
from pipeline.ledger.episodes import list_episodes
from pipeline.times import iso, parse_instant
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, ID, TwoNodes, other_text

SOON, LATER = AS_OF + timedelta(hours=1), AS_OF + timedelta(hours=2)
SECOND = "01KEXAMP0E0000000000000005"
THIRD = "01KEXAMP0E0000000000000007"
BOTH = ("seoul", "beijing")
pytestmark = pytest.mark.slow


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def moved(hours, **changes):
    """Return a text about other days, with episodes of its own."""
    shift = timedelta(hours=hours)
    cities = tuple(
        replace(
            c,
            onset=iso(parse_instant(c.onset) + shift),
            end=iso(parse_instant(c.end) + shift),
            episode_id=f"{c.episode_id[:-2]}{hours % 90 + 10}",
        )
        for c in CONTENT.cities
    )
    onset = min(c.onset for c in cities)
    given = {"cities": cities, "onset": onset, "expires": iso(parse_instant(CONTENT.expires) + shift)}
    return replace(CONTENT, **{**given, **changes})


def states(nodes, warning=ID):
    return [[v.state for v in nodes.versions(p, warning)] for p in BOTH]


def slots_of(nodes, party, warning):
    with nodes.ws[party].ledger.read() as conn:
        return {o.slot[-1] for o in slots_like(conn, slot_beginning(CONTENT)) if o.warning_id == warning}


def agree(nodes, warning=ID):
    for party in BOTH:
        nodes.approve(party, SOON, warning=warning)
    nodes.exchange()


def test_other_days_are_another_decision_on_both_nodes_whatever_the_ids(nodes):
    nodes.propose("seoul")
    nodes.propose("seoul", moved(120, warning_id=SECOND))
    nodes.exchange()
    nodes.propose("beijing", moved(121, warning_id=THIRD))
    nodes.exchange()
    assert [slots_of(nodes, p, ID) for p in BOTH] == [{"0"}, {"0"}]
    assert [slots_of(nodes, p, SECOND) for p in BOTH] == [{"1"}, {"1"}]
    assert [slots_of(nodes, p, THIRD) for p in BOTH] == [{"1"}, {"1"}]


def test_crossed_numbers_of_the_same_days_never_lead_to_two_agreements(nodes):
    nodes.propose("seoul")
    nodes.propose("seoul", moved(120, warning_id=SECOND))
    nodes.propose("beijing", moved(121, warning_id=THIRD))
    nodes.exchange()
    assert slots_of(nodes, "beijing", THIRD) == {"0"}, "numbered before it heard of the other's"
    with pytest.raises(ReviewError, match="decided first"):
        nodes.approve("beijing", SOON, warning=SECOND)
    assert "also about these days" in str(nodes.shown("beijing", SECOND)["joint"])
    agree(nodes, THIRD)
    assert states(nodes, THIRD) == [["issued"], ["issued"]]
    assert states(nodes, SECOND) == [["rejected"], ["rejected"]]
    assert states(nodes) == [["draft"], ["draft"]], "what is about other days is still to be decided"


def test_crossed_votes_on_the_same_days_in_two_slots_make_neither_joint(nodes):
    nodes.propose("seoul")
    nodes.propose("seoul", moved(120, warning_id=SECOND))
    nodes.propose("beijing", moved(121, warning_id=THIRD))
    nodes.say("seoul")
    nodes.say("beijing")
    nodes.approve("seoul", SOON, warning=SECOND)
    nodes.approve("beijing", SOON, warning=THIRD)
    nodes.exchange()
    for party, warning in (("seoul", THIRD), ("beijing", SECOND)):
        with pytest.raises(ReviewError, match=r"may still be agreed|decided first"):
            nodes.approve(party, LATER, warning=warning)
    nodes.settle(DEADLINE + timedelta(minutes=1))
    assert [v.state for v in nodes.versions("seoul", f"{SECOND}-seoul")] == ["issued"]
    assert [v.state for v in nodes.versions("beijing", f"{THIRD}-beijing")] == ["issued"]


def test_two_cancellations_of_one_cycle_are_two_decisions(nodes):
    for warning, content in ((ID, CONTENT), (SECOND, moved(120, warning_id=SECOND))):
        for party in BOTH:
            nodes.propose(party, content)
        nodes.exchange()
        agree(nodes, warning)
    for warning in (ID, SECOND):
        decision = Decision("seoul", "kim", iso(LATER), deliver=False)
        draft_ending(nodes.ws["seoul"], warning, "cancel", decision, "stations were wrong")
    nodes.exchange()
    for warning in (ID, SECOND):
        for party in BOTH:
            nodes.approve(party, LATER, warning=warning)
    nodes.exchange()
    for warning in (ID, SECOND):
        assert states(nodes, warning) == [["cancelled", "cancelled"]] * 2


def test_a_signed_text_is_voted_for_again_although_its_draft_was_edited(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", other_text())
    ours = nodes.versions("seoul")[0].content_digest
    theirs = nodes.versions("beijing")[0].content_digest
    winner, loser = ("seoul", "beijing") if ours > theirs else ("beijing", "seoul")
    nodes.exchange()
    for party in BOTH:
        nodes.approve(party, SOON)
    nodes.edit(winner, SOON, level="J1")
    nodes.exchange()
    better = max(ours, theirs)
    nodes.approve(loser, LATER, text=better[:12])
    nodes.exchange()
    assert states(nodes) == [["issued"], ["issued"]]
    assert [nodes.versions(p)[0].content_digest for p in BOTH] == [better, better]


def test_silence_after_an_edit_that_was_not_offered_still_warns_the_own_city(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", other_text())
    nodes.exchange()
    for party in BOTH:
        nodes.approve(party, SOON)
    nodes.exchange()
    for party in BOTH:
        nodes.edit(party, LATER, level="J1")
    nodes.say("seoul")
    nodes.settle(DEADLINE + timedelta(minutes=1))
    assert [v.state for v in nodes.versions("seoul", f"{ID}-seoul")] == ["issued"]
    assert [v.state for v in nodes.versions("beijing", f"{ID}-beijing")] == ["issued"]


def test_of_two_warnings_signed_about_the_same_days_only_the_newest_is_said_alone(nodes):
    nodes.propose("seoul")
    nodes.propose("beijing", moved(1, warning_id=SECOND))
    nodes.exchange()
    better = max((ID, SECOND), key=lambda w: nodes.versions("seoul", w)[0].content_digest)
    party, own, other = ("seoul", ID, SECOND) if better == SECOND else ("beijing", SECOND, ID)
    nodes.approve("seoul", SOON, warning=ID)
    nodes.approve("beijing", SOON, warning=SECOND)
    for one in BOTH:
        nodes.carry(one)
    nodes.approve(party, LATER, warning=other)
    nodes.settle(DEADLINE + timedelta(hours=2))
    assert [v.state for v in nodes.versions(party, f"{other}-{party}")] == ["issued"]
    assert not nodes.versions(party, f"{own}-{party}"), "one warning of the city about the days, not two"


def test_a_text_of_a_warning_that_was_only_recorded_here_can_be_agreed_later(nodes):
    for party in BOTH:
        nodes.propose(party)
    nodes.exchange()
    for party in BOTH:
        nodes.approve(party, SOON)
    nodes.settle(DEADLINE + timedelta(minutes=1))
    nodes.later_single("seoul")
    nodes.exchange()
    assert states(nodes) == [["expired"], ["issued"]]
    cycle = AS_OF + timedelta(hours=12)
    text = replace(
        CONTENT,
        level="J1",
        issue_time=iso(cycle),
        as_of=iso(cycle),
        review_deadline=iso(cycle + timedelta(hours=4)),
    )
    nodes.propose("beijing", text)
    nodes.exchange()
    for party in BOTH:
        nodes.approve(party, cycle + timedelta(hours=1))
    nodes.exchange()
    assert states(nodes) == [["expired", "issued"], ["updated", "issued"]]


def test_a_text_that_could_not_be_issued_here_is_not_signed(nodes):
    for party in BOTH:
        nodes.propose(party)
    nodes.exchange()
    agree(nodes)
    cycle = AS_OF + timedelta(hours=6)
    unlike = replace(
        CONTENT,
        version=2,
        issue_time=iso(cycle),
        as_of=iso(cycle),
        review_deadline=iso(cycle + timedelta(hours=4)),
    )
    nodes.draft("seoul", unlike)
    nodes.exchange()
    with pytest.raises(ReviewError, match=r"follows versions \[\], but in force here are \[1\]"):
        nodes.approve("beijing", cycle + timedelta(hours=1))


def test_the_same_version_is_not_approved_in_two_decisions(nodes):
    nodes.propose("seoul")
    nodes.exchange()
    nodes.approve("beijing", SOON)
    cycle = AS_OF + timedelta(hours=1)
    nodes.draft("seoul", replace(CONTENT, issue_time=iso(cycle), as_of=iso(cycle), level="J1"))
    nodes.exchange()
    later = nodes.versions("seoul")[0].content_digest
    with pytest.raises(ReviewError, match="may still be agreed"):
        nodes.approve("beijing", LATER, text=later[:12])


def renamed(**changes):
    cities = tuple(replace(c, episode_id=c.episode_id[:-1] + "9") for c in CONTENT.cities)
    return replace(CONTENT, cities=cities, warning_id=SECOND, **changes)


def test_an_agreed_text_s_episodes_are_known_here_under_one_name(nodes):
    nodes.enter_episode("beijing", renamed().cities[0])
    nodes.propose("seoul")
    nodes.exchange()
    agree(nodes)
    with nodes.ws["beijing"].ledger.read() as conn:
        aliases = read_aliases(conn)
        entered = {e.id for e in list_episodes(conn, CONTENT.world)}
    beijing, seoul = (c.episode_id for c in CONTENT.cities)
    assert aliases == {beijing: renamed().cities[0].episode_id}
    assert seoul in entered, "an episode that this node had not seen is entered as the text states it"
    assert beijing not in entered


def test_a_city_said_to_be_another_party_s_is_refused(nodes):
    nodes.propose("seoul")
    swapped = tuple(replace(c, party=p) for c, p in zip(CONTENT.cities, ("seoul", "beijing"), strict=True))
    nodes.draft("seoul", replace(CONTENT, cities=swapped))
    nodes.say("seoul")
    nodes.carry("beijing")
    assert ("unfit" in [o for o, _ in nodes.outcomes("beijing")]) or not nodes.versions("beijing")


def test_a_node_that_comes_back_after_days_says_nothing_old(nodes):
    for party in BOTH:
        nodes.propose(party)
    nodes.exchange()
    for party in BOTH:
        nodes.approve(party, SOON)
    nodes.settle_one("seoul", DEADLINE + timedelta(minutes=1))
    days = parse_instant(CONTENT.expires) + timedelta(days=2)
    nodes.settle(days)
    nodes.exchange()
    assert states(nodes) == [["expired"], ["expired"]]
    assert [v.state for v in nodes.versions("beijing", f"{ID}-beijing")] == ["expired"]
    assert not nodes.outbox("beijing")
    assert nodes.actions("seoul").count("joint.recorded_only") == 1
    assert nodes.actions("beijing").count("joint.recorded_only") == 1
