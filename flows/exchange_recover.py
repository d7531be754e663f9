"""After a ledger was restored from a backup: our own chain is fetched back and what it said is honoured.

The peer keeps every envelope of ours as we signed it; folders keep those that it has not handled. Only what
follows the end of our chain without a gap is entered, so that the chain goes on where it really ended.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from flows.exchange_links import links_of
from flows.exchange_notes import note_sent, noted_sent, one_at_a_time
from flows.exchange_parts import HANDLERS
from flows.exchange_restore import restored_occasion
from flows.node import Node, node_of
from flows.workspace import Workspace
from pipeline.errors import SameairError, SourceError, UsageError
from pipeline.exchange.arrivals import Parcel
from pipeline.exchange.envelope import MAXIMUM_PACKED, unseal
from pipeline.exchange.heard import chain_fault, heard, note_unproven, parcel_name
from pipeline.exchange.recovery import Returned, continuation
from pipeline.exchange.statements import spans
from pipeline.files import write_atomic
from pipeline.ledger.audit import append_audit
from pipeline.ledger.envelopes import (
    SentRow,
    insert_sent,
    last_sent,
    list_received,
    received_at,
    received_with_outcome,
)
from pipeline.times import parse_instant

Plain = dict[str, Any]
log = logging.getLogger(__name__)

SUFFIX: Final = ".json.gz"


def recover_chain(
    ws: Workspace, peer: str, person: str, folder: Path | None = None, *, nothing_under_way: bool = False
) -> Plain:
    """Fetch back what we sent a peer and this ledger does not know; enter it, and say what came of it.

    Parameters
    ----------
    folder : where the peer's operator has put our envelopes (``hand_back``), besides every way to the peer
    nothing_under_way : what is then still missing reached nobody, says a person: the chain goes on without it

    Raises
    ------
    UsageError
        no such peer, or no such folder
    StorageError
        two different envelopes of ours bear one number
    """
    node = _node(ws, peer)
    with one_at_a_time(ws):
        with ws.ledger.read() as conn:
            before, said = last_sent(conn, peer), heard(conn, peer)
        after = min(before.sequence if before else 0, max(said.handled - 1, 0))
        parcels, trouble = _fetched(ws, node, peer, after, folder)
        with ws.ledger.write() as conn:
            found = continuation(conn, node.ring, (node.party, peer), parcels)
            for one in found:
                _enter(conn, one, ws.clock())
            heard_anew = _handle_again(conn, node, peer, ws.clock())
            told = _outcome(conn, ws, peer, found)
            is_whole = not told["missing"] and not told["fault"]
            if not is_whole and nothing_under_way:
                note_unproven(conn, peer, person, ws.clock())
            append_audit(
                conn, at=ws.clock(), actor=person, action="exchange.recovered", subject=peer, payload=told
            )
        goes_on = is_whole or nothing_under_way
        if goes_on:
            note_sent(ws, peer, told["chain ends at"])
    rest = {"heard anew": heard_anew, "goes on": goes_on, "trouble": trouble}
    return {**told, "next": _next(told, peer, goes_on=goes_on), **rest}


def hand_back(ws: Workspace, peer: str, out: Path) -> Plain:
    """Write what came from a peer into a folder, for its operator: it has lost its own copies."""
    node = _node(ws, peer)
    out.mkdir(parents=True, exist_ok=True)
    with ws.ledger.read() as conn:
        rows = list_received(conn, peer)
        for number, digest in rows:
            row = received_at(conn, peer, number)
            if row is not None:
                write_atomic(out / parcel_name(peer, node.party, number, digest), row.packed)
    return {"peer": peer, "envelopes": len(rows), "folder": str(out)}


def _node(ws: Workspace, peer: str) -> Node:
    node = node_of(ws)
    if node is None or peer not in node.peers:
        peers = ", ".join(node.peers) if node else "none; set SAMEAIR_PARTY"
        raise UsageError(f"{peer} is no other party of this node; there are: {peers}")
    return node


def _fetched(
    ws: Workspace, node: Node, peer: str, after: int, folder: Path | None
) -> tuple[list[Parcel], list[str]]:
    """Return our envelopes from wherever they lie, and what could not be asked."""
    parcels, trouble = list(_in_folder(folder)) if folder else [], []
    for way in links_of(ws, node, peer):
        try:
            parcels += way.own_chain(after)
        except SourceError as error:
            trouble.append(str(error))
    return parcels, trouble


def _in_folder(folder: Path) -> Iterator[Parcel]:
    """Yield the envelopes of a folder, whoever's; links are left alone."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the one with the envelopes that the other side wrote")
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAXIMUM_PACKED:
            yield Parcel("folder", path.name, path.read_bytes())


def _enter(conn: Connection, one: Returned, at: datetime) -> None:
    """Put an envelope back into our chain, and what it said back into force."""
    envelope = one.envelope
    row = SentRow(
        recipient=envelope.recipient,
        sequence=envelope.sequence,
        digest=envelope.digest,
        kind=envelope.kind,
        world=envelope.world,
        occasion=restored_occasion(conn, envelope, at),
        at=parse_instant(envelope.created_at),
        packed=one.packed,
    )
    insert_sent(conn, row)


def _handle_again(conn: Connection, node: Node, peer: str, at: datetime) -> list[str]:
    """Handle anew what spoke of words of ours that were lost, now that they are back; says what came of it.

    A vote about a text that only we had offered came before the text was known here again.
    """
    done = []
    for row in received_with_outcome(conn, peer, "unknown"):
        handler = HANDLERS.get(row.kind)
        if handler is None:
            continue
        subject = f"{peer}-{node.party}-{row.sequence}"
        try:
            with conn.begin_nested():
                said = handler(conn, unseal(row.packed, node.receiver.key_of), at)
        except SameairError as error:
            log.info("envelope %s is not handled anew: %s", subject, error)
            continue
        done.append(f"{row.kind} {row.sequence}: {said}")
        told = {"digest": row.digest, "kind": row.kind, "note": said}
        append_audit(conn, at=at, actor=peer, action="envelope.handled_anew", subject=subject, payload=told)
    return done


def _outcome(conn: Connection, ws: Workspace, peer: str, found: tuple[Returned, ...]) -> Plain:
    """Return what was entered, and what is known to be missing still."""
    last, said = last_sent(conn, peer), heard(conn, peer)
    end = last.sequence if last else 0
    known = max(said.handled, said.newest, noted_sent(ws, peer))
    counts = Counter(one.envelope.kind for one in found)
    issued = [one.envelope.body for one in found if one.envelope.kind in ("issue", "update", "end", "cancel")]
    keys = [one.envelope.body["action"] for one in found if one.envelope.kind == "key"]
    return {
        "peer": peer,
        "recovered": len(found),
        "kinds": dict(sorted(counts.items())),
        "issued before the loss": [f"{b['product']} {b['warning_id']} v{b['version']}" for b in issued],
        "keys": keys,
        "chain ends at": end,
        "missing": spans([(end + 1, known)]) if known > end else "",
        "fault": chain_fault(conn, peer),
    }


def _next(told: Plain, peer: str, *, goes_on: bool) -> str:
    """Return in words what a person has to do next."""
    if not goes_on:
        missing = told["missing"]
        what = f"missing: {missing}" if missing else str(told["fault"])
        return (
            f"{what}; let {peer} run `sameair exchange hand-back` and give the folder by --from; if none of "
            "them can be shown by anybody, add --nothing-under-way"
        )
    parts = ["run `sameair exchange sync --once`"]
    if "approval" in told["kinds"]:
        parts.append(
            "approve again what waits and was approved, so that the own city's warning is signed too"
        )
    if told["issued before the loss"]:
        parts.append("tell the forecasters what was issued before the loss: this ledger does not hold it")
    if told["keys"]:
        parts.append("restore the folder of keys too, as keys were changed after the backup")
    return "; ".join(parts)
