"""What a hostile sender or folder can try beyond forging: memory, numbers, names, poison, replay."""

from __future__ import annotations

import gzip
import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.errors import ContractError, EnvelopeRefused
from pipeline.exchange.arrivals import Parcel, Receiver, handle_next, take
from pipeline.exchange.bodies import check_body
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.envelope import FIRST_PREVIOUS, Envelope, key_id, seal, unseal
from pipeline.exchange.key_notices import announcement, told
from pipeline.exchange.keyring import Keyring, PartyKey
from pipeline.exchange.keys import public_key_text, sign
from pipeline.ledger import open_ledger
from pipeline.ledger.envelopes import last_handled, read_refused
from pipeline.times import iso

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY, NEXT = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2))
OWN = PartyKey("seoul", public_key_text(KEY))
RING = Keyring((OWN,))
BODY = {"handled": 0, "handled_digest": "0" * 64, "newest": 0, "missing": [], "refused": []}


def envelope(number=1, previous=FIRST_PREVIOUS, *, at=AT, key=KEY, **members):
    said = {"kind": "heartbeat", "world": "node", "body": BODY} | members
    return Envelope(
        sender="seoul",
        recipient="beijing",
        sequence=number,
        previous=previous,
        created_at=iso(at),
        key=key_id(public_key_text(key)),
        **said,
    )


def packed_text(text):
    return gzip.compress(text if isinstance(text, bytes) else text.encode(), mtime=0)


def reason(packed):
    with pytest.raises(EnvelopeRefused) as refused:
        unseal(packed, RING.key_of)
    return refused.value.reason


def signed(**members):
    """Return packed bytes with any members, signed rightly: what a party with its own key can write."""
    text = json.loads(envelope().text) | members
    signature = sign(KEY, b"sameair-envelope/1\n" + canonical_json(text))
    return packed_text(canonical_json({**text, "signature": signature}))


GOOD = gzip.decompress(seal(envelope(), KEY)).decode()
TEXTS = {
    "a member twice": GOOD.replace('"kind":"heartbeat"', '"kind":"heartbeat","kind":"key"'),
    "another order": json.dumps(dict(reversed(json.loads(GOOD).items())), separators=(",", ":")),
    "white space": GOOD.replace(":", ": ", 1),
    "not a number": GOOD.replace('"handled":0', '"handled":NaN'),
    "infinity": GOOD.replace('"handled":0', '"handled":Infinity'),
    "a huge exponent": GOOD.replace('"handled":0', '"handled":1e999'),
    "minus zero": GOOD.replace('"handled":0', '"handled":-0.0'),
    "a fraction that is whole": GOOD.replace('"handled":0', '"handled":0.0'),
    "ten thousand digits": GOOD.replace('"handled":0', '"handled":' + "9" * 10_000),
    "an escaped letter": GOOD.replace('"node"', '"n\\u006fde"'),
    "a lone surrogate": GOOD.replace('"node"', '"\\ud800"'),
    "a byte order mark": "\ufeff" + GOOD,
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "a list": "[]",
    "no text at all": b"\xff\xfe\x00",
    "two documents": GOOD + GOOD,
}


@pytest.mark.parametrize("what", sorted(TEXTS))
def test_only_one_text_stands_for_an_envelope(what):
    assert TEXTS[what] != GOOD
    assert reason(packed_text(TEXTS[what])) in ("damaged", "unknown")


MEMBERS = {
    "a path": ({"world": "../../etc"}, "damaged"),
    "a path that is absolute": ({"world": "/tmp"}, "damaged"),
    "a hidden folder": ({"world": ".world"}, "damaged"),
    "a world of spaces": ({"world": " "}, "damaged"),
    "a kind of its own": ({"kind": "run"}, "damaged"),
    "itself": ({"recipient": "seoul"}, "damaged"),
    "a number with a fraction": ({"sequence": 1.5}, "damaged"),
    "yes for one": ({"sequence": True}, "damaged"),
    "the year one": ({"created_at": "0001-01-01T00:00:00Z"}, "damaged"),
    "the last year": ({"created_at": "9999-12-31T23:59:59Z"}, "damaged"),
    "no instant": ({"created_at": "noonZ"}, "damaged"),
    "a member more": ({"run": "rm"}, "damaged"),
    "another format": ({"schema": "sameair-envelope/2"}, "unknown"),
    "deep objects": ({"body": json.loads('{"a":' * 80 + "{}" + "}" * 80)}, "damaged"),
}


@pytest.mark.parametrize("what", sorted(MEMBERS))
def test_a_signature_makes_no_odd_envelope_good(what):
    members, expected = MEMBERS[what]
    assert reason(signed(**members)) == expected


def test_names_that_look_alike_are_not_the_same():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    one, other = (envelope(body={**BODY, "refused": [text]}) for text in (composed, decomposed))
    assert one.digest != other.digest
    assert unseal(seal(other, KEY), RING.key_of).body["refused"] == [decomposed]


def test_many_small_values_are_refused_before_they_fill_the_memory():
    text = b'{"body":[' + b"[]," * 600_000 + b"[]]}"
    assert len(gzip.compress(text, mtime=0)) < 20_000
    assert reason(packed_text(text)) == "huge"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"handled": 2**60}, "beyond"),
        ({"refused": ["0001-01-01T00:00:00Z"]}, "year"),
        ({"refused": ["a\0b"]}, "control"),
    ],
)
def test_values_that_no_program_can_use_are_malformed(body, fault):
    with pytest.raises(ContractError, match=fault):
        check_body("heartbeat", BODY | body)


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_key_of_an_impossible_time_cannot_be_announced(instant):
    key = PartyKey("seoul", public_key_text(NEXT), valid_from=AT)
    body = announcement(key, OWN.id, AT)
    for member in ("valid_from", "replaced_until"):
        with pytest.raises(ContractError, match="year"):
            check_body("key", body | {member: instant})
        with pytest.raises(EnvelopeRefused):
            told(RING, envelope(kind="key", body=body | {member: instant}))


# ---- what was signed well, and poisons what handles it


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ledger
    ledger.close()


def chain(*envelopes):
    """Return envelopes linked and sealed."""
    packed, previous = [], FIRST_PREVIOUS
    for number, (one, key) in enumerate(envelopes, 1):
        linked = replace(one, sequence=number, previous=previous)
        packed.append(seal(linked, key))
        previous = linked.digest
    return packed


def bring(ledger, ring, packed, at):
    receiver = Receiver("beijing", ("seoul",), ring.key_of, ring.check_arrival, ring.arrival_key_of)
    with ledger.write() as conn:
        return [take(conn, receiver, Parcel("folder", "x", one), at) for one in packed]


def handled(ledger, ring, handlers, at=AT):
    receiver = Receiver("beijing", ("seoul",), ring.key_of, ring.check_arrival, ring.arrival_key_of)
    with ledger.write() as conn:
        while handle_next(conn, receiver, "seoul", handlers, at) is not None:
            pass
        rows = conn.exec_driver_sql("SELECT outcome, note FROM envelopes_handled ORDER BY sequence").all()
        assert last_handled(conn, "seoul").sequence == len(rows)
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("x"), OverflowError("y"), TypeError("z")])
def test_an_envelope_that_breaks_its_handler_stops_nothing_behind_it(ledger, error):
    packed = chain((envelope(), KEY), (envelope(), KEY))
    assert bring(ledger, RING, packed, AT) == ["taken", "taken"]
    before = audit_length(ledger)
    first, second = handled(ledger, RING, {"heartbeat": lambda c, e, a: broken_first(error, e)})
    assert first == ("failed", f"what it holds cannot be handled ({type(error).__name__})")
    assert second == ("done", "fine")
    assert audit_length(ledger) == before + 2


def broken_first(error, one):
    if one.sequence == 1:
        raise error
    return "fine"


def audit_length(ledger):
    with ledger.read() as conn:
        return conn.exec_driver_sql("SELECT count(*) FROM audit").scalar()


def test_a_revocation_dated_back_leaves_no_hole_in_the_chain(ledger):
    """Envelopes between the instant and the revocation are passed over; those behind them are handled."""
    ring = RING.with_key(PartyKey("seoul", public_key_text(NEXT)))
    ring = ring.revoked("seoul", OWN.id, AT, "laptop lost", last_sequence=2)
    packed = chain(
        (envelope(at=AT - HOUR), KEY),
        (envelope(at=AT + HOUR), KEY),
        (envelope(at=AT + 2 * HOUR, key=NEXT), NEXT),
    )
    assert bring(ledger, ring, packed, AT + 3 * HOUR) == ["taken", "taken", "taken"]
    outcomes = [
        outcome for outcome, _ in handled(ledger, ring, {"heartbeat": lambda *_: "fine"}, AT + 3 * HOUR)
    ]
    assert outcomes == ["done", "revoked", "done"]


def test_beyond_the_last_number_a_revoked_key_brings_nothing(ledger):
    ring = RING.revoked("seoul", OWN.id, AT, "laptop lost", last_sequence=1)
    packed = chain(
        (envelope(at=AT - HOUR), KEY), (envelope(at=AT - HOUR), KEY), (envelope(at=AT + HOUR), KEY)
    )
    assert bring(ledger, ring, packed, AT + 2 * HOUR) == ["taken", "refused", "refused"]


def test_a_successor_of_a_stolen_key_brings_nothing(ledger):
    body = announcement(PartyKey("seoul", public_key_text(NEXT), valid_from=AT), OWN.id, AT + HOUR)
    ring = told(RING, envelope(at=AT, kind="key", body=body))
    ring = ring.revoked("seoul", OWN.id, AT - HOUR, "stolen", last_sequence=9)
    assert bring(ledger, ring, chain((envelope(at=AT, key=NEXT), NEXT)), AT + HOUR) == ["refused"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"person": "wang\x1b[2J", "text": "t"}, "control"),
        ({"person": "wang\r\nBcc: x", "text": "t"}, "line break"),
        ({"person": "wang", "text": "no \u202ewarning"}, "control"),
        ({"person": "wang", "text": "\x9b2J"}, "control"),
        ({"person": "wang", "text": "\uffff"}, "control"),
        ({"person": "wang", "text": "two\nlines"}, ""),
    ],
)
def test_no_text_steers_a_terminal_or_hides_words(body, why):
    at = {"at": iso(AT), "due": iso(AT), "ring": {}, "subject": "s", "id": "seoul-" + "A" * 26}
    with pytest.raises(ContractError, match=why) if why else nullcontext():
        check_body("question", {**at, **body})


def test_what_is_told_of_a_refusal_is_short_and_can_be_printed(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    receiver = Receiver("beijing", ("seoul",), RING.key_of)
    parcels = [
        Parcel("https", "\ud800\x1b[2J", b""),
        Parcel("https", "x", signed(schema="x" * 2_000_000)),
        Parcel("https", "y", signed(**{"\x1b]0;title\x07": 1})),
    ]
    with ledger.write() as conn:
        assert [take(conn, receiver, p, AT) for p in parcels] == ["refused"] * 3
        rows = read_refused(conn)
    assert all(len(r.what) <= 500 and r.what.isprintable() and r.name.isprintable() for r in rows)
    ledger.close()


def test_an_announcement_ends_no_key_in_the_past():
    new = PartyKey("seoul", public_key_text(NEXT), valid_from=AT)
    body = announcement(new, OWN.id, AT - 1000 * HOUR)
    ring = told(RING, envelope(kind="key", body=body))
    assert ring.key_of("seoul", OWN.id, AT - HOUR), "what was signed before stays signed"
