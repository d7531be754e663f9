"""Every reachable state of small cases: late, lost, repeated, crossing messages, crashes and restarts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import pytest

from alerts.agreement import OBJECTION, Offer, Vote, slot_state, why_not_offer, why_not_vote

PARTIES = ("beijing", "seoul")
SLOT, AT = "c1", "2026-01-14T05:00:00Z"
RANK = {"a": ("2026-01-14T02:00:00Z", 0), "b": ("2026-01-14T02:00:00Z", 0), "c": ("2026-01-14T02:00:00Z", 1)}
FIRST = {"beijing": "b", "seoul": "a"}
"""What each node's own run proposes."""


@dataclass(frozen=True)
class Node:
    """What is on a node's disk: its own log, how much of it has left, and what it took of the other's."""

    log: tuple = ()
    sent: int = 0
    heard: tuple = ()


def said(nodes, party):
    other = PARTIES[1 - PARTIES.index(party)]
    node = nodes[party]
    return {party: list(node.log), other: list(node.heard)}


def state_of(nodes, party):
    return slot_state(said(nodes, party), SLOT)


def with_node(world, party, node):
    pairs = dict(zip(PARTIES, world, strict=True)) | {party: node}
    return tuple(pairs[p] for p in PARTIES)


def steps(world, rounds, objections):
    """Yield (what happened, the world after it): all that people, nodes and the network may do.

    A message that has left may arrive at any time, in any order and as often as it likes: a node takes only
    the one that follows what it has. Loss is a message that does not arrive yet. A crash leaves what is on
    disk, which is all that the model holds; one between writing and sending is a log longer than ``sent``.
    """
    nodes = dict(zip(PARTIES, world, strict=True))
    for party in PARTIES:
        node, known = nodes[party], said(nodes, party)
        other = nodes[PARTIES[1 - PARTIES.index(party)]]
        state = slot_state(known, SLOT)
        for digest in ("a", "b", "c"):
            if (
                not why_not_offer(state, known, SLOT)
                and state.round <= rounds
                and (FIRST[party] == digest if state.round == 1 else digest == "c")
            ):
                offer = Offer(SLOT, state.round, digest, RANK[digest])
                if offer not in node.log:
                    yield f"{party} offers", with_node(world, party, replace(node, log=(*node.log, offer)))
        choices = [*state.votable, *([OBJECTION] if objections and state.round == 1 else [])]
        for digest in choices:
            if state.round <= rounds and not why_not_vote(state, party, digest):
                vote = Vote(SLOT, state.round, digest, AT)
                yield f"{party} votes {digest}", with_node(world, party, replace(node, log=(*node.log, vote)))
        if node.sent < len(node.log):
            yield f"{party} sends", with_node(world, party, replace(node, sent=node.sent + 1))
        if len(node.heard) < other.sent:
            taken = (*node.heard, other.log[len(node.heard)])
            yield f"{party} hears", with_node(world, party, replace(node, heard=taken))


def reachable(rounds, objections):
    start = (Node(), Node())
    seen, queue = {start: None}, deque([start])
    while queue:
        world = queue.popleft()
        for _, after in steps(world, rounds, objections):
            if after not in seen:
                seen[after] = world
                queue.append(after)
    return seen


@pytest.fixture(scope="module", params=[False, True], ids=["willing", "objecting"])
def worlds(request):
    return reachable(3, request.param)


def test_no_two_texts_are_ever_agreed(worlds):
    agreed = set()
    for world in worlds:
        nodes = dict(zip(PARTIES, world, strict=True))
        found = {state_of(nodes, p).agreed for p in PARTIES} - {None}
        assert len(found) <= 1
        agreed |= found
    assert agreed >= {"a", "b"}, "the walk reaches agreement on either text"


def test_what_is_agreed_stays_agreed(worlds):
    for world in worlds:
        nodes = dict(zip(PARTIES, world, strict=True))
        for party in PARTIES:
            before = state_of(nodes, party).agreed
            if before is not None:
                for _, after in steps(world, 3, True):
                    assert state_of(dict(zip(PARTIES, after, strict=True)), party).agreed == before


def test_nodes_with_the_same_statements_hold_the_same_state(worlds):
    compared = 0
    for beijing, seoul in worlds:
        if beijing.heard == seoul.log and seoul.heard == beijing.log:
            nodes = {"beijing": beijing, "seoul": seoul}
            assert state_of(nodes, "beijing") == state_of(nodes, "seoul")
            assert state_of(nodes, "beijing").faults == ()
            compared += 1
    assert compared > 20


def settle(world):
    """Deliver everything, and let each side vote for the best text that it may vote for."""
    for _ in range(60):
        nodes = dict(zip(PARTIES, world, strict=True))
        moves = list(steps(world, 9, False))
        if all(state_of(nodes, p).agreed for p in PARTIES):
            return world
        carry = [after for name, after in moves if name.endswith(("sends", "hears"))]
        votes = [(name, after) for name, after in moves if " votes " in name]
        offers = [after for name, after in moves if name.endswith("offers")]
        if carry:
            world = carry[0]
        elif votes:
            world = max(votes, key=lambda move: move[0].rsplit(" ", 1)[-1])[1]
        elif offers:
            world = offers[0]
        else:
            break
    return world


@pytest.mark.ledger
@pytest.mark.slow
def test_from_every_state_both_come_to_agree_once_messages_pass_and_nobody_objects(worlds):
    for world in worlds:
        end = dict(zip(PARTIES, settle(world), strict=True))
        assert state_of(end, "beijing").agreed is not None
        assert state_of(end, "beijing").agreed == state_of(end, "seoul").agreed


def test_a_vote_after_the_slot_closed_counts_on_neither_side():
    offer = Offer(SLOT, 1, "a", RANK["a"])
    late = Vote(SLOT, 1, "a", "2026-01-14T08:00:00Z")
    heard = {"seoul": [offer, Vote(SLOT, 1, "a", AT)], "beijing": [late]}
    state = slot_state(heard, SLOT, closes="2026-01-14T07:30:00Z")
    assert state.phase == "open"
    assert state.faults == ("beijing voted in round 1 after the slot had closed",)


def test_a_second_vote_of_a_round_is_a_fault_and_changes_nothing():
    offers = [Offer(SLOT, 1, d, RANK[d]) for d in ("a", "b")]
    twice = [Vote(SLOT, 1, "a", AT), Vote(SLOT, 1, "b", AT)]
    state = slot_state({"seoul": [*offers, *twice], "beijing": [Vote(SLOT, 1, "b", AT)]}, SLOT)
    assert state.faults == ("seoul voted twice in round 1",)
    assert (state.round, state.phase, state.votable) == (2, "open", ("b",))
