"""Only the right key at the right instant: what is forged, copied, altered or stolen is refused."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import EnvelopeRefused, StorageError, UsageError
from pipeline.exchange.arrivals import Parcel, Receiver, take
from pipeline.exchange.envelope import FIRST_PREVIOUS, MAXIMUM_PACKED, Envelope, key_id, seal
from pipeline.exchange.key_notices import announcement, revocation, told
from pipeline.exchange.keyring import (
    EIGHTH,
    FIELD,
    SKEW,
    Keyring,
    PartyKey,
    check_public,
    read_file,
    write_file,
)
from pipeline.exchange.keys import public_key_text
from pipeline.ledger import open_ledger
from pipeline.ledger.envelopes import read_refused
from pipeline.times import iso

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW, THIEF, BEIJING = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in range(1, 5))
OLD_KEY = PartyKey("seoul", public_key_text(OLD))
RING = Keyring((OLD_KEY, PartyKey("beijing", public_key_text(BEIJING))))


def envelope(key=OLD, *, sender="seoul", at=AT, sequence=1, kind="heartbeat", body=None):
    names = key_id(public_key_text(key))
    previous = FIRST_PREVIOUS if sequence == 1 else "ab" * 32
    other = "seoul" if sender == "beijing" else "beijing"
    return Envelope(sender, other, sequence, previous, kind, "node", iso(at), names, body or {})


def bring(ledger, packed, ring=RING, at=AT, party="beijing"):
    """Take a parcel and return why it was refused, or nothing."""
    receiver = Receiver(party, tuple({"seoul", "beijing"} - {party}), ring.key_of, ring.check_arrival)
    with ledger.write() as conn:
        outcome = take(conn, receiver, Parcel("folder", "x", packed), at)
        return read_refused(conn)[0].reason if outcome == "refused" else ""


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ledger
    ledger.close()


def altered(packed, **members):
    text = json.loads(gzip.decompress(packed))
    return gzip.compress(
        json.dumps(text | members, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(),
        mtime=0,
    )


GOOD = seal(envelope(), OLD)
ATTACKS = {
    "altered": (altered(GOOD, body={"handled": 9}), "forged"),
    "of another sender": (altered(GOOD, sender="beijing", recipient="seoul"), "unknown key"),
    "redirected": (altered(GOOD, recipient="tokyo"), "forged"),
    "signed by nobody": (altered(GOOD, signature="A" * 86 + "=="), "forged"),
    "by a key of nobody": (seal(envelope(THIEF), THIEF), "unknown key"),
    "truncated": (GOOD[:-9], "truncated"),
    "huge": (b"\x1f\x8b" + bytes(MAXIMUM_PACKED), "huge"),
    "a bomb": (gzip.compress(b" " * (33 * 2**20), mtime=0), "huge"),
    "noise": (b"\x80\x04cos\nsystem\n", "damaged"),
    "for another party": (seal(replace(envelope(), recipient="tokyo"), OLD), "misdirected"),
    "by the other party for us": (seal(envelope(BEIJING), BEIJING), "unknown key"),
    "from the future": (seal(envelope(at=AT + SKEW + HOUR), OLD), "future"),
}


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_attack_is_refused_with_its_reason(ledger, attack):
    packed, reason = ATTACKS[attack]
    assert bring(ledger, packed) == reason
    assert bring(ledger, GOOD) == ""


def test_a_replay_is_taken_once_only(ledger):
    receiver = Receiver("beijing", ("seoul",), RING.key_of, RING.check_arrival)
    with ledger.write() as conn:
        outcomes = [take(conn, receiver, Parcel("folder", "x", GOOD), AT + n * HOUR) for n in range(3)]
    assert outcomes == ["taken", "known", "known"]


@given(st.integers(-900, 900))
def test_clocks_may_differ_by_the_skew_and_no_more(seconds):
    refused = ""
    try:
        RING.check_arrival(envelope(at=AT + timedelta(seconds=seconds)), AT)
    except EnvelopeRefused as error:
        refused = error.reason
    assert refused == ("future" if seconds > SKEW.total_seconds() else "")


@pytest.mark.parametrize(
    ("hours", "old", "new"), [(-1, "", "expired"), (0, "", ""), (2, "", ""), (4, "expired", "")]
)
def test_in_a_rotation_both_keys_count_while_they_overlap(hours, old, new):
    body = announcement(PartyKey("seoul", public_key_text(NEW), valid_from=AT), OLD_KEY.id, AT + 3 * HOUR)
    ring = told(RING, envelope(at=AT - HOUR, kind="key", body=body))

    def reason(key):
        try:
            ring.key_of("seoul", key_id(public_key_text(key)), AT + hours * HOUR)
        except EnvelopeRefused as error:
            return error.reason
        return ""

    assert (reason(OLD), reason(NEW)) == (old, new)
    assert ring.valid("seoul", AT + 2 * HOUR)[0].public == public_key_text(NEW)


def test_a_revoked_key_signs_nothing_more_and_brings_nothing_new(ledger):
    ring = RING.revoked("seoul", OLD_KEY.id, AT, "laptop lost", last_sequence=2)
    late = AT + HOUR
    assert bring(ledger, seal(envelope(at=late), OLD), ring, late) == "revoked"
    assert bring(ledger, seal(envelope(at=AT - HOUR, sequence=3), OLD), ring, late) == "revoked"
    assert bring(ledger, seal(envelope(at=AT - HOUR, sequence=2), OLD), ring, late) == ""


def test_what_a_thief_announces_is_revoked_with_the_stolen_key():
    body = announcement(PartyKey("seoul", public_key_text(THIEF), valid_from=AT), OLD_KEY.id, AT + HOUR)
    ring = told(RING, envelope(at=AT, kind="key", body=body))
    assert ring.why_not("seoul", public_key_text(THIEF), AT + HOUR) == ""
    stolen = revocation(OLD_KEY.id, AT - HOUR, "stolen", 7)
    ring = told(ring, envelope(at=AT + HOUR, kind="key", body=stolen))
    assert "which announced it" in ring.why_not("seoul", public_key_text(THIEF), AT + HOUR)


def test_a_party_announces_and_revokes_only_its_own_keys():
    other = RING.keys[1]
    with pytest.raises(EnvelopeRefused, match="seoul has no key"):
        told(RING, envelope(kind="key", body=revocation(other.id, AT, "mischief", 1)))
    body = announcement(PartyKey("seoul", other.public, valid_from=AT), OLD_KEY.id, AT + HOUR)
    assert told(RING, envelope(kind="key", body=body)) == RING


def test_a_keyring_file_comes_back_as_it_was_written(tmp_path):
    full = PartyKey("seoul", public_key_text(NEW), AT, AT + HOUR, AT, 7, 'say "no" \\ now', OLD_KEY.id, AT)
    write_file(tmp_path / "keyring.toml", [OLD_KEY, full])
    assert set(read_file(tmp_path / "keyring.toml")) == {OLD_KEY, full}


@pytest.mark.parametrize("text", ["[[key]", "[[key]]\nparty = 'seoul'", "[[key]]\nparty='a'\npublic='x'", ""])
def test_a_damaged_keyring_is_named(tmp_path, text):
    (tmp_path / "keyring.toml").write_text(text)
    with pytest.raises((StorageError, UsageError)):
        read_file(tmp_path / "keyring.toml")


@pytest.mark.parametrize(
    "height", [0, 1, FIELD - 1, FIELD, FIELD + 1, EIGHTH, FIELD - EIGHTH, 1 + 2**255, EIGHTH + 2**255]
)
def test_a_key_under_which_anybody_can_sign_is_none(height):
    weak = b64encode(height.to_bytes(32, "little")).decode()
    with pytest.raises(UsageError, match="no Ed25519 public key"):
        check_public(weak)


def test_a_key_has_one_text():
    public = public_key_text(OLD)
    assert check_public(public) == public
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    again = public[:-2] + digits[digits.index(public[-2]) + 1] + "="
    assert b64decode(again) == b64decode(public)
    with pytest.raises(UsageError):
        check_public(again)
