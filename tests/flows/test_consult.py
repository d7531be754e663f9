"""Sealed numbers open together, questions are answered or show whom to ring; over envelopes."""

from datetime import timedelta

import pytest

from flows.consult import answer, ask, consultations, log_call, seal_number
from flows.consult_words import consult_poster
from flows.exchange_notes import noted_sent
from flows.node import node_of
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.exchange.post import post
from pipeline.ledger.consultation import SealRow, is_late
from tests.flows.two_nodes import NOW, PEER, TwoNodes

SUBJECT = "measured|2026-11-02T02:00:00Z|seoul|2026-11-03|35"
OPENS = NOW + timedelta(hours=3)
ROSTER = """
[[liaison]]
party = "beijing"
name = "Wang Fang"
role = "duty forecaster"
languages = ["zh", "en"]
hours = "08:00-20:00"
timezone = "Asia/Shanghai"
telephone = "+86 10 0000 0000"
valid_from = 2026-01-01
valid_to = 2026-12-31
share = true
"""


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def exchange(nodes, at=NOW):
    for _ in range(3):
        for ws in nodes.ws.values():
            node = node_of(ws)
            with ws.ledger.write() as conn:
                for message in consult_poster(conn, node, at):
                    post(conn, node.sender, message, at)
        for party in PEER:
            nodes.carry(party, at)


def test_two_seals_open_together_and_disagreement_asks_once(nodes):
    seal_number(nodes.ws["seoul"], SUBJECT, 0.9, "kim", OPENS)
    assert noted_sent(nodes.ws["seoul"], "beijing") == 1, "it may be handed out before the next round"
    exchange(nodes)
    (row,) = consultations(nodes.ws["beijing"])["sealed"]
    assert row["seoul"] == "sealed"
    seal_number(nodes.ws["beijing"], SUBJECT, 0.4, "wang", OPENS)
    exchange(nodes)
    for party in PEER:
        found = consultations(nodes.ws[party])
        assert [(r["seoul"], r["beijing"]) for r in found["sealed"]] == [("0.9", "0.4")]
        (question,) = found["questions"]
        assert question["asked"].startswith("seoul")
    exchange(nodes)
    assert len(consultations(nodes.ws["seoul"])["questions"]) == 1


def test_a_seal_stands_and_opens_at_its_instant(nodes):
    seal_number(nodes.ws["seoul"], SUBJECT, 0.9, "kim", OPENS)
    with pytest.raises(UsageError, match="before; that stands"):
        seal_number(nodes.ws["seoul"], SUBJECT, 0.2, "kim", OPENS)
    exchange(nodes)
    exchange(nodes, OPENS)
    (row,) = consultations(nodes.ws["beijing"])["sealed"]
    assert row["seoul"] == "0.9"


def test_once_a_number_may_be_open_nobody_seals_beside_it(nodes):
    seal_number(nodes.ws["seoul"], SUBJECT, 0.9, "kim", OPENS)
    exchange(nodes)
    exchange(nodes, OPENS)
    after = OPENS + timedelta(minutes=1)
    later = open_workspace(nodes.ws["beijing"].settings, lambda: after)
    with pytest.raises(UsageError, match="opened before"):
        seal_number(later, SUBJECT, 0.9, "wang", after + timedelta(hours=1))
    later.ledger.close()


def test_a_seal_beside_an_open_number_is_late_whatever_its_own_instant():
    first = SealRow("seoul", SUBJECT, "kim", "a", "", NOW, OPENS)
    copied = SealRow("beijing", SUBJECT, "wang", "b", "", OPENS, OPENS + timedelta(hours=1))
    assert [is_late(seal, (first, copied)) for seal in (first, copied)] == [False, True]


def test_a_question_is_answered_once_or_shows_whom_to_ring(nodes):
    asked = ask(nodes.ws["seoul"], "2026-11-03", "Do you see dust?", "kim", timedelta(minutes=30))
    exchange(nodes)
    settings = nodes.ws["seoul"].settings
    (settings.data_dir / "roster.toml").write_text(ROSTER, "utf-8")
    later = open_workspace(settings, lambda: NOW + timedelta(minutes=31))
    (row,) = consultations(later)["questions"]
    assert row["ring"] == "duty forecaster +86 10 0000 0000"
    log_call(later, asked["question"], "kim", "reached")
    (row,) = consultations(later)["questions"]
    assert row["calls"].endswith("kim: reached")
    later.ledger.close()
    answer(nodes.ws["beijing"], asked["question"], "No.", "wang")
    with pytest.raises(UsageError, match="that stands"):
        answer(nodes.ws["beijing"], asked["question"], "Yes.", "wang")
    exchange(nodes)
    (row,) = consultations(nodes.ws["seoul"])["questions"]
    assert (row["answer"], row["ring"]) == ("wang: No.", "")


def test_of_the_roster_only_what_is_shared_leaves(nodes):
    settings = nodes.ws["beijing"].settings
    (settings.data_dir / "roster.toml").write_text(ROSTER, "utf-8")
    ask(nodes.ws["beijing"], "2026-11-03", "Do you agree?", "wang", timedelta(minutes=30))
    exchange(nodes)
    ask(nodes.ws["seoul"], "2026-11-03", "And you?", "kim", timedelta(minutes=1))
    later = open_workspace(nodes.ws["seoul"].settings, lambda: NOW + timedelta(minutes=5))
    mine = [r for r in consultations(later)["questions"] if r["asked"].startswith("seoul")]
    assert mine[0]["ring"] == "duty forecaster +86 10 0000 0000"
    with later.ledger.read() as conn:
        assert "Wang Fang" not in str(conn.exec_driver_sql("SELECT ring FROM questions").all())
    later.ledger.close()
