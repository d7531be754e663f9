"""What a node says of the other's chain: how far it is whole here, what is missing, what could not be taken.

Receipts and heartbeats carry the same body; ``heard.py`` reads what the other said of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.exchange.anchors import claims
from pipeline.exchange.arrivals import gaps
from pipeline.exchange.canonical import digest
from pipeline.exchange.envelope import FIRST_PREVIOUS
from pipeline.exchange.heard import KINDS, body_of, parse_name
from pipeline.exchange.post import Message
from pipeline.ledger.envelopes import (
    kinds_handled,
    last_handled,
    newest_received,
    newest_sent_of,
    read_refused,
    received_at,
)
from pipeline.times import HOUR

NODE_WORLD: Final = "node"
"""What stands for the world in messages that concern the nodes and no world."""
MOST: Final = 50
SILENT_FOR: Final = HOUR
"""After this long without a statement a node says that it is there."""


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
        return Message(peer, "heartbeat", NODE_WORLD, f"heartbeat|{number}", body | claims(conn, peer))
    said = body_of(last.packed)
    if not _is_news(conn, peer, body, said):
        return None
    occasion = f"receipt|{last.sequence}|{digest(body)[:16]}"
    return Message(peer, "receipt", NODE_WORLD, occasion, body | claims(conn, peer))


def _is_news(conn: Connection, peer: str, body: dict[str, Any], said: dict[str, Any]) -> bool:
    """Tell whether something but statements was handled, or other envelopes are missing or refused.

    Having handled less than was said is news, too: this ledger was restored from a backup.
    """
    if (body["missing"], body["refused"]) != (said["missing"], said["refused"]):
        return True
    if body["handled"] < said["handled"]:
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


def spans(numbers: Sequence[tuple[int, int]]) -> str:
    """Return spans of numbers in words.

    >>> spans([(3, 5), (8, 8)])
    '3-5, 8'
    """
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in numbers)
