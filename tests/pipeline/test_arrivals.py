"""Whatever the network does to envelopes, a node handles each once and in order, and says what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from pipeline.errors import EnvelopeRefused, UsageError
from pipeline.exchange.arrivals import Parcel, Receiver, gaps, handle_next, take
from pipeline.exchange.envelope import FIRST_PREVIOUS, Envelope, key_id, seal
from pipeline.exchange.keys import public_key_text
from pipeline.exchange.post import Message, Sender, post
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.envelopes import list_received, read_refused, read_sent

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEOUL = Sender("seoul", KEY)


def key_of(party, _key, _at):
    if party != "seoul":
        raise EnvelopeRefused("stranger", f"no key of {party}")
    return public_key_text(KEY)


BEIJING = Receiver("beijing", ("seoul",), key_of)


@pytest.fixture(autouse=True, scope="module")
def _bodies_of_any_form():
    """Here bodies are mere numbers; their schemas have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("post", "arrivals"):
            patch.setattr(f"pipeline.exchange.{module}.check_body", lambda kind, body: None)
        yield


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ledger
    ledger.close()


def say(conn, number):
    return post(conn, SEOUL, Message("beijing", "question", "live", f"q{number}", {"n": number}), AT)


def bring(conn, packed, receiver=BEIJING):
    return take(conn, receiver, Parcel("folder", "x.json.gz", packed), AT)


def handle_all(conn, heard):
    def handler(_conn, envelope, _at):
        heard.append(envelope.body["n"])
        return "heard"

    while handle_next(conn, BEIJING, "seoul", {"question": handler}, AT):
        pass


def test_the_same_occasion_is_said_once_and_the_chain_is_whole(ledger):
    with ledger.write() as conn:
        rows = [say(conn, n) for n in (1, 2, 1, 3)]
    assert [r.sequence for r in rows] == [1, 2, 1, 3]
    assert rows[0] == rows[2]


def test_what_is_rolled_back_was_never_said(ledger):
    class CrashError(Exception):
        pass

    def crash():
        with ledger.write() as conn:
            say(conn, 1)
            raise CrashError

    with pytest.raises(CrashError):
        crash()
    with ledger.write() as conn:
        assert read_sent(conn, "beijing") == []
        assert say(conn, 2).sequence == 1


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=14), st.randoms(use_true_random=False))
def test_any_order_and_repetition_is_handled_once_in_order(tmp_path_factory, order, chance):
    ledger = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('x')}/ledger.sqlite")
    heard = []
    try:
        with ledger.write() as conn:
            packed = [say(conn, n).packed for n in range(6)]
        for n in order:
            with ledger.write() as conn:
                bring(conn, packed[n])
                if chance.random() < 0.5:
                    handle_all(conn, heard)
        with ledger.write() as conn:
            handle_all(conn, heard)
            whole = next(n for n in range(7) if n not in set(order))
            assert heard == list(range(whole))
            beyond = sorted(n for n in set(order) if n > whole)
            missing = {n for first, last in gaps(conn, "seoul") for n in range(first - 1, last)}
            assert missing == (set(range(whole, beyond[-1])) - set(order) if beyond else set())
            assert verify_audit(conn).ok
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({"recipient": "shanghai"}, "misdirected"),
        ({"sender": "shanghai"}, "stranger"),
    ],
)
def test_what_is_not_ours_is_refused_and_recorded_once(ledger, envelope, reason):
    given = {"sender": "seoul", "recipient": "beijing", **envelope}
    sealed = seal(
        Envelope(
            **given,
            sequence=1,
            previous=FIRST_PREVIOUS,
            kind="heartbeat",
            world="live",
            created_at="2026-01-14T02:00:00Z",
            key=key_id(public_key_text(KEY)),
            body={},
        ),
        KEY,
    )
    with ledger.write() as conn:
        assert [bring(conn, sealed), bring(conn, sealed)] == ["refused", "refused"]
        assert [r.reason for r in read_refused(conn)] == [reason]


def test_two_different_envelopes_of_one_number_are_a_fork_that_is_kept_as_evidence(ledger, tmp_path):
    other = open_ledger(f"sqlite:///{tmp_path}/other.sqlite")
    with ledger.write() as conn, other.write() as forged:
        first = say(conn, 1)
        assert bring(conn, first.packed) == "taken"
        assert bring(conn, say(forged, 7).packed) == "refused"
        assert read_refused(conn)[0].reason == "forked"
    other.close()


def test_a_chain_that_does_not_follow_stops_and_says_so(ledger, tmp_path):
    other = open_ledger(f"sqlite:///{tmp_path}/other.sqlite")
    with ledger.write() as conn, other.write() as elsewhere:
        bring(conn, say(conn, 1).packed)
        say(elsewhere, 8)
        bring(conn, say(elsewhere, 9).packed)
        handle_next(conn, BEIJING, "seoul", {}, AT)
        with pytest.raises(EnvelopeRefused, match="does not follow"):
            handle_next(conn, BEIJING, "seoul", {}, AT)
    other.close()


def test_a_handler_that_fails_leaves_nothing_half_done_and_holds_up_nobody(ledger):
    def failing(conn, envelope, _at):
        post(conn, SEOUL, Message("shanghai", "answer", "live", "half", {}), AT)
        raise UsageError(f"cannot do {envelope.body['n']}")

    with ledger.write() as conn:
        for n in (1, 2):
            bring(conn, say(conn, n).packed)
        row = handle_next(conn, BEIJING, "seoul", {"question": failing}, AT)
        assert row is not None
        assert read_sent(conn, "shanghai") == []
        handle_all(conn, heard := [])
    assert heard == [2]
    with ledger.read() as conn:
        notes = [tuple(r) for r in conn.execute(text("SELECT outcome, note FROM envelopes_handled"))]
    assert notes == [("failed", "cannot do 1"), ("done", "heard")]


def test_what_was_sent_or_received_is_never_changed(ledger):
    with ledger.write() as conn:
        bring(conn, say(conn, 1).packed)
        assert len(list_received(conn, "seoul")) == 1
    for table in ("envelopes_sent", "envelopes_received"):
        with pytest.raises(IntegrityError, match="never changed"), ledger.write() as conn:
            conn.execute(text(f"DELETE FROM {table}"))


def test_a_clock_that_is_ahead_changes_nothing_of_the_order(ledger):
    with ledger.write() as conn:
        late = post(
            conn, SEOUL, Message("beijing", "question", "live", "a", {"n": 1}), AT + timedelta(days=1)
        )
        bring(conn, say(conn, 2).packed)
        bring(conn, late.packed)
        handle_all(conn, heard := [])
    assert heard == [1, 2]
