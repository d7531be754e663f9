"""Two nodes say everything that can be said, by the program's own means, and each handles all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from alerts.content import WarningContent
from alerts.edits import edit_version
from alerts.examples import example_content, example_update
from alerts.warnings import propose_version
from flows.consult import answer, ask, seal_number
from flows.desk import Decision, approve_version, draft_ending, object_to_version
from flows.findings import propose_finding
from flows.key_care import rotate_key
from flows.measures import Measures, declare
from flows.said import Speaker
from pipeline.exchange.envelope import KINDS
from pipeline.ledger.envelopes import read_sent
from pipeline.ledger.exchange_tables import envelopes_handled, envelopes_received
from pipeline.ledger.warnings import read_versions
from pipeline.names import MEASURED
from pipeline.times import iso, parse_instant
from tests.flows.exchange_pair import Pair
from tests.flows.test_exchange_statements import make_run

CONTENT = example_content()
AS_OF = parse_instant(CONTENT.as_of)
SUBJECT = f"{CONTENT.world}|{CONTENT.issue_time}|seoul|2026-01-15|35"
PEER = {"seoul": "beijing", "beijing": "seoul"}
PERSON = {"seoul": "kim", "beijing": "wang"}


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    pair.clock.now = AS_OF
    yield pair
    pair.close()


def decide(pair, party):
    return Decision(party, PERSON[party], iso(pair.clock.now), deliver=False)


def propose(pair, party, content):
    with pair.nodes[party].ledger.write() as conn:
        propose_version(conn, content, parse_instant(content.as_of))


def approve(pair, party, text="", warning=CONTENT.warning_id):
    approve_version(pair.nodes[party], warning, None, decide(pair, party), text)


def versions(pair, party):
    with pair.nodes[party].ledger.read() as conn:
        return read_versions(conn, CONTENT.warning_id)


def measure(pair, value):
    """Let a simulated station of Beijing measure a value, or correct it."""
    row = {"station": "cnemc:1001A", "quantity": "pm2p5", "value": value, "qc": 0}
    rows = pd.DataFrame([row | {"time": (AS_OF - timedelta(hours=1)).replace(minute=0, tzinfo=None)}])
    store = replace(pair.nodes["beijing"].store, clock=lambda: pair.clock.now)
    store.append(rows.astype({"qc": np.int8, "time": "M8[ns]"}), source="cnemc", world=CONTENT.world)


def share(pair):
    """Say measurements and statements, then a correction."""
    measure(pair, 41.0)
    make_run(pair.nodes["beijing"])
    hours = ("2026-01-14T16:00:00Z", "2026-01-16T16:00:00Z")
    measures = Measures("2026-1", "beijing", "orange", "whole city", *hours, "emergency plan")
    declare(pair.nodes["beijing"], MEASURED, measures, "wang")
    pair.rounds()
    measure(pair, 43.0)
    pair.rounds()


def consult(pair):
    """Seal, open, ask, answer and rotate a key."""
    for party, number in (("seoul", 0.9), ("beijing", 0.7)):
        opens = pair.clock.now + timedelta(hours=1)
        seal_number(pair.nodes[party], SUBJECT, number, PERSON[party], opens)
    asked = ask(pair.nodes["seoul"], SUBJECT, "Do you see dust?", "kim", timedelta(minutes=30))
    pair.rounds()
    answer(pair.nodes["beijing"], asked["question"], "No.", "wang")
    rotate_key(pair.nodes["seoul"], "seoul", "kim")
    pair.rounds()


def agree(pair):
    """Offer, object, offer another text and approve it."""
    for party in PEER:
        propose(pair, party, CONTENT)
    pair.rounds()
    object_to_version(
        pair.nodes["beijing"], CONTENT.warning_id, None, decide(pair, "beijing"), "level too high"
    )
    approve(pair, "seoul")
    pair.rounds()
    text = replace(WarningContent.from_dict(versions(pair, "beijing")[0].content), level="J1")
    with pair.nodes["beijing"].ledger.write() as conn:
        counter = edit_version(conn, text, "wang", "counter-proposal", pair.clock.now)
    pair.rounds()
    approve(pair, "seoul", counter[:12])
    approve(pair, "beijing")
    pair.rounds()


def sent(pair, party):
    """Return the kinds of everything that a party said."""
    with pair.nodes[party].ledger.read() as conn:
        return [row.kind for row in read_sent(conn, PEER[party])]


def handled(pair, party):
    """Return kind and outcome of everything that a party handled."""
    h, r = envelopes_handled.c, envelopes_received.c
    joined = (h.sender == r.sender) & (h.sequence == r.sequence)
    query = select(r.kind, h.outcome, h.note).join_from(envelopes_handled, envelopes_received, joined)
    with pair.nodes[party].ledger.read() as conn:
        return [tuple(row) for row in conn.execute(query.order_by(h.sequence))]


def go_on(pair):
    """Update the joint warning, end it, then warn of Seoul alone and cancel that."""
    issued = WarningContent.from_dict(versions(pair, "seoul")[-1].content)
    later = replace(example_update(issued, level="J2"), references=())
    pair.clock.now = max(pair.clock.now, parse_instant(later.as_of))
    for party in PEER:
        propose(pair, party, later)
    pair.rounds()
    approve_both(pair)
    end(pair, CONTENT.warning_id, "all_clear")
    approve_both(pair)
    alone = replace(
        CONTENT,
        warning_id="01KEXAMP0E0000000000000002",
        product="single_city_warning",
        level="",
        parties=("seoul",),
        cities=tuple(c for c in CONTENT.cities if c.party == "seoul"),
        links=(),
        origins=(),
        issue_time=iso(pair.clock.now),
        as_of=iso(pair.clock.now),
        review_deadline=iso(pair.clock.now + timedelta(hours=2)),
    )
    propose(pair, "seoul", alone)
    approve(pair, "seoul", warning=alone.warning_id)
    pair.rounds()
    end(pair, alone.warning_id, "cancel")
    approve(pair, "seoul", warning=alone.warning_id)
    pair.rounds()


def look_back(pair):
    """Say what an episode that is over has taught."""
    propose_finding(
        pair.nodes["seoul"], MEASURED, "seoul-20260110", Speaker("seoul", "kim"), "It came early."
    )
    pair.rounds()


def approve_both(pair):
    for party in PEER:
        approve(pair, party)
    pair.rounds()


def end(pair, warning, kind):
    draft_ending(pair.nodes["seoul"], warning, kind, decide(pair, "seoul"), "it is over")
    pair.rounds()


@pytest.mark.slow
def test_every_kind_is_said_by_the_program_and_handled_on_the_other_side(pair):
    share(pair)
    consult(pair)
    agree(pair)
    go_on(pair)
    look_back(pair)
    found = [one for party in PEER for one in handled(pair, party)]
    assert [one for one in found if one[1] != "done"] == []
    assert {one[0] for one in found} == {kind for party in PEER for kind in sent(pair, party)}
    assert {kind for kind, _, _ in found} == set(KINDS)
    assert [v.state for v in versions(pair, "seoul")] == [v.state for v in versions(pair, "beijing")]
