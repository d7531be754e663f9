"""The operator is told of what looks like an attack; a revoked key's limits come from the ledger."""

from __future__ import annotations

import email
import email.policy
import json
from datetime import timedelta

import pytest

from flows.key_care import revoke_key
from flows.node import node_of, own_key
from pipeline.errors import UsageError
from pipeline.exchange.envelope import Envelope, key_id, seal
from pipeline.exchange.heard import parcel_name
from pipeline.exchange.keys import public_key_text
from pipeline.ledger.envelopes import read_sent
from pipeline.times import iso, parse_instant
from tests.flows.exchange_pair import Pair, let_ask
from tests.ledger_files import drop_triggers


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.exchange.STEPS", [])
    made = Pair(tmp_path)
    yield made
    made.close()


def told(pair, party):
    files = sorted((pair.root / party / "outbox").glob("*operator*"))
    mails = [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files]
    return [f"{m['Subject']} {' '.join(m.get_content().split())}" for m in mails]


def with_operator(pair, party):
    pair.nodes[party].ledger.close()
    pair.open(party, operator_address="operator@example.org")


def test_a_second_envelope_of_one_number_is_told_once(pair, monkeypatch):
    said, _ = let_ask(monkeypatch)
    with_operator(pair, "beijing")
    said["seoul"] = [1]
    pair.rounds(1)
    seoul = pair.nodes["seoul"]
    key = own_key(seoul, "seoul")
    with seoul.ledger.read() as conn:
        first = read_sent(conn, "beijing")[1]
        previous = read_sent(conn, "beijing")[0].digest
    at = iso(pair.clock())
    name = key_id(public_key_text(key))
    other = Envelope("seoul", "beijing", first.sequence, previous, "heartbeat", "node", at, name, {"n": 2})
    inbox = pair.mount / "seoul-beijing" / parcel_name("seoul", "beijing", 99, other.digest)
    inbox.write_bytes(seal(other, key))
    assert pair.round("beijing").peers[0].refused == 1
    (mail,) = told(pair, "beijing")
    assert mail.startswith("[sameair exchange] 1 in trouble")
    assert "1 forked" in mail
    assert "telephone the other side" in mail
    inbox.unlink()
    pair.round("beijing")
    assert len(told(pair, "beijing")) == 1
    pair.clock.now += timedelta(days=3)
    pair.round("beijing")
    assert "over: exchange refusals" in told(pair, "beijing")[-1]


def test_a_trail_that_was_rewritten_is_told(pair, monkeypatch):
    said, _ = let_ask(monkeypatch)
    with_operator(pair, "seoul")
    said["seoul"] = [1]
    pair.rounds(3)
    assert told(pair, "seoul") == []
    with pair.nodes["seoul"].ledger.write() as conn:
        drop_triggers(conn)
        first = "CASE substr(digest, 1, 1) WHEN 'f' THEN 'e' ELSE 'f' END"
        conn.exec_driver_sql(f"UPDATE audit SET digest = {first} || substr(digest, 2)")
    pair.rounds(1)
    (mail,) = told(pair, "seoul")
    assert "it was rewritten" in mail
    assert "sameair audit verify --against-peer" in mail


# ---- limits of a revoked key


def fingerprint_of(pair, party):
    return key_id(public_key_text(own_key(pair.nodes[party], party)))


def test_of_anothers_key_what_was_held_by_then_counts_and_nothing_else(pair, monkeypatch):
    said, _ = let_ask(monkeypatch)
    said["seoul"] = [1, 2]
    pair.rounds(2)
    beijing, held = pair.nodes["beijing"], pair.handled("beijing", "seoul")
    found = revoke_key(beijing, "seoul", fingerprint_of(pair, "seoul"), "li", "kim rang")
    assert found["up to envelope"] == held
    said["seoul"] = [1, 2, 3]
    pair.round("seoul")
    assert pair.round("beijing").peers[0].refused >= 1
    assert pair.handled("beijing", "seoul") == held
    last = len(pair.chain("seoul", "beijing"))
    since = parse_instant(found["since"])
    revoke_key(beijing, "seoul", fingerprint_of(pair, "seoul"), "li", "kim told the number", since, last)
    pair.rounds(1)
    assert pair.handled("beijing", "seoul") >= last, "without effect, but the chain goes on"
    with beijing.ledger.read() as conn:
        query = f"SELECT outcome FROM envelopes_handled WHERE sequence > {held} AND sequence <= {last}"
        assert set(conn.exec_driver_sql(query).scalars()) == {"revoked"}


@pytest.mark.slow
def test_the_last_trusted_envelope_gives_the_instant_and_names_what_falls(pair, monkeypatch):
    said, _ = let_ask(monkeypatch)
    said["seoul"] = [1]
    pair.rounds(1)
    pair.clock.now += timedelta(hours=1)
    said["seoul"] = [1, 2, 3]
    pair.rounds(1)
    beijing = pair.nodes["beijing"]
    found = revoke_key(beijing, "seoul", fingerprint_of(pair, "seoul"), "li", "stolen", after=1)
    with pair.nodes["seoul"].ledger.read() as conn:
        sent = read_sent(conn, "beijing")
    assert found["since"] == iso(sent[0].at)
    later = [row.sequence for row in sent if row.at > sent[0].at]
    assert found["no longer counts"].startswith(", ".join(str(n) for n in [2, *later[1:]])[:1])
    assert json.dumps(found)


def test_an_envelope_that_is_not_held_names_no_instant(pair):
    with pytest.raises(UsageError, match="give --since"):
        revoke_key(pair.nodes["beijing"], "seoul", fingerprint_of(pair, "seoul"), "li", "stolen", after=99)
    found = revoke_key(
        pair.nodes["beijing"], "seoul", fingerprint_of(pair, "seoul"), "li", "stolen", pair.clock(), 99
    )
    assert found["up to envelope"] == 99


def test_of_an_own_key_the_instant_is_that_of_the_last_trusted_envelope(pair, monkeypatch):
    said, _ = let_ask(monkeypatch)
    said["seoul"] = [1]
    pair.rounds(2)
    seoul = pair.nodes["seoul"]
    with seoul.ledger.read() as conn:
        sent = read_sent(conn, "beijing")
    found = revoke_key(seoul, "seoul", fingerprint_of(pair, "seoul"), "kim", "stolen", after=1)
    assert found["since"] == iso(sent[0].at)
    assert found["new key"]
    pair.round("seoul")
    pair.round("beijing")
    ring = node_of(pair.nodes["beijing"]).ring
    assert "revoked" in ring.fault(ring.of("seoul")[0], pair.clock())
