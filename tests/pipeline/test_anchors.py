"""A trail that was rewritten no longer fits what the other party repeats of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.exchange.anchors import anchor_faults, claims, head_fault, own_head
from pipeline.exchange.arrivals import Parcel, Receiver, handle_next, take
from pipeline.exchange.keyring import Keyring, PartyKey
from pipeline.exchange.keys import public_key_text
from pipeline.exchange.post import Message, Sender, post
from pipeline.exchange.statements import NODE_WORLD, statement
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import append_audit, row_digest, verify_audit
from pipeline.ledger.tables import audit, audit_head
from tests.ledger_files import drop_triggers

AT = datetime(2026, 1, 14, 2, tzinfo=UTC)
KEYS = {p: Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n, p in enumerate(("beijing", "seoul"))}
RING = Keyring(tuple(PartyKey(p, public_key_text(k)) for p, k in KEYS.items()))


class Side:
    """A party's ledger, and what it says and hears."""

    def __init__(self, party, peer, folder):
        self.party, self.peer = party, peer
        self.ledger = open_ledger(f"sqlite:///{folder}/{party}.sqlite")
        self.said = 0

    def decide(self, what):
        with self.ledger.write() as conn:
            append_audit(conn, at=AT, actor="kim", action="warning.approve", subject=what, payload={})

    def tell(self, other):
        self.said += 1
        with self.ledger.write() as conn:
            body = statement(conn, self.party, self.peer) | claims(conn, self.peer)
            message = Message(self.peer, "receipt", NODE_WORLD, f"r{self.said}", body)
            row = post(conn, Sender(self.party, KEYS[self.party]), message, AT + timedelta(seconds=self.said))
        receiver = Receiver(self.peer, (self.party,), RING.key_of, RING.check_arrival)
        with other.ledger.write() as conn:
            assert take(conn, receiver, Parcel("folder", "x", row.packed), AT) == "taken"
            assert handle_next(conn, receiver, self.party, {"receipt": lambda *_: "noted"}, AT)

    def faults(self):
        with self.ledger.read() as conn:
            return anchor_faults(conn, self.peer)


@pytest.fixture
def sides(tmp_path):
    seoul, beijing = Side("seoul", "beijing", tmp_path), Side("beijing", "seoul", tmp_path)
    yield seoul, beijing
    for side in (seoul, beijing):
        side.ledger.close()


def rewrite(ledger, seq, subject):
    """Alter a row and every digest after it, and the head, as one who holds the whole file can."""
    with ledger.engine.begin() as conn:
        drop_triggers(conn)
        rows = [dict(r._mapping) for r in conn.execute(sa.select(audit).order_by(audit.c.seq))]
        conn.execute(sa.delete(audit))
        previous = "0" * 64
        for row in rows:
            row["subject"] = subject if row["seq"] == seq else row["subject"]
            names = ("seq", "at", "actor", "action", "subject", "payload")
            row["previous"], row["digest"] = previous, row_digest((*(row[n] for n in names), previous))
            previous = row["digest"]
            conn.execute(sa.insert(audit).values(**row))
        conn.execute(sa.update(audit_head).values(digest=previous))
        assert verify_audit(conn).ok


def exchange(sides):
    seoul, beijing = sides
    for n in range(3):
        seoul.decide(f"w{n}")
        seoul.tell(beijing)
        beijing.tell(seoul)


def test_two_honest_trails_fit(sides):
    exchange(sides)
    assert [side.faults() for side in sides] == [[], []]


def test_a_trail_rewritten_by_who_holds_the_ledger_is_found(sides):
    exchange(sides)
    seoul, _ = sides
    rewrite(seoul.ledger, 1, "another warning")
    faults = seoul.faults()
    assert any("as beijing holds it" in f and "rewritten" in f for f in faults)
    assert any("as beijing was told" in f for f in faults)


def test_the_other_side_repeats_it_even_to_a_ledger_that_forgot_all_envelopes(sides, tmp_path):
    exchange(sides)
    seoul, beijing = sides
    fresh = Side("seoul", "beijing", tmp_path / "restored")
    with fresh.ledger.write() as conn:
        for n in range(9):
            append_audit(conn, at=AT, actor="kim", action="x", subject=f"v{n}", payload={})
        body = claims(seoul.ledger.engine.connect(), "beijing")
    with beijing.ledger.read() as conn:
        repeated = claims(conn, "seoul")["anchored"]
    from pipeline.exchange.anchors import anchor_fault

    with fresh.ledger.read() as conn:
        assert "rewritten" in anchor_fault(conn, "beijing", {"anchored": repeated})
    assert body["audit"]["sequence"] > repeated["sequence"]
    fresh.ledger.close()


def test_a_head_of_the_other_that_went_back_or_changed_is_named(sides):
    seoul, beijing = sides
    exchange(sides)
    rewrite(beijing.ledger, 1, "another")
    with beijing.ledger.engine.begin() as conn:
        conn.execute(sa.delete(audit).where(audit.c.seq > 2))
        last = conn.execute(sa.select(audit).order_by(audit.c.seq.desc()).limit(1)).one()
        conn.execute(sa.update(audit_head).values(seq=last.seq, digest=last.digest))
    beijing.tell(seoul)
    assert any("went back" in f for f in seoul.faults())


def test_a_printed_head_is_compared(sides):
    seoul, _ = sides
    seoul.decide("w1")
    with seoul.ledger.read() as conn:
        printed = str(own_head(conn))
        assert head_fault(conn, printed) == ""
        assert "missing" in head_fault(conn, "99-" + "a" * 16)
        assert "is no head" in head_fault(conn, "ninety")
    rewrite(seoul.ledger, 1, "w2")
    with seoul.ledger.read() as conn:
        assert "rewritten" in head_fault(conn, printed)
