"""Care of the signing keys: create, rotate, revoke, import, encrypt; all of it stands in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from flows.key_limits import revocation_limits
from flows.key_words import key_words
from flows.node import keyring_of, node_of, own_key, parties, private_of
from flows.workspace import Workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.envelope import key_id
from pipeline.exchange.key_notices import revocation
from pipeline.exchange.keyring import FILE, PartyKey, check_public, fingerprint, read_file, write_file
from pipeline.exchange.keys import (
    ENCRYPTED,
    load_private_key,
    private_path,
    public_key_text,
    save_private_key,
)
from pipeline.exchange.post import Message, post
from pipeline.exchange.statements import NODE_WORLD
from pipeline.ledger.audit import append_audit
from pipeline.ledger.envelopes import last_sent
from pipeline.times import iso

Plain = dict[str, Any]

NOTICE: Final = timedelta(days=1)
"""How long before its first use a new key is announced, unless a person says otherwise."""

OVERLAP: Final = timedelta(days=7)
"""How long the key before it goes on being valid, for what is under way."""


def create_key(ws: Workspace, party: str, person: str, begins: datetime | None = None) -> Plain:
    """Make a key of a party that has none valid, and enter it in the keyring.

    Raises
    ------
    UsageError
        the party has a valid key: that is rotated
    ReviewError
        this node signs for another party
    """
    _check_ours(ws, party)
    ring, now = read_file(ws.settings.keys_dir / FILE), ws.clock()
    has_file = private_path(ws.settings.keys_dir, party).exists()
    if any(k.party == party and not (k.revoked_at or k.fault(now)) for k in ring) or (
        has_file and not any(k.party == party for k in ring)
    ):
        raise UsageError(f"{party} has a valid key; `sameair keys rotate` replaces it")
    key = _new_private(ws, party)
    public = PartyKey(party, public_key_text(key), valid_from=begins)
    _enter(ws, public)
    return _tell(ws, "create", public, person, {})


def rotate_key(
    ws: Workspace,
    party: str,
    person: str,
    begins: datetime | None = None,
    overlap: timedelta = OVERLAP,
) -> Plain:
    """Make the next key of a party and announce it, signed with the present one, to every other node.

    Parameters
    ----------
    begins : from when on it signs; default: a day from now, so that the others know it by then
    overlap : how long the present key stays valid after that

    Raises
    ------
    UsageError
        the instant lies in the past, or another key has been announced already
    """
    _check_ours(ws, party)
    now = ws.clock()
    begins = begins or now + NOTICE
    if begins < now:
        raise UsageError(f"{iso(begins)} is past; a new key is announced before it signs")
    before = _current(ws, party)
    waiting = [
        k for k in keyring_of(ws).of(party) if k.valid_from and k.valid_from > now and not k.revoked_at
    ]
    if waiting:
        raise UsageError(f"key {waiting[0].id} of {party} was announced already; it signs later")
    key = _new_private(ws, party)
    public = PartyKey(
        party,
        public_key_text(key),
        valid_from=begins,
        announced_by=before.id,
        announced_at=now.replace(microsecond=0),
    )
    _enter(ws, replace(before, valid_to=begins + overlap), public)
    announce(ws)
    return _tell(ws, "rotate", public, person, {"replaces": before.id, "until": iso(begins + overlap)})


def revoke_key(
    ws: Workspace,
    party: str,
    key: str,
    person: str,
    reason: str,
    since: datetime | None = None,
    after: int | None = None,
) -> Plain:
    """Revoke a key: what it signs after an instant does not count.

    One of ours is revoked by a last envelope under it, and replaced at once. The others must enter the new
    key by hand (``import_key``), since whoever stole the old one could announce a new one too.

    Parameters
    ----------
    since : the instant; default: that of envelope ``after``, else now
    after : number of the last envelope that is trusted; of another party's key the default is the last one
        held here that was signed with it before ``since``

    Raises
    ------
    UsageError
        the party has no such key or envelope, or no reason was given
    """
    if not reason.strip():
        raise UsageError("a revocation needs a reason; say it with --reason")
    key = key.replace(" ", "")
    found = next((k for k in keyring_of(ws).of(party) if k.id == key), None)
    if found is None:
        raise UsageError(f"{party} has no key {key}; see `sameair keys list`")
    at, last, details = revocation_limits(ws, found, since, after)
    if _is_ours(ws, party):
        _send_revocation(ws, found, at, reason)
    _enter(ws, replace(found, revoked_at=at, reason=reason.strip(), last_sequence=last))
    told = _tell(ws, "revoke", found, person, {"since": iso(at), "reason": reason.strip(), **details})
    ring = keyring_of(ws)
    left = [k for k in ring.valid(party, ws.clock()) if k.revoked_at is None]
    if _is_ours(ws, party) and not any(private_of(ws, k) for k in left):
        told["new key"] = create_key(ws, party, person, at)["key"]
        told["to do"] = "tell the other parties its fingerprint by telephone; they run `sameair keys import`"
    return told


def import_key(
    ws: Workspace, party: str, public: str, said: str, person: str, begins: datetime | None = None
) -> Plain:
    """Enter another party's key, whose fingerprint a person of that party read out.

    Raises
    ------
    UsageError
        the fingerprint is another key's, or the key is somebody else's
    """
    if party not in parties():
        raise UsageError(f"{party} is no party; there are {', '.join(parties())}")
    public = check_public(public)
    if said.replace(" ", "").lower() != key_id(public):
        raise UsageError(f"the fingerprint of this key is {fingerprint(public)}, not {said}: ask again")
    known = read_file(ws.settings.keys_dir / FILE)
    if any(k.public == public and k.party != party for k in known):
        raise UsageError("this key is another party's")
    key = PartyKey(party, public, valid_from=begins)
    if any(k.public == public for k in known):
        return {"key": fingerprint(public), "party": party, "done": "known already"}
    _enter(ws, key)
    return _tell(ws, "import", key, person, {})


def protect_keys(ws: Workspace, person: str) -> Plain:
    """Encrypt every private key file of this node that is not, under the password of the settings.

    Raises
    ------
    UsageError
        no password is set
    """
    if not ws.settings.key_secret:
        raise UsageError("set SAMEAIR_KEY_PASSWORD, or SAMEAIR_KEY_PASSWORD_FILE, first")
    done = []
    for path in sorted(ws.settings.keys_dir.glob("*.key")):
        if ENCRYPTED not in path.read_bytes():
            save_private_key(path, load_private_key(path), ws.settings.key_secret, replace=True)
            done.append(path.name)
    with ws.ledger.write() as conn:
        _audit(conn, ws, "protect", ", ".join(done) or "none", person, {})
    return {"encrypted": done}


def announce(ws: Workspace) -> None:
    """Say to the other nodes what there is to say of our keys; once each, however often it is asked."""
    node = node_of(ws)
    if node is None:
        return
    with ws.ledger.write() as conn:
        for message in key_words(conn, node, ws.clock()):
            post(conn, node.sender, message, ws.clock())


def _send_revocation(ws: Workspace, key: PartyKey, at: datetime, reason: str) -> None:
    """Tell the other nodes that a key of ours is revoked, signed with it if it can be."""
    node = node_of(ws)
    if node is None:
        return
    private = private_of(ws, key)
    sender = replace(node.sender, key=private) if private and not key.fault(at) else node.sender
    with ws.ledger.write() as conn:
        for peer in node.peers:
            before = last_sent(conn, peer)
            body = revocation(key.id, at, reason.strip(), (before.sequence if before else 0) + 1)
            post(conn, sender, Message(peer, "key", NODE_WORLD, f"key-revoked|{key.id}", body), ws.clock())


def _current(ws: Workspace, party: str) -> PartyKey:
    """Return the public half of the key with which a party signs now, with its limits."""
    public = public_key_text(own_key(ws, party))
    return next((k for k in keyring_of(ws).of(party) if k.public == public), PartyKey(party, public))


def _new_private(ws: Workspace, party: str) -> Ed25519PrivateKey:
    """Make a private key and write it under its own name."""
    key = Ed25519PrivateKey.generate()
    folder = ws.settings.keys_dir
    path = private_path(folder, f"{party}-{key_id(public_key_text(key))}")
    save_private_key(path, key, ws.settings.key_secret)
    return key


def _enter(ws: Workspace, *keys: PartyKey) -> None:
    """Write keys into the keyring file; what a party had as a plain file goes with them."""
    path = ws.settings.keys_dir / FILE
    found = {(k.party, k.public): k for k in read_file(path)}
    for party in {k.party for k in keys} - {k.party for k in found.values()}:
        plain = ws.settings.keys_dir / f"{party}.pub"
        if plain.is_file():
            key = PartyKey(party, check_public(plain.read_text("ascii")))
            found[party, key.public] = key
    found |= {(k.party, k.public): k for k in keys}
    write_file(path, list(found.values()))


def _is_ours(ws: Workspace, party: str) -> bool:
    """Tell whether this node signs for a party."""
    return not ws.settings.party or party == ws.settings.party


def _check_ours(ws: Workspace, party: str) -> None:
    """Refuse to make keys of a party that has a node of its own."""
    if party not in parties():
        raise UsageError(f"{party} is no party; there are {', '.join(parties())}")
    if not _is_ours(ws, party):
        raise ReviewError(f"{party} makes its keys on its own node; `sameair keys import` enters them here")


def _tell(ws: Workspace, what: str, key: PartyKey, person: str, details: Mapping[str, Any]) -> Plain:
    """Write down what was done, and return it."""
    with ws.ledger.write() as conn:
        _audit(conn, ws, what, f"{key.party} {key.id}", person, {"public": key.public, **details})
    told = {"done": what, "party": key.party, "key": fingerprint(key.public), "public": key.public, **details}
    return told | ({"from": iso(key.valid_from)} if key.valid_from else {})


def _audit(
    conn: Connection, ws: Workspace, what: str, subject: str, person: str, payload: Mapping[str, Any]
) -> None:
    append_audit(conn, at=ws.clock(), actor=person, action=f"key.{what}", subject=subject, payload=payload)
