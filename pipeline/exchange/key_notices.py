"""What a ``key`` envelope says: a party announces its next key, or revokes one; only ever of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.errors import ContractError, EnvelopeRefused, UsageError
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.keyring import Keyring, PartyKey, check_public, fingerprint
from pipeline.times import iso, parse_instant

ANNOUNCE, REVOKE = "announce", "revoke"


def announcement(key: PartyKey, replaces: str, until: datetime) -> dict[str, Any]:
    """Return the body that announces a key; the one that it ``replaces`` stays valid ``until`` then.

    >>> at = parse_instant("2026-01-14T02:00Z")
    >>> announcement(PartyKey("seoul", "AA==", valid_from=at), "c9fc2f15f2240165", at)["valid_from"]
    '2026-01-14T02:00:00Z'
    """
    if key.valid_from is None:
        raise UsageError("a key that is announced needs an instant from which on it is valid")
    return {
        "action": ANNOUNCE,
        "public": key.public,
        "valid_from": iso(key.valid_from),
        "replaces": replaces,
        "replaced_until": iso(until),
    }


def revocation(key: str, at: datetime, reason: str, last_sequence: int) -> dict[str, Any]:
    """Return the body that revokes a key; the party sent up to ``last_sequence`` under it, no more.

    >>> revocation("c9fc2f15f2240165", parse_instant("2026-01-14T02:00Z"), "laptop lost", 41)["action"]
    'revoke'
    """
    return {
        "action": REVOKE,
        "key": key,
        "revoked_at": iso(at),
        "reason": reason,
        "last_sequence": last_sequence,
    }


def told(ring: Keyring, envelope: Envelope) -> Keyring:
    """Return the ring with what an envelope says of its sender's keys.

    Raises
    ------
    EnvelopeRefused
        it breaks its schema, names no key, or none of the sender's
    """
    body = envelope.body
    try:
        check_body("key", body)
        if body["action"] == REVOKE:
            at, last = parse_instant(body["revoked_at"]), int(body["last_sequence"])
            return ring.revoked(envelope.sender, body["key"], at, body["reason"], last)
        return _announced(ring, envelope, body)
    except (ContractError, UsageError, ValueError, KeyError, TypeError) as error:
        raise EnvelopeRefused("malformed", f"{envelope.name}: {error}") from None


def handle_key(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Say what a ``key`` envelope tells; it counts from the moment on at which it was handled."""
    body = envelope.body
    if body["action"] == REVOKE:
        return f"{envelope.sender} revoked key {body['key']} as of {body['revoked_at']}: {body['reason']}"
    try:
        name = fingerprint(check_public(body["public"]))
    except UsageError as error:
        raise EnvelopeRefused("malformed", str(error)) from None
    return f"{envelope.sender} signs with key {name} from {body['valid_from']}"


def _announced(ring: Keyring, envelope: Envelope, body: Mapping[str, Any]) -> Keyring:
    """Return the ring with a new key, and an end to the one that it replaces, from now on at the earliest.

    Only a revocation takes back what was signed before.
    """
    public, party = check_public(body["public"]), envelope.sender
    if any(k.public == public for k in ring.keys):
        return ring
    said_at = parse_instant(envelope.created_at)
    until = max(parse_instant(body["replaced_until"]), said_at)
    before = next((k for k in ring.of(party) if k.id == body["replaces"]), None)
    if before is None:
        raise UsageError(f"{party} has no key {body['replaces']}")
    if before.valid_to is None or before.valid_to > until:
        ring = ring.with_key(replace(before, valid_to=until))
    return ring.with_key(
        PartyKey(
            party,
            public,
            valid_from=parse_instant(body["valid_from"]),
            announced_by=envelope.key,
            announced_at=said_at,
        )
    )
