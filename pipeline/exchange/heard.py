"""What a peer last said of our chain, and whether it still is the chain that we go on with.

It is read from the peer's receipts and heartbeats themselves; nothing is kept beside them.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.errors import ContractError
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import FIRST_PREVIOUS
from pipeline.ledger.audit import append_audit, rows_about
from pipeline.ledger.envelopes import last_sent, newest_received_of, sent_at

KINDS: Final = ("receipt", "heartbeat")
"""Kinds that carry a statement of how far the other's chain is whole."""

UNPROVEN: Final = "exchange.unproven"


def parcel_name(sender: str, recipient: str, sequence: int, envelope_digest: str) -> str:
    """Return the file name under which an envelope travels.

    >>> parcel_name("seoul", "beijing", 7, "ab" * 32)
    'seoul-beijing-0000000007-abababababababab.json.gz'
    """
    return f"{sender}-{recipient}-{sequence:010d}-{envelope_digest[:16]}.json.gz"


def parse_name(name: str, sender: str, recipient: str) -> tuple[int, str] | None:
    """Return the number and the first 16 digits of the digest that a file name tells; None for another's.

    >>> parse_name("seoul-beijing-0000000007-abababababababab.json.gz", "seoul", "beijing")
    (7, 'abababababababab')
    >>> parse_name("seoul-beijing-0000000007-abababababababab.json.gz.part", "seoul", "beijing")
    """
    found = re.fullmatch(
        rf"{re.escape(sender)}-{re.escape(recipient)}-(\d{{10}})-([0-9a-f]{{16}})\.json\.gz", name
    )
    return (int(found[1]), found[2]) if found else None


@dataclass(frozen=True)
class Heard:
    """What a peer last said of our chain."""

    handled: int = 0
    handled_digest: str = FIRST_PREVIOUS
    newest: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    refused: tuple[str, ...] = ()
    at: datetime | None = None


def heard(conn: Connection, peer: str) -> Heard:
    """Return what a peer last said of our chain, handled here or not."""
    row = newest_received_of(conn, peer, KINDS)
    if row is None:
        return Heard()
    body = body_of(row.packed)
    try:
        check_body(row.kind, body)
    except ContractError:
        return Heard(at=row.received_at)
    return Heard(
        handled=body["handled"],
        handled_digest=body["handled_digest"],
        newest=body["newest"],
        missing=tuple((first, last) for first, last in body["missing"]),
        refused=tuple(body["refused"]),
        at=row.received_at,
    )


def chain_fault(conn: Connection, peer: str) -> str:
    """Return why nothing more may be said to a peer: it holds more of our chain, or another, than we do.

    That is so after our ledger was restored from an old backup: a new envelope would bear a number that one
    of ours bears already, and the peer would find two.
    """
    said = heard(conn, peer)
    before = last_sent(conn, peer)
    own, claimed = before.sequence if before else 0, max(said.handled, said.newest)
    if own < claimed and claimed > _unproven(conn, peer):
        return f"{peer} says it holds {claimed} envelopes of ours, this ledger only {own}"
    row = sent_at(conn, peer, said.handled) if said.handled else None
    if row is not None and row.digest != said.handled_digest and said.handled > _unproven(conn, peer):
        return f"{peer} holds another envelope {said.handled} of ours than this ledger"
    return ""


def note_unproven(conn: Connection, peer: str, person: str, at: datetime) -> None:
    """Write down that a peer claims more of our chain than anybody can show, so that it stops us no more."""
    said = heard(conn, peer)
    payload = {"claimed": max(said.handled, said.newest)}
    append_audit(conn, at=at, actor=person, action=UNPROVEN, subject=peer, payload=payload)


def _unproven(conn: Connection, peer: str) -> int:
    """Return up to which number a person found that a peer cannot show what it claims."""
    return max((int(row["payload"]["claimed"]) for row in rows_about(conn, peer, UNPROVEN)), default=0)


def body_of(packed: bytes) -> dict[str, Any]:
    """Return the body of an envelope that was checked before it was kept, or that we wrote."""
    body: dict[str, Any] = json.loads(gzip.decompress(packed))["body"]
    return body
