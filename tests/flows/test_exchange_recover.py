"""A ledger restored from an old backup: our own chain comes back, and what it said is honoured."""

from __future__ import annotations

import shutil

import pytest

from flows.exchange_recover import hand_back, recover_chain
from flows.node import node_of
from flows.workspace import open_workspace
from pipeline.errors import StorageError, UsageError
from pipeline.exchange.post import Message, post, why_silent
from pipeline.ledger.envelopes import read_sent
from pipeline.times import HOUR
from tests.flows.exchange_pair import Pair, let_ask
from tests.flows.two_nodes import AS_OF, DEADLINE, ID, NOW, TwoNodes
from tests.ledger_files import keep_ledger, put_back_ledger


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.close()


@pytest.fixture
def to_say(monkeypatch):
    monkeypatch.setattr("pipeline.exchange.recovery.check_body", lambda *_: None)
    monkeypatch.setattr("flows.exchange_restore.RESTORERS", {})
    return let_ask(monkeypatch)


def copy_of(ws):
    """Return a backup of a ledger."""
    ws.ledger.close()
    file = ws.settings.data_dir / "ledger.sqlite"
    return keep_ledger(file, file.with_name(f"backup-{len(list(file.parent.glob('backup-*')))}"))


def put_back(ws, backup):
    ws.ledger.close()
    put_back_ledger(ws.settings.data_dir / "ledger.sqlite", backup)


def lose(pair, said, before, after):
    """Say some, keep a backup, say more, and go back to the backup; returns Seoul's whole chain."""
    said["seoul"] = before
    pair.rounds(2)
    backup = copy_of(pair.nodes["seoul"])
    pair.open("seoul")
    said["seoul"] = [*before, *after]
    pair.rounds(3)
    chain = pair.chain("seoul", "beijing")
    put_back(pair.nodes["seoul"], backup)
    pair.open("seoul")
    return chain


def test_the_chain_is_fetched_back_from_what_the_peer_hands_over_and_goes_on(pair, to_say, tmp_path):
    said, asked = to_say
    chain = lose(pair, said, [1], [2, 3])
    seoul, beijing = pair.nodes["seoul"], pair.nodes["beijing"]
    report = pair.round("seoul").peers[0]
    assert report.stopped
    shutil.rmtree(pair.mount / "seoul-beijing")
    first = recover_chain(seoul, "beijing", "kim")
    assert not first["goes on"]
    assert "hand-back" in first["next"]
    assert hand_back(beijing, "seoul", tmp_path / "back")["envelopes"] == pair.handled("beijing", "seoul")
    told = recover_chain(seoul, "beijing", "kim", tmp_path / "back")
    assert told["goes on"]
    assert told["missing"] == ""
    assert pair.chain("seoul", "beijing") == chain
    said["seoul"] = [1, 2, 3, 4]
    reports = pair.rounds(3)
    assert all(r.is_well for r in reports[1:])
    assert pair.held("beijing", "seoul") == pair.chain("seoul", "beijing")
    assert ("seoul", 4) in asked
    assert pair.held("seoul", "beijing") == pair.chain("beijing", "seoul"), "what it had heard came again"


def test_what_nobody_handled_yet_is_found_in_the_own_folder(pair, to_say):
    said, _ = to_say
    said["seoul"] = [1]
    pair.rounds(2)
    backup = copy_of(pair.nodes["seoul"])
    pair.open("seoul")
    said["seoul"] = [1, 2, 3]
    pair.round("seoul")
    chain = pair.chain("seoul", "beijing")
    put_back(pair.nodes["seoul"], backup)
    pair.open("seoul")
    assert pair.round("seoul").peers[0].stopped
    assert recover_chain(pair.nodes["seoul"], "beijing", "kim")["goes on"]
    assert pair.chain("seoul", "beijing") == chain


def test_what_reached_nobody_is_given_up_by_a_person_only(pair, to_say):
    said, asked = to_say
    said["seoul"] = [1]
    pair.rounds(2)
    backup = copy_of(pair.nodes["seoul"])
    pair.open("seoul")
    said["seoul"] = [1, 2]
    pair.round("seoul")
    shutil.rmtree(pair.mount / "seoul-beijing")
    put_back(pair.nodes["seoul"], backup)
    pair.open("seoul")
    seoul = pair.nodes["seoul"]
    assert not recover_chain(seoul, "beijing", "kim")["goes on"]
    assert pair.round("seoul").peers[0].stopped
    assert recover_chain(seoul, "beijing", "kim", nothing_under_way=True)["goes on"]
    assert not pair.round("seoul").peers[0].stopped
    pair.rounds(2)
    assert [n for _, n in asked] == [1, 2]


@pytest.mark.slow
@pytest.mark.ledger
@pytest.mark.parametrize("member", ["newest", "handled"])
def test_a_peer_that_claims_what_it_cannot_show_does_not_silence_a_node_for_good(pair, to_say, member):
    said, _ = to_say
    said["seoul"] = [1]
    pair.rounds(2)
    beijing = pair.nodes["beijing"]
    node = node_of(beijing)
    body = {"handled": 1, "handled_digest": "ab" * 32, "newest": 1, "missing": [], "refused": []}
    body |= {member: 10**6} if member == "newest" else {}
    with beijing.ledger.write() as conn:
        post(conn, node.sender, Message("seoul", "receipt", "node", "a lie", body), pair.clock())
    pair.round("beijing")
    assert pair.round("seoul").peers[0].stopped
    seoul = pair.nodes["seoul"]
    assert not recover_chain(seoul, "beijing", "kim")["goes on"]
    assert recover_chain(seoul, "beijing", "kim", nothing_under_way=True)["goes on"]
    assert not pair.round("seoul").peers[0].stopped


def test_two_envelopes_of_one_number_under_our_key_stop_everything(pair, to_say, tmp_path):
    said, _ = to_say
    lose(pair, said, [1], [2])
    hand_back(pair.nodes["beijing"], "seoul", tmp_path / "back")
    seoul = pair.nodes["seoul"]
    with seoul.ledger.read() as conn:
        number = read_sent(conn, "beijing")[-1].sequence + 1
    thief = tmp_path / "thief"
    shutil.copytree(seoul.settings.data_dir, thief)
    (thief / "exchange" / "beijing.sent").unlink()
    copy = open_workspace(seoul.settings.model_copy(update={"data_dir": thief}), pair.clock)
    with copy.ledger.write() as conn:
        ask = Message("beijing", "question", "live", "other", {"n": 99})
        row = post(conn, node_of(copy).sender, ask, pair.clock())
    copy.ledger.close()
    (tmp_path / "back" / "zz-other.json.gz").write_bytes(row.packed)
    with pytest.raises(StorageError, match=f"two different envelopes {number}"):
        recover_chain(seoul, "beijing", "kim", tmp_path / "back")


def test_recovery_refuses_what_is_no_peer_or_folder(pair, to_say, tmp_path):
    with pytest.raises(UsageError, match="no other party"):
        recover_chain(pair.nodes["seoul"], "tokyo", "kim")
    with pytest.raises(UsageError, match="no folder"):
        recover_chain(pair.nodes["seoul"], "beijing", "kim", tmp_path / "nowhere")


# ---- what was said of joint warnings


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def lost_after(nodes, tmp_path, do):
    """Let Seoul lose what was done after it proposed, and recover it from Beijing."""
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange(issue=False)
    backup = copy_of(nodes.ws["seoul"])
    nodes.reopen("seoul")
    do()
    hand_back(nodes.ws["beijing"], "seoul", tmp_path / "back")
    put_back(nodes.ws["seoul"], backup)
    nodes.reopen("seoul")
    return recover_chain(nodes.ws["seoul"], "beijing", "kim", tmp_path / "back", nothing_under_way=True)


@pytest.mark.ledger
@pytest.mark.slow
def test_a_vote_that_was_given_stays_given_and_becomes_joint(nodes, tmp_path):
    def vote():
        nodes.approve("seoul", AS_OF + HOUR)
        nodes.exchange(issue=False)

    told = lost_after(nodes, tmp_path, vote)
    assert told["kinds"]["approval"] == 1
    nodes.approve("beijing", AS_OF + 2 * HOUR)
    nodes.exchange()
    assert [nodes.versions(p)[0].state for p in ("seoul", "beijing")] == ["issued", "issued"]
    assert nodes.signers("seoul") == nodes.signers("beijing")


@pytest.mark.slow
@pytest.mark.ledger
def test_what_was_issued_before_the_loss_is_not_issued_again(nodes, tmp_path):
    def issue():
        nodes.approve("seoul", AS_OF + HOUR)
        nodes.approve("beijing", AS_OF + 2 * HOUR)
        nodes.exchange()
        assert nodes.versions("seoul")[0].state == "issued"

    told = lost_after(nodes, tmp_path, issue)
    assert told["issued before the loss"] == [f"joint_warning {ID} v1"]
    assert "tell the forecasters" in told["next"]
    before = nodes.outbox("seoul")
    nodes.exchange()
    assert nodes.outbox("seoul") == before
    assert nodes.issued_at("seoul") == []
    assert DEADLINE < NOW


def test_nothing_is_said_from_a_restored_ledger_before_its_first_round(pair, to_say):
    said, _ = to_say
    lose(pair, said, [1], [2, 3])
    seoul = pair.nodes["seoul"]
    ask = Message("beijing", "question", "live", "q9", {"n": 9})
    with seoul.ledger.write() as conn, pytest.raises(StorageError, match="sameair exchange recover beijing"):
        post(conn, node_of(seoul).sender, ask, pair.clock())


def test_a_vote_about_a_lost_offer_that_came_before_the_recovery_counts(nodes, tmp_path):
    for party in ("seoul", "beijing"):
        nodes.say(party)
    backup = copy_of(nodes.ws["seoul"])
    nodes.reopen("seoul")
    nodes.propose("seoul")
    nodes.exchange(issue=False)
    nodes.approve("seoul", AS_OF + HOUR)
    nodes.exchange(issue=False)
    nodes.approve("beijing", AS_OF + 2 * HOUR)
    hand_back(nodes.ws["beijing"], "seoul", tmp_path / "back")
    put_back(nodes.ws["seoul"], backup)
    nodes.reopen("seoul")
    nodes.carry("seoul")
    assert "unknown" in [outcome for outcome, _ in nodes.outcomes("seoul")]
    told = recover_chain(nodes.ws["seoul"], "beijing", "kim", tmp_path / "back", nothing_under_way=True)
    assert len(told["heard anew"]) == 1
    nodes.exchange()
    assert [nodes.versions(p)[0].state for p in ("seoul", "beijing")] == ["issued", "issued"]
    assert nodes.signers("seoul") == nodes.signers("beijing")


@pytest.mark.slow
@pytest.mark.ledger
def test_approving_again_after_the_loss_signs_the_own_city_s_warning(nodes, tmp_path):
    told = lost_after(nodes, tmp_path, lambda: (nodes.approve("seoul", AS_OF + HOUR), nodes.exchange()))
    assert "approve again" in told["next"]
    nodes.approve("seoul", AS_OF + 2 * HOUR)
    nodes.settle_one("seoul", DEADLINE + HOUR)
    assert [v.state for v in nodes.versions("seoul", f"{ID}-seoul")] == ["issued"]


@pytest.mark.parametrize("decide", ["approve", "object"])
def test_a_vote_handed_out_between_rounds_is_missed_after_a_loss(nodes, decide):
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange(issue=False)
    seoul = nodes.ws["seoul"]
    backup = copy_of(seoul)
    nodes.reopen("seoul")
    getattr(nodes, decide)("seoul", AS_OF + HOUR)
    put_back(nodes.ws["seoul"], backup)
    nodes.reopen("seoul")
    seoul = nodes.ws["seoul"]
    with seoul.ledger.read() as conn:
        why = why_silent(conn, node_of(seoul).sender, "beijing")
    assert "envelopes to beijing were written" in why
    said = nodes.approve("seoul", AS_OF + 2 * HOUR)
    assert "not said" in said["joint"], "no number is used twice"


def test_a_vote_stands_also_if_the_note_beside_the_ledger_cannot_be_written(nodes, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flows.exchange_notes.write_atomic", full)
    nodes.propose("seoul")
    nodes.exchange(issue=False)
    nodes.approve("seoul", AS_OF + HOUR)
    assert "was not noted beside the ledger" in caplog.text
    nodes.carry("beijing")
    assert any("approval" in note for _, note in nodes.outcomes("beijing"))
