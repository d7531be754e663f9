"""What another node sent: checked, kept, and handled strictly in the sender's order; pure of any transport.

Taking and handling are two steps. An envelope that passes every check is kept, in whatever order it came; it
is handled only when the one before it was, so that a lost or late one is noticed, never skipped.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from pipeline.errors import ContractError, EnvelopeRefused, SameairError, printable
from pipeline.exchange.bodies import check_body
from pipeline.exchange.envelope import FIRST_PREVIOUS, Envelope, KeyOf, unseal
from pipeline.ledger.audit import append_audit
from pipeline.ledger.envelopes import (
    ReceivedRow,
    RefusedRow,
    insert_handled,
    insert_received,
    insert_refused,
    last_handled,
    list_received,
    received_at,
)
from pipeline.times import parse_instant

log = logging.getLogger(__name__)

UNFORESEEN: Final = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    DataError,
    IntegrityError,
)
"""Errors that what was received can cause and nobody foresaw: one envelope must not stop a node."""

LONGEST_TOLD: Final = 500
"""How much of what is wrong with a refused envelope is written down [characters]."""

Taken = Literal["taken", "known", "refused"]


def _no_further_check(_envelope: Envelope, _at: datetime) -> None:
    """Take everything."""


@dataclass(frozen=True)
class Receiver:
    """Who takes: a party, from which parties, and whose keys it trusts.

    ``check`` says what else must hold when an envelope arrives: it raises EnvelopeRefused. ``arrival_key_of``
    is asked for the key then, ``key_of`` as it is handled: what was signed after a revocation may be needed
    for the chain to be whole, and is passed over.
    """

    party: str
    peers: tuple[str, ...]
    key_of: KeyOf
    check: Callable[[Envelope, datetime], None] = _no_further_check
    arrival_key_of: KeyOf | None = None


@dataclass(frozen=True)
class Parcel:
    """Bytes as a transport brought them."""

    transport: str
    name: str
    packed: bytes


Handler = Callable[[Connection, Envelope, datetime], str]
"""Does what an envelope asks for, in the caller's transaction, and says so in a line."""


def take(conn: Connection, receiver: Receiver, parcel: Parcel, at: datetime) -> Taken:
    """Keep an envelope that passes every check; what does not is refused and recorded, once each."""
    try:
        envelope = unseal(parcel.packed, receiver.arrival_key_of or receiver.key_of)
        _check_parties(envelope, receiver)
        known = received_at(conn, envelope.sender, envelope.sequence)
        if known is None:
            receiver.check(envelope, at)
        if known is not None and known.digest != envelope.digest:
            raise EnvelopeRefused(
                "forked", f"{envelope.sender} signed two different envelopes {envelope.sequence}"
            )
    except EnvelopeRefused as refused:
        _refuse(conn, parcel, refused, at)
        return "refused"
    if known is not None:
        return "known"
    row = ReceivedRow(
        sender=envelope.sender,
        sequence=envelope.sequence,
        digest=envelope.digest,
        previous=envelope.previous,
        kind=envelope.kind,
        world=envelope.world,
        created_at=parse_instant(envelope.created_at),
        received_at=at,
        transport=parcel.transport,
        packed=parcel.packed,
    )
    insert_received(conn, row)
    return "taken"


def handle_next(
    conn: Connection, receiver: Receiver, sender: str, handlers: Mapping[str, Handler], at: datetime
) -> ReceivedRow | None:
    """Handle the next envelope of a sender, if its turn has come; returns it, None where there is none.

    A handler that refuses or fails in a foreseen way leaves the envelope handled with the reason: it never
    holds up what follows. Raises EnvelopeRefused where the sender's chain is broken: a person must decide.
    """
    before = last_handled(conn, sender)
    number = before.sequence + 1 if before else 1
    row = received_at(conn, sender, number)
    if row is None:
        return None
    if row.previous != (before.digest if before else FIRST_PREVIOUS):
        raise EnvelopeRefused("forked", f"envelope {number} of {sender} does not follow the one before it")
    outcome, note = _handled(conn, row, receiver, handlers, at)
    insert_handled(conn, sender, number, outcome, note, at)
    payload = {"digest": row.digest, "kind": row.kind, "outcome": outcome, "note": note}
    append_audit(
        conn,
        at=at,
        actor=sender,
        action="envelope.handled",
        subject=f"{sender}-{receiver.party}-{number}",
        payload=payload,
    )
    return row


def gaps(conn: Connection, sender: str) -> tuple[tuple[int, int], ...]:
    """Return what is missing of a sender's chain before what came last, as (first, last) numbers."""
    before = last_handled(conn, sender)
    expected, missing = (before.sequence + 1 if before else 1), []
    for number, _ in list_received(conn, sender, expected - 1):
        if number > expected:
            missing.append((expected, number - 1))
        expected = number + 1
    return tuple(missing)


def _handled(
    conn: Connection, row: ReceivedRow, receiver: Receiver, handlers: Mapping[str, Handler], at: datetime
) -> tuple[str, str]:
    """Return what came of an envelope, and in words; what is only half done is undone."""
    handler = handlers.get(row.kind)
    if handler is None:
        return "unknown", f"this node does nothing with a {row.kind}"
    try:
        envelope = unseal(row.packed, receiver.key_of)
        _check_form(envelope)
        with conn.begin_nested():
            return "done", handler(conn, envelope, at)
    except EnvelopeRefused as refused:
        return refused.reason, refused.what
    except SameairError as error:
        return "failed", str(error)
    except UNFORESEEN as error:
        log.exception("envelope %s of %s cannot be handled", row.sequence, row.sender)
        return "failed", f"what it holds cannot be handled ({type(error).__name__})"


def _check_form(envelope: Envelope) -> None:
    """Refuse a body that breaks the schema of its kind: no handler sees it."""
    try:
        check_body(envelope.kind, envelope.body)
    except ContractError as error:
        raise EnvelopeRefused("malformed", str(error)) from None


def _check_parties(envelope: Envelope, receiver: Receiver) -> None:
    """Refuse what is not for us, or not from whom we hear."""
    if envelope.recipient != receiver.party:
        raise EnvelopeRefused("misdirected", f"for {envelope.recipient}, not for {receiver.party}")
    if envelope.sender not in receiver.peers:
        raise EnvelopeRefused("stranger", f"{envelope.sender} is no party of the exchange")


def _refuse(conn: Connection, parcel: Parcel, refused: EnvelopeRefused, at: datetime) -> None:
    """Record a refusal, once for the same bytes and reason."""
    row = RefusedRow(
        at=at,
        transport=parcel.transport,
        name=printable(parcel.name[:200]),
        reason=refused.reason,
        what=refused.what[:LONGEST_TOLD],
        payload_digest=hashlib.sha256(parcel.packed).hexdigest(),
        size=len(parcel.packed),
    )
    if insert_refused(conn, row):
        payload = {"reason": row.reason, "what": row.what, "digest": row.payload_digest, "size": row.size}
        subject = row.name or row.payload_digest
        append_audit(
            conn, at=at, actor="exchange", action="envelope.refused", subject=subject, payload=payload
        )
