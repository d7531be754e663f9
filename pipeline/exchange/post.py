"""Our own chain of envelopes: what a node says to a party, once for each occasion.

What is said and the fact that it was said are written in one transaction, the caller's: after a crash either
both are there or neither. Transports only copy what stands in the chain, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from pipeline.errors import StorageError
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import FIRST_PREVIOUS, Envelope, key_id, seal
from pipeline.exchange.heard import chain_fault
from pipeline.exchange.keys import public_key_text
from pipeline.ledger.audit import append_audit
from pipeline.ledger.envelopes import SentRow, insert_sent, last_sent, sent_for
from pipeline.times import iso


def _nothing_noted(_recipient: str) -> int:
    """Know of no number that was said."""
    return 0


@dataclass(frozen=True)
class Sender:
    """Who speaks: a party with its key; ``noted``: how far its chain to another goes by a note elsewhere."""

    party: str
    key: Ed25519PrivateKey
    noted: Callable[[str], int] = _nothing_noted


@dataclass(frozen=True)
class Message:
    """What is to be said, to whom, in which world; the same ``occasion`` is said once."""

    recipient: str
    kind: str
    world: str
    occasion: str
    body: Mapping[str, Any]


def post(conn: Connection, sender: Sender, message: Message, at: datetime) -> SentRow:
    """Append a message to the chain to its recipient, or return what was said on its occasion before.

    Raises
    ------
    ContractError
        the body breaks its schema, is too large or holds what has no canonical form
    StorageError
        the recipient holds more of our chain, or another, than this ledger
    """
    known = sent_for(conn, message.recipient, message.occasion)
    if known is not None:
        return known
    check_body(message.kind, message.body)
    fault = why_silent(conn, sender, message.recipient)
    if fault:
        raise StorageError(
            f"nothing more is said to {message.recipient}: {fault}; run `sameair exchange sync --once`, then "
            f"`sameair exchange recover {message.recipient}`"
        )
    before = last_sent(conn, message.recipient)
    envelope = Envelope(
        sender=sender.party,
        recipient=message.recipient,
        sequence=before.sequence + 1 if before else 1,
        previous=before.digest if before else FIRST_PREVIOUS,
        kind=message.kind,
        world=message.world,
        created_at=iso(at),
        key=key_id(public_key_text(sender.key)),
        body=dict(message.body),
    )
    row = SentRow(
        recipient=message.recipient,
        sequence=envelope.sequence,
        digest=envelope.digest,
        kind=message.kind,
        world=message.world,
        occasion=message.occasion,
        at=at,
        packed=seal(envelope, sender.key),
    )
    insert_sent(conn, row)
    payload = {"recipient": row.recipient, "sequence": row.sequence, "digest": row.digest}
    subject = f"{sender.party}-{row.recipient}-{row.sequence}"
    append_audit(
        conn, at=at, actor=sender.party, action=f"envelope.{row.kind}", subject=subject, payload=payload
    )
    return row


def why_silent(conn: Connection, sender: Sender, peer: str) -> str:
    """Return why nothing more may be said to a peer, or nothing.

    The peer, or the note beside the ledger, knows more of our chain than this ledger, which was then restored
    from a backup: a new envelope would bear a number that was used.
    """
    own, noted = last_sent(conn, peer), sender.noted(peer)
    number = own.sequence if own else 0
    shorter = (
        f"{noted} envelopes to {peer} were written, this ledger knows {number}" if noted > number else ""
    )
    return chain_fault(conn, peer) or shorter
