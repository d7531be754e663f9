"""The keys that a node knows, as people read them."""

from __future__ import annotations

from typing import Any

from flows.node import keyring_of, parties, private_of
from flows.workspace import Workspace
from pipeline.errors import StorageError
from pipeline.exchange.keyring import PartyKey, fingerprint
from pipeline.times import iso

Plain = dict[str, Any]


def listed_keys(ws: Workspace) -> list[Plain]:
    """Return every public key that this node knows, and whether it holds the private half."""
    ring, now = keyring_of(ws, whole=False), ws.clock()
    rows = []
    for party in parties():
        for key in ring.of(party):
            fault = ring.fault(key, now)
            rows.append(
                {
                    "party": party,
                    "key": fingerprint(key.public),
                    "from": iso(key.valid_from) if key.valid_from else "",
                    "to": iso(key.valid_to) if key.valid_to else "",
                    "state": fault or "valid",
                    "private": _held(ws, key),
                    "public": key.public,
                }
            )
    return rows


def _held(ws: Workspace, key: PartyKey) -> str:
    """Return whether the private half lies here: held, locked without its password, or nothing."""
    if ws.settings.party not in ("", key.party):
        return ""
    try:
        return "held" if private_of(ws, key) else ""
    except StorageError:
        return "locked"
