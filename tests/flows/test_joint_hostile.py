"""What a party with its own good key can write to spoil the other's warnings, and does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.joint import evidence_digest, rank_of
from alerts.joint_slots import is_slot_of, slot_beginning
from alerts.signoff import statement
from flows.desk import Decision, object_to_version
from flows.exchange_notes import note_sent
from flows.node import node_of
from pipeline.errors import ReviewError
from pipeline.exchange.canonical import digest
from pipeline.exchange.keys import public_key_text, sign
from pipeline.exchange.post import Message, post
from pipeline.ledger.warnings import SignatureRow
from pipeline.names import MEASURED
from pipeline.times import iso, parse_instant
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, ID, NOW, TwoNodes

SOON, LATER, OVER = (t + timedelta(hours=1) for t in (AS_OF, AS_OF + timedelta(hours=1), DEADLINE))
SECOND, THIRD = "01KEXAMP0E0000000000000005", "01KEXAMP0E0000000000000006"


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def say(nodes, kind, body, world=CONTENT.world):
    """Let Beijing sign and send any body, and Seoul handle it; returns the outcome."""
    ws = nodes.ws["beijing"]
    sender = node_of(ws).sender
    with ws.ledger.write() as conn:
        post(conn, sender, Message("seoul", kind, world, digest(body), body), NOW)
    nodes.carry("seoul")
    return nodes.outcomes("seoul")[-1]


def offer(content, end="0"):
    data = content.to_dict()
    return {
        "slot": slot_beginning(content) + end,
        "round": 1,
        "digest": digest(data),
        "rank": list(rank_of(data)),
        "evidence": evidence_digest(data),
        "content": data,
    }


def alone(nodes, warning=f"{ID}-seoul"):
    return [v.state for v in nodes.versions("seoul", warning)]


def live(**changes):
    """Return a text of the present that was written at NOW."""
    given = {
        "world": MEASURED,
        "issue_time": iso(NOW),
        "as_of": iso(NOW),
        "review_deadline": iso(NOW + timedelta(hours=4)),
        "expires": iso(NOW + timedelta(days=5)),
    }
    return replace(CONTENT, simulated=False, cap_status="Test", **{**given, **changes})


@pytest.mark.slow
def test_a_false_claim_on_our_chain_holds_up_no_warning_of_our_own(nodes):
    nodes.propose("seoul")
    nodes.exchange()
    claim = {"handled": 99, "handled_digest": "ab" * 32, "newest": 99, "missing": [], "refused": []}
    say(nodes, "heartbeat", claim, "node")
    assert "not said" in nodes.approve("seoul", SOON)["joint"]
    nodes.settle(OVER)
    assert alone(nodes) == ["issued"]


@pytest.mark.slow
def test_a_ledger_from_an_old_backup_holds_up_no_warning_of_our_own(nodes):
    nodes.propose("seoul")
    nodes.exchange()
    note_sent(nodes.ws["seoul"], "beijing", 99)
    assert "not said" in nodes.approve("seoul", SOON)["joint"]
    nodes.settle(OVER)
    assert alone(nodes) == ["issued"]


@pytest.mark.slow
def test_the_name_of_a_warning_that_stands_in_is_not_taken(nodes):
    nodes.propose("seoul")
    nodes.exchange()
    nodes.approve("seoul", SOON)
    said = say(nodes, "proposal", offer(replace(CONTENT, warning_id=f"{ID}-seoul", version=7)))
    assert said == ("unfit", "the warning's name is not that of a joint warning")
    nodes.settle(OVER)
    assert alone(nodes) == ["issued"]


@pytest.mark.slow
def test_a_warning_of_our_own_city_takes_no_joint_text(nodes):
    own = nodes.later_single("seoul")
    said = say(nodes, "proposal", offer(replace(CONTENT, warning_id=own, version=2)))
    assert said == ("unfit", "the warning of that name is of another kind")
    assert [v.version for v in nodes.versions("seoul", own)] == [1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (replace(CONTENT, version=100_000), "too far ahead"),
        (replace(CONTENT, kind="rumour"), "its kind or status is none"),
        (replace(CONTENT, cap_status="ACTUAL"), "its kind or status is none"),
        (live(issue_time=iso(NOW + timedelta(hours=1))), "of a cycle to come"),
        (live(review_deadline=iso(NOW + timedelta(hours=25))), "more than a day"),
        (live(expires=iso(NOW + timedelta(days=32))), "more than a month"),
        (live(world=CONTENT.world), "against the name of its world"),
    ],
)
def test_no_text_makes_ours_older_or_numbered_otherwise(nodes, content, why):
    outcome, note = say(nodes, "proposal", offer(content), content.world)
    assert (outcome, why in note) == ("unfit", True)
    assert nodes.propose("seoul").outcome == "drafted"


@pytest.mark.slow
def test_texts_of_the_present_are_taken(nodes):
    assert say(nodes, "proposal", offer(live()), MEASURED)[0] == "done"


def test_a_slot_has_no_second_name():
    beginning = slot_beginning(CONTENT)
    assert [is_slot_of(beginning + end, CONTENT) for end in ("0", "x|0", "|0", "00")] == [True] + [False] * 3


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"warning_id": THIRD}, {"version": 9}])
def test_a_signature_over_another_version_is_no_vote(nodes, change):
    nodes.propose("seoul")
    nodes.exchange()
    text = nodes.versions("seoul")[0].content_digest
    key = node_of(nodes.ws["beijing"]).sender.key
    unsigned = SignatureRow(
        warning_id=ID,
        version=1,
        content_digest=text,
        party="beijing",
        person="wang",
        decision="approve",
        reason="",
        drill=False,
        at=SOON,
        public_key=public_key_text(key),
        signature="",
    )
    unsigned = replace(unsigned, **change)
    signed = {**vars(unsigned), "at": iso(SOON), "signature": sign(key, statement(unsigned))}
    body = {"slot": slot_beginning(CONTENT) + "0", "round": 1, "digest": text, "at": iso(SOON)}
    assert say(nodes, "approval", {**body, "signature": signed}) == (
        "unfit",
        "the decision: it is about another version",
    )


@pytest.mark.slow
def test_who_objects_to_what_is_decided_first_need_not_wait_for_the_other_party(nodes):
    shift = timedelta(days=10)
    cities = tuple(
        replace(c, onset=iso(parse_instant(c.onset) + shift), end=iso(parse_instant(c.end) + shift))
        for c in CONTENT.cities
    )
    end = iso(parse_instant(CONTENT.expires) + shift)
    onset = min(c.onset for c in cities)
    away = replace(CONTENT, warning_id=SECOND, cities=cities, onset=onset, expires=end)
    say(nodes, "proposal", offer(away))
    nodes.propose("seoul")
    nodes.exchange()
    say(nodes, "proposal", offer(replace(CONTENT, warning_id=THIRD, model_id="m")))
    with pytest.raises(ReviewError, match="decided first"):
        nodes.approve("seoul", SOON)
    object_to_version(
        nodes.ws["seoul"], THIRD, None, Decision("seoul", "kim", iso(SOON), deliver=False), "no"
    )
    nodes.approve("seoul", LATER)
    nodes.settle(OVER)
    assert alone(nodes) == ["issued"]
