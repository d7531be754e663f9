"""Joint sign-off of two nodes: what this one says of joint texts, and what it does with the other's words."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.joint import LAST_WORDS, make_offer, make_vote, offers_due, state_of
from alerts.joint_adopt import settled_text
from alerts.joint_take import take_offer, take_vote
from flows.node import Node
from flows.workspace import Workspace
from pipeline.errors import EnvelopeRefused, ReviewError, SameairError
from pipeline.exchange.arrivals import Handler
from pipeline.exchange.bodies import check_body
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.post import Message, post
from pipeline.ledger.agreement import (
    StatementRow,
    insert_statement,
    issued_unsaid,
    offer_of,
    recent_slots,
    statements_of,
    unsent,
)
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import SignatureRow, VersionRow, read_signatures, read_version
from pipeline.times import iso, parse_instant

log = logging.getLogger(__name__)

_ISSUE_KIND = {"alert": "issue", "update": "update", "all_clear": "end", "cancel": "cancel"}


def agreement_poster(conn: Connection, node: Node, at: datetime) -> list[Message]:
    """Return what there is to say of joint texts: offers, votes, and what was issued here.

    Drafts that nobody has offered are offered; where a round has left only a text that the own party has
    signed, it is voted for again with that signature. What was written down and not said is said.
    """
    for row in offers_due(conn, node.party):
        make_offer(conn, node.party, row)
    _follow(conn, node, at)
    for warning_id, version, issued in issued_unsaid(conn):
        _tell_issued(conn, node.party, read_version(conn, warning_id, version), issued)
    return [_message(peer, seq, row) for peer in node.peers for seq, row in unsent(conn, peer)]


def decide_jointly(conn: Connection, node: Node, row: VersionRow, decision: str, at: datetime) -> str:
    """Give the own party's vote as it was just signed, and put it into the chain in the same transaction.

    Returns what it led to, nothing where the version is not for two nodes to decide.

    Raises
    ------
    ReviewError
        the party has voted in this round already, or the text cannot be voted on
    """
    if row.content["product"] != "joint_warning" or node.party not in row.content["parties"]:
        return ""
    if offer_of(conn, row.content_digest) is None and make_offer(conn, node.party, row) is None:
        raise ReviewError("no new text can be offered in this round; see `sameair warnings show`")
    make_vote(conn, row, _own_signature(conn, node.party, row, decision))
    offer = offer_of(conn, row.content_digest)
    said = "" if offer is None else settled_text(conn, offer.slot, at)
    for peer in node.peers:
        for seq, told in unsent(conn, peer):
            message = _message(peer, seq, told)
            check_body(message.kind, message.body)
            post(conn, node.sender, message, at)
    return said


def joint_lines(conn: Connection, row: VersionRow) -> list[str]:
    """Return in words whose text a joint version bears, which others are offered, and who voted how."""
    offer = offer_of(conn, row.content_digest)
    if offer is None:
        return []
    state, rows = state_of(conn, offer.slot), statements_of(conn, offer.slot)
    lines = [f"round {state.round}, {state.phase}"]
    for text in dict.fromkeys(r.digest for r in rows if r.kind == "offer"):
        by = sorted({r.party for r in rows if r.kind == "offer" and r.digest == text})
        marks = [
            *(["shown here"] if text == row.content_digest else []),
            *(["agreed"] if text == state.agreed else []),
        ]
        lines.append(f"text {text[:16]} offered by {' and '.join(by)} {', '.join(marks)}".strip())
    votes = [r for r in rows if r.kind == "vote"]
    return [
        *lines,
        *(f"round {r.round}: {r.party} {_vote_words(r)} at {iso(r.at)}" for r in votes),
        *state.faults,
    ]


def text_of(conn: Connection, row: VersionRow) -> str:
    """Return whose text a joint version bears, and how many others wait beside it."""
    offer = offer_of(conn, row.content_digest)
    if offer is None:
        return ""
    offers = [r for r in statements_of(conn, offer.slot) if r.kind == "offer"]
    by = sorted({r.party for r in offers if r.digest == row.content_digest})
    others = {r.digest for r in offers} - {row.content_digest}
    return " and ".join(by) + (f"; {len(others)} more" if others else "")


def text_named(conn: Connection, row: VersionRow, beginning: str) -> str:
    """Return the digest of the one text of a version's slot that begins so; raises ReviewError."""
    offer = offer_of(conn, row.content_digest)
    rows = [] if offer is None else statements_of(conn, offer.slot)
    found = {r.digest for r in rows if r.kind == "offer" and beginning and r.digest.startswith(beginning)}
    if len(found) != 1:
        raise ReviewError(f"--text {beginning} names {len(found)} offered texts; see `sameair warnings show`")
    return found.pop()


def take_proposal(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle the other party's offer of a text."""
    said = take_offer(conn, envelope.sender, envelope.recipient, envelope.world, envelope.body)
    return _with_outcome(conn, said, envelope, at)


def take_decision(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle the other party's approval or objection."""
    if (envelope.kind == "objection") != (envelope.body["digest"] == OBJECTION):
        raise EnvelopeRefused("unfit", f"no {envelope.kind}")
    said = take_vote(conn, envelope.sender, envelope.key, envelope.body)
    return _with_outcome(conn, said, envelope, at)


def take_issued(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Keep what the other party issued to its own recipients."""
    body = envelope.body
    row = _issued_row(envelope.sender, body, envelope.world, own=False)
    insert_statement(conn, row)
    return f"{envelope.sender} issued {body['product']} {body['warning_id']} v{body['version']}"


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
    version = read_version_or_none(conn, offer)
    signed = [s for s in read_signatures(conn, offer.warning_id, offer.version) if s.party == party]
    mine = [s for s in signed if (s.content_digest, s.decision) == (offer.digest, "approve")]
    if mine and version is not None:
        make_vote(conn, version, mine[-1], max(r.at for r in rows))


def read_version_or_none(conn: Connection, offer: StatementRow) -> VersionRow | None:
    """Return the version that bears an offered text now, None where another text stands there."""
    try:
        row = read_version(conn, offer.warning_id, offer.version)
    except ReviewError:
        return None
    return row if row.content_digest == offer.digest else None


def _settle(conn: Connection, slot: str, at: datetime) -> str:
    """Draw the consequences of what is known of a slot; a failure undoes only them."""
    try:
        with conn.begin_nested():
            return settled_text(conn, slot, at)
    except SameairError as error:
        log.error("what was agreed in %s cannot be followed: %s", slot, error)
        return str(error)


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
        kind = _ISSUE_KIND[body["kind"]]
    return Message(peer, kind, row.world, f"agreement-{seq}", body)


def _tell_issued(conn: Connection, party: str, row: VersionRow, at: datetime) -> None:
    """Write down that a version was issued here, to be told to the other party."""
    content = row.content
    body: dict[str, Any] = {
        "warning_id": row.warning_id,
        "version": row.version,
        "product": content["product"],
        "kind": content["kind"],
        "level": content["level"],
        "status": content["cap_status"],
        "digest": row.content_digest,
        "cities": sorted(c["city"] for c in content["cities"]),
        "onset": content["onset"],
        "expires": content["expires"],
        "at": iso(at),
    }
    if insert_statement(conn, _issued_row(party, body, content["world"], own=True)):
        append_audit(
            conn,
            at=at,
            actor=party,
            action="joint.issued_told",
            subject=row.warning_id,
            payload={
                "version": row.version,
                "digest": row.content_digest,
                "last": content["kind"] in LAST_WORDS,
            },
        )


def _issued_row(party: str, body: dict[str, Any], world: str, *, own: bool) -> StatementRow:
    """Return the statement that a version was issued."""
    return StatementRow(
        party=party,
        own=own,
        slot=f"{world}|issued|{body['warning_id']}|{body['version']}",
        world=world,
        round=1,
        kind="issued",
        digest=str(body["digest"]),
        warning_id=str(body["warning_id"]),
        version=int(body["version"]),
        at=parse_instant(str(body["at"])),
        body=canonical_json(body).decode(),
    )


def _vote_words(row: StatementRow) -> str:
    return "objected" if row.digest == OBJECTION else f"approved {row.digest[:16]}"
