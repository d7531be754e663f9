"""Messages between nodes: one signed text each, numbered and chained per sender, so that none is lost unseen.

An envelope is a JSON object in canonical form (``pipeline.exchange.canonical``). Its digest is SHA-256 over
the canonical text without the member ``signature``; the signature is Ed25519 over ``SIGNED_PREFIX`` and that
same text. ``previous`` is the digest of the sender's envelope before it, so what was once sent can neither be
changed nor left out. On its way it is packed by gzip. ``docs/envelopes.md`` describes it for those who write
their own.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.errors import ContractError, EnvelopeRefused
from pipeline.exchange.bodies import YEARS
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.keys import public_key_text, sign, verify
from pipeline.times import parse_instant

SCHEMA: Final = "sameair-envelope/1"
SIGNED_PREFIX: Final = b"sameair-envelope/1\n"
FIRST_PREVIOUS: Final = "0" * 64
"""What stands in the place of a previous digest in a sender's first envelope."""

MAXIMUM_PACKED: Final = 4 * 2**20
MAXIMUM_TEXT: Final = 32 * 2**20
"""Largest envelope on its way and unpacked [bytes]."""

KINDS: Final = (
    *("observations", "correction", "bulletin", "measures"),
    *("proposal", "approval", "objection", "issue", "update", "end", "cancel"),
    *("seal", "opening", "question", "answer"),
    *("receipt", "heartbeat", "key", "model_card", "verification", "season"),
)
"""What an envelope may hold; each has its own JSON schema of the body."""

_MEMBERS: Final = {
    "schema": str,
    "sender": str,
    "recipient": str,
    "sequence": int,
    "previous": str,
    "kind": str,
    "world": str,
    "created_at": str,
    "key": str,
    "body": dict,
    "signature": str,
}
MOST_MEMBERS: Final = 1_000_000
"""How many commas and brackets a text may hold: more of them would fill a receiver's memory."""
DEEPEST: Final = 64
"""How deep objects and lists may stand in each other."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_WORLD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

KeyOf = Callable[[str, str, datetime], str]
"""Returns the public key [base64] of (party, key id, instant of signing); raises EnvelopeRefused."""


@dataclass(frozen=True)
class Envelope:
    """One message of a party to another; ``created_at`` is ISO in UTC, by the sender's clock."""

    sender: str
    recipient: str
    sequence: int
    previous: str
    kind: str
    world: str
    created_at: str
    key: str
    body: dict[str, Any]
    schema: str = SCHEMA

    @property
    def text(self) -> bytes:
        """Return the canonical text that is digested and signed."""
        return canonical_json(asdict(self))

    @property
    def digest(self) -> str:
        """Return SHA-256 of the text, in hexadecimal; what the sender's next envelope names."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def name(self) -> str:
        """Return the file name under which it travels; the same envelope always has the same."""
        return f"{self.sender}-{self.recipient}-{self.sequence:010d}-{self.digest[:16]}.json.gz"


def key_id(public_key: str) -> str:
    """Return the short name of a public key [base64]: the first 16 digits of its SHA-256.

    >>> key_id("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    'c9fc2f15f2240165'
    """
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


def seal(envelope: Envelope, key: Ed25519PrivateKey) -> bytes:
    """Return an envelope signed and packed; the same arguments give the same bytes.

    Raises ContractError where it is larger than any node would take, or names another key.

    >>> key = Ed25519PrivateKey.generate()
    >>> at, public = "2026-01-14T02:00:00Z", public_key_text(key)
    >>> envelope = Envelope("seoul", "beijing", 1, "0" * 64, "heartbeat", "live", at, key_id(public), {})
    >>> unseal(seal(envelope, key), lambda party, name, at: public) == envelope
    True
    """
    if envelope.key != key_id(public_key_text(key)):
        raise ContractError(f"envelope {envelope.sequence} names another key than that which signs it")
    signature = sign(key, SIGNED_PREFIX + envelope.text)
    text = canonical_json({**asdict(envelope), "signature": signature})
    packed = gzip.compress(text, mtime=0)
    if len(text) > MAXIMUM_TEXT or len(packed) > MAXIMUM_PACKED:
        raise ContractError(
            f"envelope {envelope.sequence} ({envelope.kind}) is too large; split what it holds"
        )
    return packed


def unseal(packed: bytes, key_of: KeyOf) -> Envelope:
    """Return the envelope of packed bytes after every check that needs nothing but the sender's key.

    Raises
    ------
    EnvelopeRefused
        with the reason: too large, damaged, not canonical, of another form, or not signed with the key
    """
    text = _unpack(packed)
    members = _parse(text)
    signature = members.pop("signature")
    envelope = Envelope(**members)
    at = _instant(envelope.created_at)
    if not verify(key_of(envelope.sender, envelope.key, at), SIGNED_PREFIX + envelope.text, signature):
        raise EnvelopeRefused("forged", f"{envelope.name}: the signature does not fit")
    return envelope


def _unpack(packed: bytes) -> bytes:
    """Return the text of packed bytes, never more than the limit."""
    if len(packed) > MAXIMUM_PACKED:
        raise EnvelopeRefused("huge", f"{len(packed)} bytes; at most {MAXIMUM_PACKED} are taken")
    reader = zlib.decompressobj(wbits=31)
    try:
        text = reader.decompress(packed, MAXIMUM_TEXT + 1)
    except zlib.error as error:
        raise EnvelopeRefused("damaged", f"not a gzip file: {error}") from None
    if len(text) > MAXIMUM_TEXT:
        raise EnvelopeRefused("huge", f"more than {MAXIMUM_TEXT} bytes unpacked")
    if not reader.eof:
        raise EnvelopeRefused("truncated", "the file ends before its end")
    if reader.unused_data:
        raise EnvelopeRefused("damaged", "something follows the end of the file")
    return text


def _parse(text: bytes) -> dict[str, Any]:
    """Return the members of a text that is canonical and has the form of an envelope."""
    if sum(text.count(sign) for sign in (b",", b"[", b"{")) > MOST_MEMBERS:
        raise EnvelopeRefused("huge", f"more than {MOST_MEMBERS} members and values")
    try:
        members: dict[str, Any] = json.loads(text)
        _check_depth(members)
        is_canonical = isinstance(members, dict) and canonical_json(members) == text
    except (ValueError, ContractError, RecursionError) as error:
        raise EnvelopeRefused("damaged", f"not JSON in canonical form: {error}") from None
    if not is_canonical:
        raise EnvelopeRefused("damaged", "not JSON in canonical form")
    if members.get("schema") != SCHEMA:
        raise EnvelopeRefused("unknown", f"schema {members.get('schema')!r}; this node reads {SCHEMA}")
    if set(members) != set(_MEMBERS):
        odd = sorted(set(members) ^ set(_MEMBERS))
        raise EnvelopeRefused("damaged", f"members missing or too many: {', '.join(odd)[:200]}")
    for name, kind in _MEMBERS.items():
        if type(members[name]) is not kind:
            raise EnvelopeRefused("damaged", f"{name} is no {kind.__name__}")
    _check_form(members)
    return members


def _check_depth(value: object) -> None:
    """Raise RecursionError where objects and lists stand in each other deeper than DEEPEST."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise RecursionError(f"deeper than {DEEPEST}")
        inner = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]


def _check_form(members: dict[str, Any]) -> None:
    """Refuse values that no envelope bears."""
    checks = {
        "sender": _NAME.fullmatch(members["sender"]),
        "recipient": _NAME.fullmatch(members["recipient"]) and members["recipient"] != members["sender"],
        "sequence": 1 <= members["sequence"] < 10**10,
        "previous": _DIGEST.fullmatch(members["previous"]),
        "kind": members["kind"] in KINDS,
        "world": _WORLD.fullmatch(members["world"]),
        "key": re.fullmatch(r"[0-9a-f]{16}", members["key"]),
    }
    for name, holds in checks.items():
        if not holds:
            raise EnvelopeRefused("damaged", f"{name} {members[name]!r:.80} is none")
    if (members["sequence"] == 1) != (members["previous"] == FIRST_PREVIOUS):
        raise EnvelopeRefused("damaged", "only the first envelope of a sender has none before it")
    _instant(members["created_at"])


def _instant(text: str) -> datetime:
    """Return an instant written as this format writes it."""
    try:
        if not text.endswith("Z"):
            raise ValueError("it does not end in Z")
        at = parse_instant(text)
        if not YEARS[0] <= at.year <= YEARS[1]:
            raise ValueError("no year of the exchange")
        return at
    except (ValueError, OverflowError) as error:
        raise EnvelopeRefused("damaged", f"created_at {text!r:.40}: {error}") from None
