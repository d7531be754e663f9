"""Audit trails held by the other party: each tells the head of its own and repeats the other's newest one.

A head is the number and digest of the last row of a trail; it stands for every row before it. What a party
once told of its trail lies, signed, with the other, who repeats it. So a trail that was rewritten, by whoever
holds the ledger and every key, no longer fits what the other side repeats.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.ledger.audit import audit_digest, audit_end
from pipeline.ledger.envelopes import newest_received_of, packed_of_kinds

KINDS: Final = ("receipt", "heartbeat")
"""Envelopes that tell heads."""

PRINTED: Final = 16
"""How many digits of a digest e-mails print."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Head:
    """The last row of an audit trail, as it was told."""

    sequence: int
    digest: str

    def __str__(self) -> str:
        """Return it as e-mails print it.

        >>> str(Head(41, "ab" * 32))
        '41-abababababababab'
        """
        return f"{self.sequence}-{self.digest[:PRINTED]}"


def own_head(conn: Connection) -> Head | None:
    """Return the head of our trail, None before its first row."""
    found = audit_end(conn)
    return None if found is None else Head(*found)


def claims(conn: Connection, peer: str) -> dict[str, Any]:
    """Return what a statement to a peer says of trails: our head, and its newest that we hold."""
    told: dict[str, Any] = {}
    own = own_head(conn)
    if own is not None:
        told["audit"] = asdict(own)
    newest = newest_received_of(conn, peer, KINDS)
    theirs = None if newest is None else _head(_body(newest.packed), "audit")
    if theirs is not None:
        told["anchored"] = asdict(theirs)
    return told


def anchor_fault(conn: Connection, peer: str, body: Mapping[str, Any]) -> str:
    """Return how what a peer repeats of our trail differs from it, or nothing."""
    held = _head(body, "anchored")
    return "" if held is None else _own_fault(conn, held, f"as {peer} holds it")


def anchor_faults(conn: Connection, peer: str, since: datetime | None = None) -> list[str]:
    """Return every way in which two trails differ from what was told of them: ours, and the peer's own.

    ``since`` None: of all times.
    """
    found: dict[str, None] = {}
    theirs = [_body(packed) for packed in packed_of_kinds(conn, peer, KINDS, sent=False, since=since)]
    for body in theirs:
        found[anchor_fault(conn, peer, body)] = None
    for packed in packed_of_kinds(conn, peer, KINDS, sent=True, since=since):
        told = _head(_body(packed), "audit")
        if told is not None:
            found[_own_fault(conn, told, f"as {peer} was told")] = None
    for fault in _their_faults(peer, theirs):
        found[fault] = None
    return [fault for fault in found if fault]


def head_fault(conn: Connection, printed: str) -> str:
    """Return how a head printed in an e-mail, such as ``41-abababababababab``, differs from our trail."""
    number, _, short = printed.partition("-")
    if not number.isdecimal() or len(short) != PRINTED:
        return f"{printed!r:.60} is no head; it looks like 41-abababababababab"
    return _own_fault(conn, Head(int(number), short), "as it was printed")


def _own_fault(conn: Connection, told: Head, how: str) -> str:
    """Return how a row of our trail differs from what was told of it, or nothing."""
    ours = audit_digest(conn, told.sequence)
    if ours is None:
        return f"audit row {told.sequence} {how} is missing: the trail was cut or restored from an old backup"
    if not ours.startswith(told.digest):
        return f"audit row {told.sequence} {how} is {told.digest[:16]}, here {ours[:16]}: it was rewritten"
    return ""


def _their_faults(peer: str, bodies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield where a peer's heads contradict each other: its trail only ever grows."""
    before: Head | None = None
    for body in bodies:
        told = _head(body, "audit")
        if told is None:
            continue
        if before is not None and told.sequence < before.sequence:
            yield f"the audit trail of {peer} went back from row {before.sequence} to {told.sequence}"
        elif before is not None and told.sequence == before.sequence and told.digest != before.digest:
            yield f"{peer} told two different audit rows {told.sequence}: its trail was rewritten"
        before = told


def _head(body: Mapping[str, Any], member: str) -> Head | None:
    """Return a head that a body tells, None where it tells none or nonsense."""
    told = body.get(member)
    if not isinstance(told, dict):
        return None
    sequence, told_digest = told.get("sequence"), told.get("digest")
    if (
        not isinstance(sequence, int)
        or not isinstance(told_digest, str)
        or not _DIGEST.fullmatch(told_digest)
    ):
        return None
    return Head(sequence, told_digest)


def _body(packed: bytes) -> dict[str, Any]:
    """Return the body of an envelope that was checked before it was kept."""
    body: dict[str, Any] = json.loads(gzip.decompress(packed))["body"]
    return body
