"""What of the exchange looks like an attack or a rewritten record, as conditions for the operator."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from flows.operator import TELL_FROM
from pipeline.exchange.anchors import anchor_faults
from pipeline.ledger.envelopes import refused_since
from pipeline.ledger.notices import Condition

LOOK_BACK: Final = timedelta(days=2)
"""How far back every round looks; `sameair audit verify --against-peer` looks at everything."""

SUSPECT: Final = ("forged", "forked", "revoked", "stranger", "unknown key")
"""Reasons of refusals that an honest peer and a bad line do not cause."""


def watched(conn: Connection, peers: Iterable[str], at: datetime) -> list[Condition]:
    """Return how the trails fit what was told of them, and what was refused that should not exist."""
    return [*(_trails(conn, peer, at) for peer in peers), _refusals(conn, at)]


def _trails(conn: Connection, peer: str, at: datetime) -> Condition:
    """Return whether our trail and the peer's fit what both told each other lately."""
    subject = f"exchange {peer} record"
    faults = anchor_faults(conn, peer, at - LOOK_BACK)
    if not faults:
        return Condition(subject, "fits", 0, f"{subject}: audit trails fit what was told of them")
    text = f"{subject}: {faults[0]}; `sameair audit verify --against-peer` shows all"
    return Condition(subject, "differs", TELL_FROM + 1, text)


def _refusals(conn: Connection, at: datetime) -> Condition:
    """Return what was refused in the last days; told again when the number has doubled."""
    subject = "exchange refusals"
    counts = Counter(reason for reason in refused_since(conn, at - LOOK_BACK) if reason in SUSPECT)
    if not counts:
        return Condition(subject, "none", 0, f"{subject}: nothing suspect was refused in two days")
    said = ", ".join(f"{number} {reason}" for reason, number in sorted(counts.items()))
    text = f"{subject}: {said} in two days; telephone the other side, compare `sameair keys list`"
    return Condition(subject, "suspect", TELL_FROM + int(math.log2(counts.total())), text)
