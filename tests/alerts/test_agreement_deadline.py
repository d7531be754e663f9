"""Every reachable state of small cases with a deadline: signed before or after it, alone, agreed late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import pytest

from alerts.agreement import Offer, Vote, slot_state, why_not_offer, why_not_vote

PARTIES = ("beijing", "seoul")
SLOT, IN_TIME, CLOSES, LATE = "c1", "2026-01-14T05:00:00Z", "2026-01-14T07:30:00Z", "2026-01-14T08:00:00Z"
RANK = ("2026-01-14T02:00:00Z", 0)
FIRST = {"beijing": "b", "seoul": "a"}
UNTIL = dict.fromkeys("ab", CLOSES)


@dataclass(frozen=True)
class Node:
    """What is on a node's disk, whether its own clock has passed the deadline, and what it said alone."""

    log: tuple = ()
    sent: int = 0
    heard: tuple = ()
    closed: bool = False
    alone: str = ""


def state_of(world, party):
    nodes = dict(zip(PARTIES, world, strict=True))
    other = PARTIES[1 - PARTIES.index(party)]
    known = {party: list(nodes[party].log), other: list(nodes[party].heard)}
    return slot_state(known, SLOT, UNTIL), known


def approved(node):
    """Return the text that a node's party signed last, in time."""
    texts = [s.digest for s in node.log if isinstance(s, Vote) and s.at <= CLOSES]
    return texts[-1] if texts else ""


def steps(world, *, late):
    """Yield every world that may follow: as without a deadline, and each clock passing it on its own.

    A node whose clock has passed it signs nothing new, unless ``late`` on purpose; it still votes again,
    by itself, for a text that its party had signed in time. It warns alone when its clock passes the deadline
    and it knows of no agreement. Between writing and sending lies a crash: a log longer than ``sent``.
    """
    for i, party in enumerate(PARTIES):
        node, other = world[i], world[1 - i]
        state, known = state_of(world, party)

        def put(changed, i=i):
            return tuple(changed if n == i else one for n, one in enumerate(world))

        offer = Offer(SLOT, state.round, FIRST[party], RANK)
        if state.round == 1 and offer not in node.log and not why_not_offer(state, known, SLOT, FIRST[party]):
            yield put(replace(node, log=(*node.log, offer)))
        for text in state.votable:
            if state.round > 2 or why_not_vote(state, party, text):
                continue
            again = state.round > 1 and any(isinstance(s, Vote) and s.digest == text for s in node.log)
            if again or not node.closed:
                vote = Vote(SLOT, state.round, text, IN_TIME)
                yield put(replace(node, log=(*node.log, vote)))
            elif late and not any(isinstance(s, Vote) and s.at == LATE for s in node.log):
                yield put(replace(node, log=(*node.log, Vote(SLOT, state.round, text, LATE))))
        if node.sent < len(node.log):
            yield put(replace(node, sent=node.sent + 1))
        if len(node.heard) < other.sent:
            yield put(replace(node, heard=(*node.heard, other.log[len(node.heard)])))
        if not node.closed:
            alone = "" if state.agreed else approved(node)
            yield put(replace(node, closed=True, alone=alone))


def reachable(*, late):
    start = (Node(), Node())
    seen, queue = {start}, deque([start])
    while queue:
        for after in steps(queue.popleft(), late=late):
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return seen


@pytest.fixture(scope="module")
def worlds():
    return reachable(late=False)


def test_no_two_texts_are_agreed_and_only_what_both_signed_in_time(worlds):
    late = 0
    for world in worlds:
        found = {state_of(world, p)[0].agreed for p in PARTIES} - {None}
        assert len(found) <= 1
        for text in found:
            for node in world:
                assert any(isinstance(s, Vote) and (s.digest, s.at) == (text, IN_TIME) for s in node.log)
        late += bool(found) and any(node.alone for node in world)
    assert late, "the walk reaches an agreement that a node learns after it warned alone"


def test_a_node_says_alone_only_what_its_party_signed(worlds):
    for world in worlds:
        for node in world:
            texts = {s.digest for s in node.log if isinstance(s, Vote)}
            assert node.alone in texts | {""}
            assert not (node.closed and texts and not node.alone) or any(
                state_of(world, p)[0].agreed for p in PARTIES
            ), "who signed and is not joint speaks alone"


def test_once_everything_has_arrived_both_hold_the_same_whoever_was_cut_off(worlds):
    compared = 0
    for world in worlds:
        beijing, seoul = world
        if beijing.heard == seoul.log and seoul.heard == beijing.log:
            assert state_of(world, "beijing")[0] == state_of(world, "seoul")[0]
            compared += beijing.closed and seoul.closed
    assert compared > 20


def test_signed_late_counts_on_neither_side():
    seen = reachable(late=True)
    faults = 0
    for world in seen:
        states = [state_of(world, p)[0] for p in PARTIES]
        assert len({s.agreed for s in states} - {None}) <= 1
        for state in states:
            votes = [
                s for node in world for s in node.log if isinstance(s, Vote) and s.digest == state.agreed
            ]
            assert not votes or any(v.at == IN_TIME for v in votes)
            faults += any("after the slot had closed" in fault for fault in state.faults)
    assert faults
