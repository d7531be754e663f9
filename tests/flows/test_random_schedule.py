"""What must hold of two nodes whatever happens to them, at random: loss, cuts, crashes, restored backups."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from sqlalchemy import select

from alerts.joint import state_of
from alerts.joint_texts import offered_text, speaks_of_same_days
from pipeline.ledger.agreement import offer_of
from pipeline.ledger.agreement_tables import agreement_statements
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.exchange_tables import envelopes_handled, envelopes_refused
from pipeline.ledger.tables import audit
from pipeline.ledger.warnings import list_versions, read_events, read_signatures
from tests.flows.random_nodes import PARTIES, PEER, RandomNodes, prepare

pytestmark = pytest.mark.slow
DAMAGED = {"truncated", "damaged", "malformed", "unreadable"}


@pytest.mark.parametrize(("seed", "restore"), [(3, False), (4, False), (2, True), (5, True), (11, True)])
def test_nothing_is_issued_twice_unsigned_or_unlike(tmp_path, monkeypatch, seed, restore):
    nodes = RandomNodes(tmp_path, seed, prepare(monkeypatch), restore=restore)
    for number in range(120):
        nodes.step()
        if number % 10 == 0:
            check(nodes)
    nodes.settle()
    assert bool(nodes.restored) == restore
    check(nodes)
    check_end(nodes)
    nodes.close()


def wrong(nodes, what):
    return f"{what}\n" + "\n".join(map(str, nodes.log))


def check(nodes):
    """Check what must hold at any time."""
    issued = {}
    for party in PARTIES:
        with nodes.ws[party].ledger.read() as conn:
            for row in list_versions(conn, limit=10_000):
                check_version(conn, nodes, party, row, issued)
            mails = Counter(message.message_id for message in read_outbox(conn))
            check_heard(conn, nodes, party)
        assert set(mails.values()) <= {1}, wrong(nodes, f"{party} wrote a message twice")
    assert all(len(texts) == 1 for texts in issued.values()), wrong(nodes, f"unlike texts: {issued}")


def check_version(conn, nodes, party, row, issued):
    """Check one version: issued and ended once at most, and only with the signatures of its parties."""
    states = [e.state for e in read_events(conn, row.warning_id) if e.version == row.version]
    name = f"{row.warning_id} v{row.version} of {party}: {states}"
    assert states.count("issued") <= 1, wrong(nodes, name)
    assert sum(s in ("ended", "cancelled") for s in states) <= 1, wrong(nodes, name)
    if "issued" in states:
        signed = read_signatures(conn, row.warning_id, row.version)
        mine = (row.content_digest, "approve")
        approved = {s.party for s in signed if (s.content_digest, s.decision) == mine}
        assert party in row.content["parties"], wrong(nodes, name)
        assert set(row.content["parties"]) <= approved, wrong(nodes, name)
        if row.content["product"] == "joint_warning":
            issued.setdefault((row.warning_id, row.version), set()).add(row.content_digest)


def check_heard(conn, nodes, party):
    """Check that nothing but what the way cut was refused, and all that was handled was understood.

    A vote about a text that a restored ledger had lost is unknown at first, and heard anew by the recovery.
    """
    refused = {r.reason for r in conn.execute(select(envelopes_refused))} - DAMAGED
    assert not refused, wrong(nodes, f"{party} refused {refused}")
    query = select(audit.c.subject).where(audit.c.action == "envelope.handled_anew")
    anew = set(conn.execute(query).scalars())
    for row in conn.execute(select(envelopes_handled)):
        is_anew = row.outcome == "unknown" and f"{PEER[party]}-{party}-{row.sequence}" in anew
        assert row.outcome == "done" or is_anew, wrong(nodes, f"{party} {row.sequence} {row.note}")


def check_end(nodes):
    """Check both nodes once all has passed: equal statements and states, and what was agreed became joint."""
    said, states = zip(*(statements(nodes, party) for party in PARTIES), strict=True)
    assert said[0] == said[1], wrong(nodes, f"statements differ: {[x[:5] for x in said[0] ^ said[1]]}")
    assert states[0] == states[1], wrong(nodes, "slots differ")
    with nodes.ws["seoul"].ledger.read() as conn:
        agreed = [offer_of(conn, s.agreed) for s in states[0].values() if s.agreed]
    for one, two in combinations(agreed, 2):
        texts = [offered_text(one), offered_text(two)]
        are_new = all(t["kind"] in ("alert", "update") for t in texts)
        is_same = texts[0]["issue_time"] == texts[1]["issue_time"] and speaks_of_same_days(*texts)
        assert not (are_new and is_same), wrong(nodes, f"{one.slot} and {two.slot} are about the same")
        assert (one.warning_id, one.version) != (two.warning_id, two.version), wrong(nodes, one.slot)
    for offer in agreed:
        for party in PARTIES:
            assert is_followed(nodes, party, offer), wrong(nodes, f"{party} did not follow {offer.slot}")


def statements(nodes, party):
    """Return what both said as a node holds it, and where each slot stands."""
    with nodes.ws[party].ledger.read() as conn:
        rows = list(conn.execute(select(agreement_statements)))
        slots = sorted({r.slot for r in rows if r.kind == "offer"})
        states = {slot: state_of(conn, slot) for slot in slots}
    return {(r.party, r.slot, r.round, r.kind, r.digest, r.body) for r in rows}, states


def is_followed(nodes, party, offer):
    """Tell whether a node issued an agreed text, or wrote down why not."""
    with nodes.ws[party].ledger.read() as conn:
        rows = {(v.warning_id, v.version): v for v in list_versions(conn, limit=10_000)}
        events = read_events(conn, offer.warning_id)
        query = select(audit.c.action, audit.c.payload).where(audit.c.subject == offer.warning_id)
        told = [a for a, payload in conn.execute(query) if offer.digest[:16] in str(payload)]
    row = rows.get((offer.warning_id, offer.version))
    is_issued = any((e.version, e.state) == (offer.version, "issued") for e in events)
    is_its = row is not None and row.content_digest == offer.digest
    return (is_its and is_issued) or bool({"joint.recorded_only", "joint.waits"} & set(told))
