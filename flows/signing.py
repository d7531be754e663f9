"""Step 6: the parties' decisions; in a drill both parties' keys sign, and say that nobody decided."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.joint import state_of
from alerts.joint_adopt import adopt_text
from alerts.signoff import DRILL_PERSON, Signer, approve
from alerts.versions import required_parties
from flows.assess import policy_of
from flows.exchange_notes import remember_chain
from flows.joint import decide_jointly
from flows.node import Node, keyring_of, node_of, own_key
from flows.workspace import Workspace
from pipeline.errors import ReviewError
from pipeline.exchange.keyring import Keyring
from pipeline.ledger.agreement import statements_about
from pipeline.ledger.warnings import VersionRow, read_in_state, read_version
from pipeline.times import iso, parse_instant

log = logging.getLogger(__name__)

OPEN = ("draft", "in_review")


def signer(ws: Workspace, party: str, person: str, *, drill: bool = False) -> Signer:
    """Return a person of a party with the party's key; ReviewError where it is another node's to sign."""
    return Signer(party, person, own_key(ws, party), drill)


def trusted(ws: Workspace) -> Keyring:
    """Return the public keys of all parties; a node of all parties makes missing ones."""
    return keyring_of(ws)


def open_drafts(ws: Workspace, world: str) -> list[VersionRow]:
    """Return the versions of a world that wait for a decision."""
    with ws.ledger.read() as conn:
        return sorted(read_in_state(conn, OPEN, world), key=lambda r: (r.at, r.version), reverse=True)


def drafts_of_drill(ws: Workspace, world: str, cycle: datetime) -> list[VersionRow]:
    """Return the drafts that a drill of a cycle approves: proposed by runs, not persons, and as exercises."""
    status = policy_of(ws).drill.cap_status
    return [
        row
        for row in open_drafts(ws, world)
        if (row.content["issue_time"], row.content["cap_status"]) == (iso(cycle), status)
        and row.written_by == "run"
    ]


def approve_drill(ws: Workspace, drafts: Sequence[VersionRow], at: datetime) -> None:
    """Approve drafts for all their parties, or that of this node, as a drill; refused for anything Actual.

    Of two nodes, this one approves the text that the other has approved, where there is one. What it may
    not decide now is logged and left to persons: it holds up neither the other drafts nor the cycle.
    """
    node = node_of(ws)
    if node is not None:
        for row in (r for r in drafts if node.party in r.content["parties"]):
            try:
                _approve_on_node(ws, node, row, at)
            except ReviewError as error:
                log.warning("warning %s is not approved in the drill: %s", row.warning_id, error)
        return
    with ws.ledger.write() as conn:
        for row in drafts:
            for party in required_parties(WarningContent.from_dict(row.content)):
                who = signer(ws, party, DRILL_PERSON, drill=True)
                approve(conn, row.warning_id, row.version, who, at)


def _approve_on_node(ws: Workspace, node: Node, row: VersionRow, at: datetime) -> None:
    """Approve one draft for the node's own party, and tell the other node."""
    with ws.ledger.write() as conn:
        text = _text_of_other(conn, node.party, row)
        if text:
            adopt_text(conn, row, text, at)
        approve(conn, row.warning_id, row.version, signer(ws, node.party, DRILL_PERSON, drill=True), at)
        decide_jointly(conn, node, read_version(conn, row.warning_id, row.version), "approve", at)
    remember_chain(ws, node.sender, node.peers)


def _text_of_other(conn: Connection, party: str, row: VersionRow) -> str:
    """Return the digest of the text of a version that the other party approved, or that alone is left."""
    offers = [r for r in statements_about(conn, row.warning_id, row.version) if r.kind == "offer"]
    for state in (state_of(conn, slot) for slot in dict.fromkeys(r.slot for r in offers)):
        if state.phase == "agreed" or state.vote_of(party) is not None:
            continue
        approved: list[str] = [d for other, d in state.votes if other != party and d in state.votable]
        left = state.votable if state.round > 1 and len(state.votable) == 1 else ()
        if approved or left:
            return str([*approved, *left][0])
    return ""


def is_live(content: WarningContent) -> bool:
    """Tell whether a warning is of the present: Actual, or the Test of a policy not yet agreed."""
    return not content.simulated and content.cap_status in ("Actual", "Test")


def world_time(content: WarningContent, now: datetime) -> datetime:
    """Return the present of a warning's world: the clock for live ones, else the instant of its snapshot.

    An exercise plays in its own time: a replay of 2019 is decided, issued and delivered in 2019.
    """
    return now if is_live(content) else parse_instant(content.as_of)
