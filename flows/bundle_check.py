"""Whether a received bundle may be believed: its signature, its digests, and what came by envelope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.bundle_read import Received, read_bundle
from flows.node import keyring_of
from flows.workspace import Workspace
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.bundle import Bundle, open_bundle
from pipeline.exchange.envelope import KeyOf
from pipeline.exchange.heard import body_of
from pipeline.exchange.keyring import Keyring
from pipeline.ledger.envelopes import received_of_kind
from pipeline.times import iso


@dataclass(frozen=True)
class Checked:
    """A bundle that is what its party signed; ``card`` says whether its model card came by envelope, too."""

    bundle: Bundle
    received: Received
    card: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        b, definition = self.bundle, self.received.definition
        return {
            "party": b.party,
            "key": b.key,
            "created_at": b.created_at,
            "world": b.world,
            "model": b.model,
            "redistribution": b.redistribution,
            "files": {name: len(content) for name, content in sorted(b.files.items())},
            "quantity": definition["quantity"],
            "cities": definition["cities"],
            "issues": len(definition["issues"]),
            "first_issue": min(definition["issues"]),
            "last_issue": max(definition["issues"]),
            "training": definition["training"],
            "card": self.card,
        }


def check_bundle(ws: Workspace, path: Path) -> Checked:
    """Return what a bundle holds after every check.

    Raises
    ------
    BundleRefused
        it is not what its party signed, not safe to read, or its content is not of the known form
    UsageError
        this node holds no key of a party
    """
    bundle = open_bundle(path, _believed(keyring_of(ws), ws.clock()))
    return Checked(bundle, read_bundle(bundle), _card(ws, bundle))


def _believed(ring: Keyring, now: datetime) -> KeyOf:
    """Return whose keys count for bundles: of a revoked one nothing, as a thief can write any date."""

    def key_of(party: str, key: str, at: datetime) -> str:
        if at > now + ring.skew:
            ahead = timedelta(seconds=round((at - now).total_seconds()))
            raise EnvelopeRefused("future", f"it is dated {ahead} ahead of our clock")
        found = next((k for k in ring.of(party) if k.id == key), None)
        if found is not None and found.revoked_at is not None:
            raise EnvelopeRefused(
                "revoked", f"key {key} was revoked at {iso(found.revoked_at)}; ask for a bundle signed anew"
            )
        return ring.key_of(party, key, at)

    return key_of


def _card(ws: Workspace, bundle: Bundle) -> str:
    """Say whether the card in the bundle is one that its party also sent by envelope."""
    if bundle.party == ws.settings.party:
        return "the bundle is our own"
    with ws.ledger.read() as conn:
        rows = received_of_kind(conn, bundle.party, "model_card")
    cards = [(row, body_of(row.packed)) for row in rows]
    mine = [(row, body) for row, body in cards if body["model"] == bundle.model]
    if not mine:
        return "no card of this model came by envelope"
    text = bundle.files["model_card.md"].decode()
    same = [row for row, body in mine if body["card"] == text]
    if same:
        return f"the same card came as envelope {same[-1].sequence} at {iso(same[-1].received_at)}"
    return f"envelope {mine[-1][0].sequence} brought another text of this card"
