"""Every reachable state over a channel that loses, doubles and reorders, with crashes at every step.

Here the way between the nodes is explicit. A message, once sent, may arrive at any later time, any number of
times, in any order, or never. A crash may fall between writing a statement and sending it (it is sent later,
perhaps again, since the node does not know what left), and between taking a message and handling it. What is
on disk stays: the own log, what was taken, and how far it was handled.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cache

import pytest

from alerts.agreement import OBJECTION, Offer, Vote, slot_state, why_not_offer, why_not_vote

PARTIES = ("beijing", "seoul")
SLOT, AT = "c1", "2026-01-14T05:00:00Z"
RANK = ("2026-01-14T02:00:00Z", 0)
FIRST = {"beijing": "b", "seoul": "a"}
ROUNDS = 2


@dataclass(frozen=True)
class Node:
    """What lies on a node's disk, and which of its statements the channel holds (sent at least once)."""

    log: tuple = ()
    sent: frozenset = frozenset()
    taken: frozenset = frozenset()
    handled: int = 0


@cache
def state_from(own, heard, party):
    """Return what a node derives from its own log and what it handled of the other's."""
    other = PARTIES[1 - PARTIES.index(party)]
    return slot_state({party: list(own), other: list(heard)}, SLOT)


def heard_of(world, i):
    return world[1 - i].log[: world[i].handled]


def state_of(world, i):
    return state_from(world[i].log, heard_of(world, i), PARTIES[i])


def put(world, i, node):
    return tuple(node if n == i else one for n, one in enumerate(world))


def says(world, i):
    """Yield the worlds after a node has written a statement of its own."""
    party, node = PARTIES[i], world[i]
    state = state_of(world, i)
    known = {party: list(node.log), PARTIES[1 - i]: list(heard_of(world, i))}
    offer = Offer(SLOT, state.round, FIRST[party], RANK)
    if state.round == 1 and offer not in node.log and not why_not_offer(state, known, SLOT):
        yield put(world, i, replace(node, log=(*node.log, offer)))
    fresh = Offer(SLOT, state.round, "c", (RANK[0], 1))
    may = state.round == ROUNDS and party == "seoul" and fresh not in node.log
    if may and not why_not_offer(state, known, SLOT, "c"):
        yield put(world, i, replace(node, log=(*node.log, fresh)))
    choices = (*state.votable, *((OBJECTION,) if state.round == 1 and party == "beijing" else ()))
    for digest in choices:
        if state.round <= ROUNDS and not why_not_vote(state, party, digest):
            yield put(world, i, replace(node, log=(*node.log, Vote(SLOT, state.round, digest, AT))))


def carries(world, i):
    """Yield the worlds after a node has sent, taken or handled a message, in whatever order they come."""
    node, other = world[i], world[1 - i]
    for number in range(len(node.log)):
        yield put(world, i, replace(node, sent=node.sent | {number}))
    for number in other.sent:
        yield put(world, i, replace(node, taken=node.taken | {number}))
    if node.handled in node.taken:
        yield put(world, i, replace(node, handled=node.handled + 1))


def explore():
    start = (Node(), Node())
    seen, queue, repeated = {start}, deque([start]), 0
    while queue:
        world = queue.popleft()
        for i in range(2):
            for after in (*says(world, i), *carries(world, i)):
                repeated += after == world
                if after not in seen:
                    seen.add(after)
                    queue.append(after)
    return seen, repeated


@pytest.fixture(scope="module")
def explored():
    return explore()


def test_no_two_texts_are_agreed_whatever_is_lost_doubled_or_reordered(explored):
    worlds, repeated = explored
    agreed = set()
    for world in worlds:
        found = {state_of(world, i).agreed for i in range(2)} - {None}
        assert len(found) <= 1
        agreed |= found
    assert agreed == {"a", "b", "c"}
    assert repeated, "messages that come again change nothing"


def test_what_is_missing_is_never_skipped_and_nothing_out_of_turn_is_handled(explored):
    reordered = 0
    for world in explored[0]:
        for i in range(2):
            assert set(range(world[i].handled)) <= world[i].taken <= world[1 - i].sent
            reordered += bool(world[i].taken - set(range(world[i].handled + 1)))
    assert reordered, "the walk brings messages before their turn"


def test_agreement_is_never_lost(explored):
    for world in explored[0]:
        for i in range(2):
            before = state_of(world, i).agreed
            if before is not None:
                for after in (*says(world, 0), *says(world, 1), *carries(world, i)):
                    assert state_of(after, i).agreed == before


def test_once_everything_was_carried_both_hold_the_same_from_every_state(explored):
    for world in explored[0]:
        whole = world
        for i in range(2):
            every = frozenset(range(len(world[1 - i].log)))
            whole = put(whole, 1 - i, replace(whole[1 - i], sent=every))
            whole = put(whole, i, replace(whole[i], taken=every, handled=len(every)))
        assert state_of(whole, 0) == state_of(whole, 1)
        assert state_of(whole, 0).faults == ()


def test_states_with_written_and_unsent_words_are_among_them(explored):
    waiting = [w for w in explored[0] if any(len(n.sent) < len(n.log) for n in w)]
    assert len(waiting) > len(explored[0]) // 10
