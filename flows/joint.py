"""Joint sign-off of two nodes: what this one says of joint texts, and what it does with the other's words."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.content import WarningContent
from alerts.joint import make_offer, make_vote, offers_due, state_of
from alerts.joint_adopt import settled_text, why_not_following
from alerts.joint_take import take_offer, take_vote
from flows.joint_issued import ISSUE_KIND, note_issued, take_issued
from flows.node import Node
from flows.workspace import Workspace
from pipeline.errors import EnvelopeRefused, ReviewError, SameairError
from pipeline.exchange.arrivals import UNFORESEEN, Handler
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.post import Message, post, why_silent
from pipeline.ledger.agreement import (
    StatementRow,
    issued_unsaid,
    offer_of,
    recent_slots,
    statements_of,
    unsent,
)
from pipeline.ledger.warnings import SignatureRow, VersionRow, read_signatures, read_version

log = logging.getLogger(__name__)

AFTER_SILENCE: Final = "run `sameair exchange recover`, then approve again to give the vote"


def agreement_poster(conn: Connection, node: Node, at: datetime) -> list[Message]:
    """Return what there is to say of joint texts: offers, votes, and what was issued here.

    Drafts that nobody has offered are offered; where a round has left only a text that the own party has
    signed, it is voted for again with that signature. What was written down and not said is said.
    """
    for row in offers_due(conn, node.party):
        make_offer(conn, node.party, row)
    _follow(conn, node, at)
    for warning_id, version, issued in issued_unsaid(conn):
        note_issued(conn, node.party, read_version(conn, warning_id, version), issued)
    return [_message(peer, seq, row) for peer in node.peers for seq, row in unsent(conn, peer)]


def decide_jointly(conn: Connection, node: Node, row: VersionRow, decision: str, at: datetime) -> str:
    """Give the own party's vote as it was just signed, and put it into the chain in the same transaction.

    Returns what it led to, nothing where the version is not for two nodes to decide. Where nothing may be
    said to the other party (its word on our chain does not fit), an approval is no vote; it stands for the
    warning of the own city, which no other node may hold up.

    Raises
    ------
    ReviewError
        the party has voted in this round already, or the text cannot be voted on
    """
    if row.content["product"] != "joint_warning" or node.party not in row.content["parties"]:
        return ""
    if offer_of(conn, row.content_digest) is None and make_offer(conn, node.party, row) is None:
        raise ReviewError("no new text can be offered in this round; see `sameair warnings show`")
    why = why_not_following(conn, WarningContent.from_dict(row.content)) if decision == "approve" else ""
    if why:
        raise ReviewError(f"this text could not be issued: {why}; object, or wait for the next cycle's text")
    silenced = next((fault for peer in node.peers if (fault := why_silent(conn, node.sender, peer))), "")
    if silenced and decision == "approve":
        log.error("approved here and not said: %s", silenced)
        return f"kept here and not said, for the own city's warning alone: {silenced}; {AFTER_SILENCE}"
    make_vote(conn, row.content_digest, _own_signature(conn, node.party, row, decision))
    offer = offer_of(conn, row.content_digest)
    said = "" if offer is None else settled_text(conn, offer.slot, at)
    for peer in node.peers:
        for seq, told in unsent(conn, peer):
            message = _message(peer, seq, told)
            check_body(message.kind, message.body)
            post(conn, node.sender, message, at)
    return said


def take_proposal(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle the other party's offer of a text."""
    said = take_offer(conn, envelope)
    return _with_outcome(conn, said, envelope, at)


def take_decision(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle the other party's approval or objection."""
    if (envelope.kind == "objection") != (envelope.body["digest"] == OBJECTION):
        raise EnvelopeRefused("unfit", f"no {envelope.kind}")
    said = take_vote(conn, envelope)
    return _with_outcome(conn, said, envelope, at)


def issue_agreed(ws: Workspace, node: Node, at: datetime) -> list[str]:
    """Issue what a round has made joint, each world in its own time; says what was issued."""
    from flows.worlds import issue_everywhere

    with ws.ledger.write() as conn:
        _follow(conn, node, at)
    return [f"issued {one.warning_id} v{one.version}" for one in issue_everywhere(ws) if one.is_new]


JOINT_HANDLERS: dict[str, Handler] = {
    "proposal": take_proposal,
    **dict.fromkeys(("approval", "objection"), take_decision),
    **dict.fromkeys(("issue", "update", "end", "cancel"), take_issued),
}
"""What is done with the words of the other node about joint texts."""


def _follow(conn: Connection, node: Node, at: datetime) -> None:
    """Draw the consequences of what both sides said last."""
    for slot in recent_slots(conn):
        _vote_again(conn, node.party, slot)
        _settle(conn, slot, at)


def _vote_again(conn: Connection, party: str, slot: str) -> None:
    """Vote for a text that the party has signed, where a split round has left only that one."""
    state = state_of(conn, slot)
    if state.phase == "agreed" or state.round == 1 or len(state.votable) != 1 or state.vote_of(party):
        return
    offer = offer_of(conn, state.votable[0])
    rows = [r for r in statements_of(conn, slot) if (r.kind, r.round) == ("vote", state.round - 1)]
    if offer is None or state.vote_of(party) is not None or any(r.digest == OBJECTION for r in rows):
        return
    signed = [s for s in read_signatures(conn, offer.warning_id, offer.version) if s.party == party]
    mine = [s for s in signed if (s.content_digest, s.decision) == (offer.digest, "approve")]
    if not mine:
        return
    try:
        make_vote(conn, offer.digest, mine[-1], max(r.at for r in rows))
    except ReviewError as error:
        log.info("text %s is not voted for again: %s", offer.digest[:16], error)


def _settle(conn: Connection, slot: str, at: datetime) -> str:
    """Draw the consequences of what is known of a slot; a failure undoes only them."""
    try:
        with conn.begin_nested():
            return settled_text(conn, slot, at)
    except SameairError as error:
        log.error("what was agreed in %s cannot be followed: %s", slot, error)
        return str(error)
    except UNFORESEEN as error:
        log.exception("what was agreed in %s cannot be followed", slot)
        return f"what was agreed cannot be followed ({type(error).__name__})"


def _with_outcome(conn: Connection, said: str, envelope: Envelope, at: datetime) -> str:
    outcome = _settle(conn, str(envelope.body["slot"]), at)
    return f"{said}; {outcome}" if outcome else said


def _own_signature(conn: Connection, party: str, row: VersionRow, decision: str) -> SignatureRow:
    signed = read_signatures(conn, row.warning_id, row.version)
    wanted = (party, row.content_digest, decision)
    return [s for s in signed if (s.party, s.content_digest, s.decision) == wanted][-1]


def _message(peer: str, seq: int, row: StatementRow) -> Message:
    """Return a statement as a message; each is said once."""
    import json

    body = json.loads(row.body)
    kind = {"offer": "proposal", "vote": "approval"}.get(row.kind, "")
    if row.kind == "vote" and row.digest == OBJECTION:
        kind = "objection"
    if row.kind == "issued":
        kind = ISSUE_KIND[body["kind"]]
    return Message(peer, kind, row.world, f"agreement-{seq}", body)
