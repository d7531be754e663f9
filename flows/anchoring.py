"""The audit trail's head, signed by this node as each version is issued, and printed in its e-mails.

Whoever keeps a mail keeps with it a proof of every decision before: the trail cannot be rewritten so that
the printed head still fits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.node import keyring_of, own_key
from flows.workspace import Workspace
from pipeline.exchange.anchors import Head, own_head
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.keyring import Keyring, read_keyring
from pipeline.exchange.keys import load_or_create_key, public_key_text, sign, verify
from pipeline.ledger.audit import append_audit, rows_about
from pipeline.times import iso

NODE: Final = "node"
"""Whose key signs what a node of all parties keeps for itself."""

ACTION: Final = "audit.sign"


def node_key(ws: Workspace) -> Ed25519PrivateKey:
    """Return the key with which this node signs its own files and trail: its party's, or one of its own."""
    if ws.settings.party:
        return own_key(ws, ws.settings.party)
    return load_or_create_key(ws.settings.keys_dir, NODE, ws.settings.key_secret)


def node_ring(ws: Workspace) -> tuple[str, Keyring]:
    """Return by which name this node signs, and the public keys that count for it."""
    if ws.settings.party:
        return ws.settings.party, keyring_of(ws)
    if not (ws.settings.keys_dir / f"{NODE}.pub").is_file():
        node_key(ws)
    return NODE, read_keyring(ws.settings.keys_dir, [NODE])


def sealed(ws: Workspace, statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement of this node about its own files or trail, with instant, key and signature."""
    key = node_key(ws)
    told = {**statement, "at": iso(ws.clock()), "key": public_key_text(key)}
    return {**told, "signature": sign(key, canonical_json(told))}


def seal_fault(ws: Workspace, told: dict[str, Any]) -> str:
    """Return why a statement is not one of this node, or nothing; of its instant only a revocation counts."""
    name, ring = node_ring(ws)
    text = {k: v for k, v in told.items() if k != "signature"}
    fault = ring.why_not(name, str(told.get("key")), None)
    if fault:
        return fault
    key = next(k for k in ring.of(name) if k.public == told["key"])
    if key.revoked_at is not None and str(told.get("at")) > iso(key.revoked_at):
        return f"the key {key.id} was revoked at {iso(key.revoked_at)}: {key.reason}"
    if not verify(key.public, canonical_json(text), str(told.get("signature"))):
        return "the signature does not fit"
    return ""


def issue_head(ws: Workspace, warning_id: str, version: int, at: datetime) -> str:
    """Sign the head of the trail for the issue of a version, once, and return it as e-mails print it.

    Empty before the first row of the trail.
    """
    subject = f"{warning_id} v{version}"
    with ws.ledger.write() as conn:
        before = rows_about(conn, subject, ACTION)
        if before:
            told = before[0]["payload"]
            return str(Head(told["sequence"], told["digest"]))
        head = own_head(conn)
        if head is None:
            return ""
        payload = sealed(
            ws, {"kind": "audit head", "sequence": head.sequence, "digest": head.digest, "issue": subject}
        )
        append_audit(conn, at=at, actor="run", action=ACTION, subject=subject, payload=payload)
    return str(head)
