"""What is simulated stays simulated, whoever sends it; each node keeps its worlds apart."""

from __future__ import annotations

import pytest

from alerts.examples import example_content
from alerts.joint import evidence_digest, rank_of
from flows.node import node_of
from pipeline.bulletins import read_bulletins
from pipeline.exchange.canonical import digest
from pipeline.exchange.post import Message, post
from pipeline.ledger.agreement import statements_of
from tests.flows.exchange_pair import Pair


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.exchange.POSTERS", [])
    made = Pair(tmp_path)
    yield made
    made.close()


def send(pair, kind, world, body):
    """Let Seoul say something in a world, and return what Beijing made of it."""
    seoul = pair.nodes["seoul"]
    with seoul.ledger.write() as conn:
        row = post(conn, node_of(seoul).sender, Message("beijing", kind, world, "said", body), pair.clock())
    pair.rounds(1)
    with pair.nodes["beijing"].ledger.read() as conn:
        query = f"SELECT outcome, note FROM envelopes_handled WHERE sequence = {row.sequence}"
        return tuple(conn.exec_driver_sql(query).one())


def offer(content, world):
    data = content.to_dict()
    cities = "+".join(sorted(c.city for c in content.cities))
    return {
        "slot": f"{world}|{cities}|{content.issue_time}|0",
        "round": 1,
        "digest": digest(data),
        "rank": list(rank_of(data)),
        "evidence": evidence_digest(data),
        "content": data,
    }


def test_a_simulated_text_in_a_measured_envelope_is_refused(pair):
    content = example_content()
    outcome, note = send(pair, "proposal", "elsewhere", offer(content, content.world))
    assert outcome == "unfit"
    assert "another world" in note
    with pair.nodes["beijing"].ledger.read() as conn:
        assert statements_of(conn, offer(content, content.world)["slot"]) == []


def test_a_simulated_measure_never_stands_among_measured_ones(pair):
    measure = {
        "id": "m1",
        "city": "seoul",
        "level": "1",
        "area": "Seoul",
        "start": "2026-01-14T02:00:00Z",
        "stop": None,
        "legal_basis": "act",
        "state": "in_force",
        "note": "",
    }
    outcome, note = send(pair, "measures", "simulated-7", {"measures": [measure]})
    assert outcome == "done", note
    with pair.nodes["beijing"].ledger.read() as conn:
        assert read_bulletins(conn, "measured", as_of=pair.clock(), kind="measures") == []
        assert len(read_bulletins(conn, "simulated-7", as_of=pair.clock(), kind="measures")) == 1
