"""The node in the exchange: the one party that it speaks for, with its key, and those it hears.

A node of a party holds that party's private keys alone. Keys of the others come from ``keyring.toml`` or
their ``.pub`` files, and from the ``key`` envelopes in which they announced or revoked keys since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.agreement_terms import AgreementTerms, load_terms
from flows.exchange_notes import noted_sent
from flows.workspace import Workspace
from pipeline.cities import all_parties
from pipeline.errors import EnvelopeRefused, ReviewError, UsageError
from pipeline.exchange.arrivals import Receiver
from pipeline.exchange.envelope import unseal
from pipeline.exchange.key_notices import told
from pipeline.exchange.keyring import FILE, Keyring, PartyKey, read_file, read_keyring
from pipeline.exchange.keys import load_or_create_key, load_private_key, private_path, public_key_text
from pipeline.exchange.post import Sender
from pipeline.ledger.envelopes import ReceivedRow, received_of_kind


@dataclass(frozen=True)
class Node:
    """A party's node: who speaks, to whom, and who takes what the others say."""

    party: str
    peers: tuple[str, ...]
    sender: Sender
    receiver: Receiver
    ring: Keyring = field(default=Keyring(()))
    terms: AgreementTerms = field(default_factory=load_terms)


def parties() -> list[str]:
    """Return the parties of the exchange: the owners of the cities.

    >>> parties()
    ['beijing', 'seoul']
    """
    return all_parties()


def node_of(ws: Workspace) -> Node | None:
    """Return this node, None where one node serves all parties.

    Raises
    ------
    UsageError
        SAMEAIR_PARTY names no party, or a key is missing
    """
    party = ws.settings.party
    if not party:
        return None
    if party not in parties():
        raise UsageError(f"SAMEAIR_PARTY: {party} is no party; there are {', '.join(parties())}")
    key = own_key(ws, party)
    ring = keyring_of(ws)
    peers = tuple(p for p in parties() if p != party)
    receiver = Receiver(party, peers, ring.key_of, ring.check_arrival, ring.arrival_key_of)
    sender = Sender(party, key, lambda peer: noted_sent(ws, peer))
    return Node(party, peers, sender, receiver, ring, load_terms(ws.settings.data_dir))


def keyring_of(ws: Workspace, *, whole: bool = True) -> Keyring:
    """Return the public keys of all parties, with what the others announced and revoked by envelope.

    A node of all parties makes missing ones; a party's node makes its own alone. Raises UsageError naming
    the party whose key is missing, unless what there is will do (not ``whole``).
    """
    folder, own = ws.settings.keys_dir, ws.settings.party
    written = {k.party for k in read_file(folder / FILE)}
    for party in [own] if own else parties():
        if party not in written and not (folder / f"{party}.pub").exists():
            load_or_create_key(folder, party, ws.settings.key_secret)
    there = [p for p in parties() if whole or p in written or (folder / f"{p}.pub").is_file() or p == own]
    ring = read_keyring(folder, there, timedelta(seconds=ws.settings.clock_skew))
    for party in parties() if own else ():
        if party != own:
            with ws.ledger.read() as conn:
                ring = heard(ring, received_of_kind(conn, party, "key"))
    return ring


def heard(ring: Keyring, rows: Sequence[ReceivedRow]) -> Keyring:
    """Return a ring with what handled ``key`` envelopes say of their senders' keys, in their order."""
    for row in rows:
        try:
            ring = told(ring, unseal(row.packed, ring.key_of))
        except EnvelopeRefused:
            continue
    return ring


def own_key(ws: Workspace, party: str) -> Ed25519PrivateKey:
    """Return the private key with which a party signs now; without a keyring it is made at first use.

    Raises
    ------
    ReviewError
        this node signs for another party
    UsageError
        none of the party's private keys is valid now
    """
    settings = ws.settings
    if settings.party and party != settings.party:
        raise ReviewError(f"this node signs for {settings.party} alone; {party} signs on its own")
    ring = Keyring(read_file(settings.keys_dir / FILE))
    if not ring.of(party):
        return load_or_create_key(settings.keys_dir, party, settings.key_secret)
    for public in ring.valid(party, ws.clock()):
        key = None if public.revoked_at else private_of(ws, public)
        if key is not None:
            return key
    raise UsageError(
        f"no private key of {party} is valid now; see `sameair keys list`, then rotate or create"
    )


def private_of(ws: Workspace, public: PartyKey) -> Ed25519PrivateKey | None:
    """Return the private half of a key, where this node holds it."""
    folder = ws.settings.keys_dir
    for name in (f"{public.party}-{public.id}", public.party):
        path = private_path(folder, name)
        if path.exists():
            key = load_private_key(path, ws.settings.key_secret)
            if public_key_text(key) == public.public:
                return key
    return None
