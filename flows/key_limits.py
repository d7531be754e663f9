"""From when on, and up to which envelope, a revoked key counts: as a person said, or by the ledger."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from flows.node import Node, node_of
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.keyring import PartyKey
from pipeline.exchange.statements import spans
from pipeline.ledger.envelopes import ReceivedRow, read_received, received_at, sent_at
from pipeline.times import iso

Plain = dict[str, Any]

LOOKED_AT: Final = 2000
"""How many of a party's last envelopes are looked through."""


def revocation_limits(
    ws: Workspace, key: PartyKey, since: datetime | None, after: int | None
) -> tuple[datetime, int, Plain]:
    """Return the instant and the number up to which a key counts, and what a person should look at.

    ``after`` alone sets the instant to that of its envelope. Of another party's key the number is by default
    that of the last envelope held here that was signed with it before the instant, so that what is under way
    unseen is refused.

    Raises UsageError where there is no such envelope to take the instant from.
    """
    node = node_of(ws)
    with ws.ledger.read() as conn:
        if since is None and after is not None:
            since = _instant_of(conn, node, key, after)
        at = (since or ws.clock()).replace(microsecond=0)
        if node is None or key.party == node.party:
            return at, 0, {}
        rows = [row for row in read_received(conn, key.party, LOOKED_AT) if _key_of(row) == key.id]
    held = max((row.sequence for row in rows if row.created_at <= at), default=0)
    last = held if after is None else after
    return at, last, {"up to envelope": last} | _doubts(rows, at, last)


def _instant_of(conn: Connection, node: Node | None, key: PartyKey, number: int) -> datetime:
    """Return when an envelope was written that a person names as the last one to be trusted."""
    if node is None:
        raise UsageError("--after names an envelope; one node serves both parties here, so give --since")
    if key.party == node.party:
        sent = sent_at(conn, node.peers[0], number)
        if sent is not None:
            return sent.at
    else:
        received = received_at(conn, key.party, number)
        if received is not None:
            return received.created_at
    raise UsageError(f"envelope {number} of {key.party} is not held here; give --since as well")


def _doubts(rows: list[ReceivedRow], at: datetime, last: int) -> Plain:
    """Return what was taken under the key though it is dated later, numbered higher, or came later than that.

    What is dated earlier and came later may have been dated back by a thief: the instants of receipt show it.
    """
    later = sorted(r.sequence for r in rows if r.created_at > at or r.sequence > last)
    late = sorted(r.sequence for r in rows if r.sequence not in later and r.received_at > at)
    found: Plain = {}
    if later:
        found["no longer counts"] = f"{spans([(n, n) for n in later])} (decisions in them: sign again)"
    if late:
        found["look at"] = f"{spans([(n, n) for n in late])}: dated before {iso(at)}, but came after it"
    return found


def _key_of(row: ReceivedRow) -> str:
    return str(json.loads(gzip.decompress(row.packed))["key"])
