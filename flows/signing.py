"""Step 6: the parties' decisions; in a drill both parties' keys sign, and say that nobody decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.content import WarningContent
from alerts.signoff import DRILL_PERSON, Signer, approve
from alerts.versions import required_parties
from flows.assess import policy_of
from flows.joint import decide_jointly
from flows.node import keyring_of, node_of, own_key
from flows.workspace import Workspace
from pipeline.exchange.keyring import Keyring
from pipeline.ledger.warnings import VersionRow, list_versions
from pipeline.times import iso, parse_instant

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
        return [row for row in list_versions(conn, world) if row.state in OPEN]


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
    """Approve drafts for all their parties, or that of this node, as a drill; refused for anything Actual."""
    node = node_of(ws)
    with ws.ledger.write() as conn:
        for row in drafts:
            for party in required_parties(WarningContent.from_dict(row.content)):
                if node is not None and party != node.party:
                    continue
                who = signer(ws, party, DRILL_PERSON, drill=True)
                approve(conn, row.warning_id, row.version, who, at)
                if node is not None:
                    decide_jointly(conn, node, row, "approve", at)


def is_live(content: WarningContent) -> bool:
    """Tell whether a warning is of the present: Actual, or the Test of a policy not yet agreed."""
    return not content.simulated and content.cap_status in ("Actual", "Test")


def world_time(content: WarningContent, now: datetime) -> datetime:
    """Return the present of a warning's world: the clock for live ones, else the instant of its snapshot.

    An exercise plays in its own time: a replay of 2019 is decided, issued and delivered in 2019.
    """
    return now if is_live(content) else parse_instant(content.as_of)
