"""Our own chain to a peer, brought back from those who hold it, after our ledger was restored from a backup.

What comes back was signed with our own keys, so whoever hands it back can withhold, and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.errors import EnvelopeRefused, StorageError
from pipeline.exchange.arrivals import Parcel
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import FIRST_PREVIOUS, Envelope, unseal
from pipeline.exchange.key_notices import told
from pipeline.exchange.keyring import Keyring
from pipeline.ledger.envelopes import last_sent, sent_at


@dataclass(frozen=True)
class Returned:
    """An envelope of ours that this ledger did not know, and its bytes."""

    envelope: Envelope
    packed: bytes


def continuation(
    conn: Connection, ring: Keyring, route: tuple[str, str], parcels: Iterable[Parcel]
) -> tuple[Returned, ...]:
    """Return what follows the end of our chain, in order and without a gap.

    Files of somebody else, or damaged ones, are passed over. A key that we announced in what comes back
    counts for what follows it.

    Parameters
    ----------
    route : our party, and the peer to which the chain goes

    Raises
    ------
    StorageError
        two different envelopes bear one number under our signature
    """
    found: dict[int, Returned] = {}
    for parcel in sorted(parcels, key=lambda p: p.name):
        one = _own(ring, route, parcel)
        if one is None:
            continue
        _check_single(conn, route[1], one.envelope, found)
        if one.envelope.kind == "key":
            ring = _with_told(ring, one.envelope)
        found[one.envelope.sequence] = one
    before = last_sent(conn, route[1])
    number, previous = (before.sequence, before.digest) if before else (0, FIRST_PREVIOUS)
    following = []
    while (one := found.get(number + 1)) is not None and one.envelope.previous == previous:
        following.append(one)
        number, previous = one.envelope.sequence, one.envelope.digest
    return tuple(following)


def _own(ring: Keyring, route: tuple[str, str], parcel: Parcel) -> Returned | None:
    """Return an envelope of ours to the peer, None where it is something else."""
    try:
        envelope = unseal(parcel.packed, ring.key_of)
    except EnvelopeRefused:
        return None
    if (envelope.sender, envelope.recipient) != route:
        return None
    check_body(envelope.kind, envelope.body)
    return Returned(envelope, parcel.packed)


def _check_single(conn: Connection, peer: str, envelope: Envelope, found: dict[int, Returned]) -> None:
    """Refuse a second envelope of one number: our key signed twice, and people must find out how."""
    held, again = sent_at(conn, peer, envelope.sequence), found.get(envelope.sequence)
    digests = {envelope.digest}
    digests |= {held.digest} if held else set()
    digests |= {again.envelope.digest} if again else set()
    if len(digests) > 1:
        raise StorageError(
            f"two different envelopes {envelope.sequence} to {peer} bear our signature: the key was stolen, "
            "or a restored ledger went on without them; telephone, then revoke the key"
        )


def _with_told(ring: Keyring, envelope: Envelope) -> Keyring:
    """Return the ring with a key that we announced; a revocation of our own is for people to repeat."""
    if envelope.body["action"] != "announce":
        return ring
    try:
        return told(ring, envelope)
    except EnvelopeRefused:
        return ring
