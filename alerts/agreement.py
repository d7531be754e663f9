"""How two parties come to sign one text, over messages that may be late, lost, repeated or crossed; pure.

A *slot* is one joint decision: what is said jointly from one cycle. It runs in *rounds*. In a round each
party gives at most one vote, for ever: for one offered text (by its digest), or against all of them. Both
votes for the same text: it is *agreed*, and nothing follows. Two different votes, once both are known: the
round is *split*, and the next begins. After two votes for different texts only the better of them can be
voted for, so the next round cannot split that way; after an objection new texts are offered.

Everything is derived from what the parties said, each in the order in which it said it, and from nothing
else: no clock of the reader, no order of arrival. So two nodes with the same statements hold the same state,
and what one node knows less is only later. The properties and their proof stand in ``docs/agreement.md``; all
reachable states of small cases are walked through in ``tests/alerts/test_agreement.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Phase = Literal["open", "agreed"]

OBJECTION = ""
"""What stands for a vote against every text of a round."""


@dataclass(frozen=True)
class Offer:
    """A text that a party proposes in a round; ``rank`` orders texts, the greater being the better one.

    The rank follows from the text alone (issue time of its cycle, then how many versions in force it
    names), so that nobody can raise it; of equal ranks the greater digest is the better text.
    """

    slot: str
    round: int
    digest: str
    rank: tuple[str, int]


@dataclass(frozen=True)
class Vote:
    """A party's only word in a round: the digest of a text, or OBJECTION; ``at`` is ISO in UTC."""

    slot: str
    round: int
    digest: str
    at: str


Statement = Offer | Vote


@dataclass(frozen=True)
class SlotState:
    """Where a slot stands: its round, which texts can be voted for, who voted, and what was agreed.

    ``faults`` name statements that no honest node makes; they change nothing else.
    """

    round: int
    phase: Phase
    votable: tuple[str, ...]
    votes: tuple[tuple[str, str], ...]
    agreed: str | None
    faults: tuple[str, ...] = ()

    def vote_of(self, party: str) -> str | None:
        """Return what a party voted in the current round, None where it has not."""
        return dict(self.votes).get(party)


def slot_state(
    said: Mapping[str, Sequence[Statement]], slot: str, closes: str | Mapping[str, str] = ""
) -> SlotState:
    """Derive where a slot stands from what both parties said, each in its own order.

    Parameters
    ----------
    said : statements of each of the two parties, oldest first, other slots among them
    slot : which decision
    closes : ISO instant after which votes no longer count, of all texts or of each by its digest (then an
        objection is never late); empty: never

    Examples
    --------
    >>> offer = Offer("c1", 1, "aa", ("2026-01-14T02:00:00Z", 0))
    >>> votes = {p: Vote("c1", 1, "aa", "2026-01-14T05:00:00Z") for p in ("beijing", "seoul")}
    >>> said = {"beijing": [votes["beijing"]], "seoul": [offer, votes["seoul"]]}
    >>> slot_state(said, "c1").agreed
    'aa'
    >>> slot_state({**said, "beijing": []}, "c1").phase
    'open'
    """
    own = {party: [s for s in said[party] if s.slot == slot] for party in sorted(said)}
    ranks = _ranks(own.values())
    faults: list[str] = []
    number, forced = 1, None
    while True:
        votable = (forced,) if forced else _offered(own.values(), number)
        votes = _votes(own, number, set(votable) if forced else set(ranks), closes, faults)
        values = list(votes.values())
        if len(values) < len(own):
            break
        if OBJECTION not in values and len(set(values)) == 1:
            return SlotState(number, "agreed", votable, tuple(votes.items()), values[0], tuple(faults))
        forced = None if OBJECTION in values else max(values, key=lambda d: (ranks[d], d))
        number += 1
    return SlotState(number, "open", votable, tuple(votes.items()), None, tuple(faults))


def why_not_vote(state: SlotState, party: str, digest: str) -> str:
    """Return why a party may not give a vote now, or nothing; an honest node asks before it signs.

    >>> state = SlotState(2, "open", ("aa",), (("seoul", "aa"),), None)
    >>> why_not_vote(state, "seoul", "aa"), why_not_vote(state, "beijing", "aa")
    ('seoul has voted in round 2', '')
    """
    if state.phase == "agreed":
        return "a text is agreed"
    if state.vote_of(party) is not None:
        return f"{party} has voted in round {state.round}"
    if digest != OBJECTION and digest not in state.votable:
        return f"this text is not to be voted on in round {state.round}"
    return ""


def why_not_beside(rival: SlotState, party: str, digest: str, *, is_before: bool) -> str:
    """Return why a party may not approve a text while another slot has one about the same, or nothing.

    ``rival`` is that slot and ``digest`` its text; ``is_before`` tells whether its number is lower. An
    approval stands until its round has ended without agreement; while it stands, no other about the same is
    given. Who has objected to the other slot's texts need not wait for the other party's word on them.

    >>> rival = SlotState(1, "open", ("aa",), (("seoul", "aa"),), None)
    >>> [why_not_beside(rival, p, "aa", is_before=b) for p, b in (("seoul", False), ("beijing", False))]
    ['is approved by seoul and may still be agreed', '']
    """
    if rival.agreed == digest:
        return "is agreed"
    if rival.agreed is None and rival.vote_of(party) == digest:
        return f"is approved by {party} and may still be agreed"
    undecided = rival.agreed is None and rival.vote_of(party) != OBJECTION
    if undecided and is_before and digest in rival.votable:
        return "is decided first: approve or object to that one"
    return ""


def why_not_offer(
    state: SlotState, said: Mapping[str, Sequence[Statement]], slot: str, digest: str = ""
) -> str:
    """Return why no text, or this one, may be offered in the current round, or nothing.

    A text that was offered in an earlier round has had its chance: so the signatures over one text that
    count together are always of one round.
    """
    if state.phase == "agreed":
        return "a text is agreed"
    earlier = (s for log in said.values() for s in log if isinstance(s, Offer) and s.slot == slot)
    if digest and any(s.digest == digest and s.round < state.round for s in earlier):
        return "this text was offered in an earlier round"
    if _is_forced(said, slot, state.round):
        return f"round {state.round} decides on the better of the two texts that were voted for"
    return ""


def _is_forced(said: Mapping[str, Sequence[Statement]], slot: str, number: int) -> bool:
    """Tell whether the round before ended with votes for two different texts."""
    if number == 1:
        return False
    before = [
        next((s for s in said[p] if isinstance(s, Vote) and (s.slot, s.round) == (slot, number - 1)), None)
        for p in sorted(said)
    ]
    return all(v is not None and v.digest != OBJECTION for v in before)


def _ranks(logs: Iterable[Sequence[Statement]]) -> dict[str, tuple[str, int]]:
    """Return the rank of every text offered; of one offered twice, the greater."""
    found: dict[str, tuple[str, int]] = {}
    for log in logs:
        for s in log:
            if isinstance(s, Offer):
                found[s.digest] = max(found.get(s.digest, s.rank), s.rank)
    return found


def _offered(logs: Iterable[Sequence[Statement]], number: int) -> tuple[str, ...]:
    """Return the texts offered in a round, each once."""
    found = [s.digest for log in logs for s in log if isinstance(s, Offer) and s.round == number]
    return tuple(sorted(set(found)))


def _votes(
    own: Mapping[str, Sequence[Statement]],
    number: int,
    known: set[str],
    closes: str | Mapping[str, str],
    faults: list[str],
) -> dict[str, str]:
    """Return each party's vote of a round: its first that counts."""
    votes: dict[str, str] = {}
    for party, log in own.items():
        for s in log:
            if not isinstance(s, Vote) or s.round != number:
                continue
            if party in votes:
                faults.append(f"{party} voted twice in round {number}")
            elif _is_late(s, closes):
                faults.append(f"{party} voted in round {number} after the slot had closed")
            elif s.digest != OBJECTION and s.digest not in known:
                faults.append(f"{party} voted in round {number} for what was not to be voted on")
            else:
                votes[party] = s.digest
    return votes


def _is_late(vote: Vote, closes: str | Mapping[str, str]) -> bool:
    """Tell whether a vote came after the instant until which it would have counted; by the voter's clock."""
    until = closes if isinstance(closes, str) else closes.get(vote.digest, "")
    return bool(until) and vote.at > until
