"""Envelopes: what one node seals another opens unchanged, and everything else is refused with its reason."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from dataclasses import asdict, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ContractError, EnvelopeRefused
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import FIRST_PREVIOUS, MAXIMUM_TEXT, Envelope, key_id, seal, unseal
from pipeline.exchange.keys import public_key_text

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_key_text(KEY)
FIRST = Envelope(
    "seoul",
    "beijing",
    1,
    FIRST_PREVIOUS,
    "heartbeat",
    "live",
    "2026-01-14T02:00:00Z",
    key_id(PUBLIC),
    {"n": 1.5},
)


def key_of(party, _key, _at):
    return PUBLIC


def refused(packed):
    with pytest.raises(EnvelopeRefused) as told:
        unseal(packed, key_of)
    return told.value.reason


def altered(**members):
    """Return a sealed envelope whose text was changed on its way."""
    text = json.loads(gzip.decompress(seal(FIRST, KEY)))
    return gzip.compress(canonical_json({**text, **members}), mtime=0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text("abc서울北京é\n", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=3), inner, max_size=3)
    ),
    max_leaves=9,
)


@given(st.dictionaries(st.text("abc", max_size=4), json_values, max_size=4), st.integers(2, 10**10 - 1))
def test_what_is_sealed_opens_unchanged(body, sequence):
    envelope = replace(FIRST, sequence=sequence, previous="ab" * 32, body=body)
    packed = seal(envelope, KEY)
    assert packed == seal(envelope, KEY)
    assert unseal(packed, key_of) == envelope


@given(st.data())
def test_no_flipped_byte_is_taken(data):
    packed = bytearray(seal(FIRST, KEY))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with suppress(EnvelopeRefused):
        assert unseal(bytes(packed), key_of) == FIRST, "only what gzip itself disregards may differ"


@given(st.integers(0, 10**6))
def test_no_beginning_of_an_envelope_is_taken(length):
    packed = seal(FIRST, KEY)
    assert refused(packed[: length % len(packed)]) in ("truncated", "damaged")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"body": {"n": 2}}, "forged"),
        ({"sequence": 2, "previous": "0" * 63 + "1"}, "forged"),
        ({"sender": "beijing", "recipient": "seoul"}, "forged"),
        ({"signature": "AAAA"}, "forged"),
        ({"signature": 7}, "damaged"),
        ({"sequence": 0}, "damaged"),
        ({"sequence": True}, "damaged"),
        ({"sequence": 2}, "damaged"),
        ({"previous": "AB" * 32}, "damaged"),
        ({"sender": "../../x"}, "damaged"),
        ({"recipient": "seoul"}, "damaged"),
        ({"kind": "gift"}, "damaged"),
        ({"created_at": "yesterday"}, "damaged"),
        ({"created_at": "2026-01-14T11:00:00+09:00"}, "damaged"),
        ({"extra": 1}, "damaged"),
        ({"schema": "sameair-envelope/2"}, "unknown"),
    ],
)
def test_an_altered_member_is_refused(members, reason):
    assert refused(altered(**members)) == reason


def test_a_member_named_twice_or_other_white_space_is_refused():
    text = gzip.decompress(seal(FIRST, KEY))
    assert (
        refused(gzip.compress(text.replace(b'{"body"', b'{"body":{"n":9},"body"', 1), mtime=0)) == "damaged"
    )
    assert refused(gzip.compress(text.replace(b",", b", ", 1), mtime=0)) == "damaged"
    assert refused(gzip.compress(text, mtime=0) + b"x") == "damaged"
    assert refused(gzip.compress(b"[" * 10**5, mtime=0)) == "damaged"


def test_a_bomb_is_refused_before_it_unfolds():
    assert refused(gzip.compress(b"0" * (MAXIMUM_TEXT + 1), mtime=0)) == "huge"
    assert refused(b"x" * (5 * 2**20)) == "huge"


def test_another_key_of_the_same_party_does_not_open_it():
    other = public_key_text(Ed25519PrivateKey.generate())
    with pytest.raises(EnvelopeRefused, match="signature does not fit"):
        unseal(seal(FIRST, KEY), lambda *_: other)
    with pytest.raises(ContractError, match="another key"):
        seal(FIRST, Ed25519PrivateKey.generate())


def test_the_signed_text_is_what_the_page_says():
    """The first envelope, written out by hand as docs/envelopes.md describes the form."""
    head = '{"body":{"n":1.5},"created_at":"2026-01-14T02:00:00Z",'
    key = f'"key":"{key_id(PUBLIC)}","kind":"heartbeat",'
    chain = f'"previous":"{"0" * 64}","recipient":"beijing",'
    tail = '"schema":"sameair-envelope/1","sender":"seoul","sequence":1,"world":"live"}'
    by_hand = head + key + chain + tail
    assert by_hand.encode() == FIRST.text
    assert FIRST.name == f"seoul-beijing-0000000001-{FIRST.digest[:16]}.json.gz"
    assert asdict(FIRST)["body"] == {"n": 1.5}
