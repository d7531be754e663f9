"""What a node of the demonstration holds and did, as plain data that another process can compare."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from sqlalchemy import Connection

from alerts.joint import state_of
from alerts.signoff import verify_signatures
from flows.node import Node, node_of
from flows.recipients import recipients_of
from flows.signing import trusted
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.canonical import digest
from pipeline.exchange.envelope import unseal
from pipeline.exchange.heard import KINDS
from pipeline.ledger.agreement import offer_of, recent_slots, statements_of
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.envelopes import last_handled, list_received, read_sent, received_at
from pipeline.ledger.warnings import VersionRow, list_versions, read_signatures
from pipeline.times import iso

Plain = dict[str, Any]
MOST: Final = 1_000_000


def node_state(ws: Workspace) -> Plain:
    """Return messages of both directions, what was agreed, warnings and signatures, and who was mailed.

    ``messages`` are those that this node wrote or handled, without receipts and heartbeats; ``said`` is one
    digest of them all, ``derived`` one of what follows from them.
    """
    node = node_of(ws)
    if node is None:
        raise UsageError("only a node of one party has something to compare")
    keys = trusted(ws)
    with ws.ledger.read() as conn:
        messages = [*_written(conn, node), *_handled(conn, node)]
        slots = sorted(recent_slots(conn))
        texts = sorted(
            (r.party, r.slot, r.round, r.kind, r.digest, r.warning_id, r.version)
            for slot in slots
            for r in statements_of(conn, slot)
        )
        agreed = [[slot, *_outcome(conn, slot)] for slot in slots]
        warnings = [_warning(conn, row, keys) for row in list_versions(conn)]
    told = [m for m in messages if m["kind"] not in KINDS]
    return {
        "party": node.party,
        "messages": told,
        "statements": len(messages) - len(told),
        "said": digest(sorted([m["sender"], m["number"], m["digest"]] for m in told)),
        "derived": digest([texts, agreed]),
        "agreed": agreed,
        "warnings": warnings,
        "mails": _mails(ws),
    }


def _outcome(conn: Connection, slot: str) -> list[Any]:
    state = state_of(conn, slot)
    return [state.round, state.phase, state.agreed]


def _written(conn: Connection, node: Node) -> list[Plain]:
    """Return what this node wrote to each peer."""
    return [
        _message(node.party, row.sequence, row.digest, row.kind, iso(row.at))
        for peer in node.peers
        for row in read_sent(conn, peer, limit=MOST)
    ]


def _handled(conn: Connection, node: Node) -> list[Plain]:
    """Return what this node handled of each peer."""
    found = []
    for peer in node.peers:
        last = last_handled(conn, peer)
        for number, _ in list_received(conn, peer):
            row = received_at(conn, peer, number)
            if row is not None and last is not None and number <= last.sequence:
                envelope = unseal(row.packed, node.receiver.key_of)
                found.append(_message(peer, number, row.digest, row.kind, envelope.created_at))
    return found


def _message(sender: str, number: int, digest: str, kind: str, at: str) -> Plain:
    return {"sender": sender, "number": number, "digest": digest, "kind": kind, "at": at}


def _warning(conn: Connection, row: VersionRow, keys: Any) -> Plain:
    """Return a version with who signed its text, each signature checked with the party's public key."""
    report = verify_signatures(conn, row.warning_id, row.version, keys)
    signed = [
        [s.party, s.person, iso(s.at), s.decision]
        for s in read_signatures(conn, row.warning_id, row.version)
        if s.content_digest == row.content_digest
    ]
    return {
        "warning": row.warning_id,
        "version": row.version,
        "product": row.content["product"],
        "kind": row.content["kind"],
        "level": row.content["level"],
        "parties": list(row.content["parties"]),
        "cities": [c["city"] for c in row.content["cities"]],
        "cycle": row.content["issue_time"],
        "decide by": iso(row.review_deadline),
        "state": row.state,
        "digest": row.content_digest,
        "signed": signed,
        "complete": report.ok,
        "offers": _offers(conn, row),
    }


def _offers(conn: Connection, row: VersionRow) -> list[list[str]]:
    """Return the texts that were offered in the place of a joint version: by whom, and their digest."""
    offer = offer_of(conn, row.content_digest)
    rows = [] if offer is None else statements_of(conn, offer.slot)
    return [[r.party, r.digest] for r in rows if r.kind == "offer"]


def _mails(ws: Workspace) -> Plain:
    """Return to whom which version went, of which party each recipient is, and what left more than once."""
    with ws.ledger.read() as conn:
        rows = read_outbox(conn)
    party_of = {r.id: r.party for r in recipients_of(ws, ws.clock())}
    files = [path.name for path in sorted(ws.settings.outbox_dir.glob("*.eml"))]
    counts = Counter((r.warning_id, r.version, r.recipient, r.purpose, r.number) for r in rows)
    return {
        "sent": [
            [r.warning_id, r.version, r.recipient, party_of.get(r.recipient, ""), r.purpose]
            for r in rows
            if r.state == "sent"
        ],
        "unsent": [r.id for r in rows if r.state != "sent"],
        "files": len(files),
        "twice": sorted("|".join(map(str, key)) for key, count in counts.items() if count > 1),
    }
