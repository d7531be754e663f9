"""What a node says of the other's chain: how far it is whole here, what is missing, what could not be taken.

Receipts and heartbeats carry the same body. What was last said, to us or by us, is read from the envelopes
themselves; nothing is kept beside them.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.errors import ContractError
from pipeline.exchange.arrivals import gaps
from pipeline.exchange.bodies import check_body
from pipeline.exchange.canonical import digest
from pipeline.exchange.envelope import FIRST_PREVIOUS
from pipeline.exchange.post import Message
from pipeline.ledger.envelopes import (
    kinds_handled,
    last_handled,
    last_sent,
    newest_received,
    newest_received_of,
    newest_sent_of,
    read_refused,
    received_at,
    sent_at,
)
from pipeline.times import HOUR

KINDS: Final = ("receipt", "heartbeat")
NODE_WORLD: Final = "node"
"""What stands for the world in messages that concern the nodes and no world."""
MOST: Final = 50
SILENT_FOR: Final = HOUR
"""After this long without a statement a node says that it is there."""


@dataclass(frozen=True)
class Heard:
    """What a peer last said of our chain."""

    handled: int = 0
    handled_digest: str = FIRST_PREVIOUS
    newest: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    refused: tuple[str, ...] = ()
    at: datetime | None = None


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


def heard(conn: Connection, peer: str) -> Heard:
    """Return what a peer last said of our chain, handled here or not."""
    row = newest_received_of(conn, peer, KINDS)
    if row is None:
        return Heard()
    body = _body(row.packed)
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
    own = before.sequence if before else 0
    if own < max(said.handled, said.newest):
        return f"{peer} holds {max(said.handled, said.newest)} envelopes of ours, this ledger only {own}"
    row = sent_at(conn, peer, said.handled) if said.handled else None
    if row is not None and row.digest != said.handled_digest:
        return f"{peer} holds another envelope {said.handled} of ours than this ledger"
    return ""


def statement(conn: Connection, own: str, peer: str) -> dict[str, Any]:
    """Return what we say of a peer's chain."""
    before = last_handled(conn, peer)
    return {
        "handled": before.sequence if before else 0,
        "handled_digest": before.digest if before else FIRST_PREVIOUS,
        "newest": newest_received(conn, peer),
        "missing": [[first, last] for first, last in gaps(conn, peer)[:MOST]],
        "refused": _refused(conn, own, peer),
    }


def due_statement(conn: Connection, own: str, peer: str, at: datetime) -> Message | None:
    """Return the statement that is due to a peer: a receipt after news, a heartbeat after an hour's silence.

    A statement that only says how far statements were read is no news: two nodes would answer each other
    without end.
    """
    body = statement(conn, own, peer)
    last = newest_sent_of(conn, peer, KINDS)
    if last is None or at - last.at >= SILENT_FOR:
        number = last.sequence if last else 0
        return Message(peer, "heartbeat", NODE_WORLD, f"heartbeat|{number}", body)
    said = _body(last.packed)
    if not _is_news(conn, peer, body, said):
        return None
    return Message(peer, "receipt", NODE_WORLD, f"receipt|{last.sequence}|{digest(body)[:16]}", body)


def _is_news(conn: Connection, peer: str, body: dict[str, Any], said: dict[str, Any]) -> bool:
    """Tell whether something but statements was handled, or other envelopes are missing or refused."""
    if (body["missing"], body["refused"]) != (said["missing"], said["refused"]):
        return True
    return bool(set(kinds_handled(conn, peer, said["handled"])) - set(KINDS))


def _refused(conn: Connection, own: str, peer: str) -> list[str]:
    """Return the names of a peer's files that could not be taken and of which no good copy came since."""
    names: dict[str, None] = {}
    for row in read_refused(conn, limit=4 * MOST):
        found = parse_name(row.name, peer, own)
        if found is not None and received_at(conn, peer, found[0]) is None:
            names[row.name] = None
    return sorted(names)[:MOST]


def _body(packed: bytes) -> dict[str, Any]:
    """Return the body of an envelope that was checked before it was kept."""
    body: dict[str, Any] = json.loads(gzip.decompress(packed))["body"]
    return body


def spans(numbers: Sequence[tuple[int, int]]) -> str:
    """Return spans of numbers in words.

    >>> spans([(3, 5), (8, 8)])
    '3-5, 8'
    """
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in numbers)
