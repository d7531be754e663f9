"""Every reachable state of two slots about the same days: never are both agreed, even if one party cheats."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cache

import pytest

from alerts.agreement import (
    OBJECTION,
    Offer,
    Vote,
    slot_state,
    why_not_beside,
    why_not_offer,
    why_not_vote,
)

PARTIES = ("beijing", "seoul")
SLOTS = ("c1|0", "c1|1")
AT, RANK = "2026-01-14T05:00:00Z", ("2026-01-14T02:00:00Z", 0)
OFFERED = {("seoul", "c1|0", 1): "a", ("beijing", "c1|1", 1): "b", ("seoul", "c1|0", 2): "c"}
ROUNDS = 2


@dataclass(frozen=True)
class Node:
    """What a node has said, and how much of the other's it has heard."""

    log: tuple = ()
    heard: int = 0


@cache
def state_from(own, heard, party, slot):
    other = PARTIES[1 - PARTIES.index(party)]
    return slot_state({party: list(own), other: list(heard)}, slot)


def state_of(world, i, slot):
    return state_from(world[i].log, world[1 - i].log[: world[i].heard], PARTIES[i], slot)


def may_approve(world, i, slot, digest):
    """Ask the rule that an honest node asks before it signs."""
    party, node = PARTIES[i], world[i]
    other = SLOTS[1 - SLOTS.index(slot)]
    known = (*node.log, *world[1 - i].log[: node.heard])
    texts = {s.digest for s in known if isinstance(s, Offer) and s.slot == other}
    rival = state_of(world, i, other)
    return not any(why_not_beside(rival, party, t, is_before=other < slot) for t in sorted(texts))


def steps(world, cheat):
    for i, party in enumerate(PARTIES):
        node, other = world[i], world[1 - i]
        if node.heard < len(other.log):
            yield put(world, i, replace(node, heard=node.heard + 1))
        for slot in SLOTS:
            state = state_of(world, i, slot)
            known = {party: list(node.log), PARTIES[1 - i]: list(other.log[: node.heard])}
            text = OFFERED.get((party, slot, state.round))
            offer = Offer(slot, state.round, text, RANK) if text else None
            if offer and offer not in node.log and not why_not_offer(state, known, slot, text):
                yield put(world, i, replace(node, log=(*node.log, offer)))
            for digest in (*state.votable, *((OBJECTION,) if state.round == 1 and state.votable else ())):
                if state.round > ROUNDS or why_not_vote(state, party, digest):
                    continue
                if digest == OBJECTION or party == cheat or may_approve(world, i, slot, digest):
                    vote = Vote(slot, state.round, digest, AT)
                    yield put(world, i, replace(node, log=(*node.log, vote)))


def put(world, i, node):
    return tuple(node if n == i else one for n, one in enumerate(world))


@cache
def reachable(cheat=""):
    start = (Node(), Node())
    seen, queue = {start}, deque([start])
    while queue:
        for after in steps(queue.popleft(), cheat):
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return seen


@pytest.mark.parametrize("cheat", ["", "seoul", "beijing"])
def test_two_slots_about_the_same_are_never_both_agreed(cheat):
    found = set()
    for beijing, seoul in reachable(cheat):
        whole = (replace(beijing, heard=len(seoul.log)), replace(seoul, heard=len(beijing.log)))
        agreed = tuple(state_of(whole, 0, slot).agreed for slot in SLOTS)
        assert None in agreed
        found.add(agreed)
    assert found == {(None, None), ("a", None), ("c", None), (None, "b")}, "either can be agreed"
