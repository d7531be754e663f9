"""Questions between parties that one node serves: asked and answered for a party, in the exercise's time."""

from datetime import timedelta

import pytest

from flows.consult import answer, ask, consultations
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.audit import rows_about
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
HOUR = timedelta(hours=1)


@pytest.fixture
def ws(tmp_path):
    found = open_workspace(Settings(data_dir=tmp_path), lambda: NOW)
    yield found
    found.ledger.close()


def test_a_party_asks_the_other_once_and_only_that_one_answers(ws):
    asked = ask(ws, "01KX", "Do you see dust?", "kim", HOUR, party="seoul")
    assert ask(ws, "01KX", "Do you see dust?", "kim", HOUR, party="seoul") == asked
    assert asked["due"] == "2026-01-14T09:20:00Z"
    with pytest.raises(UsageError, match="for beijing to answer"):
        answer(ws, asked["question"], "no", "kim", party="seoul")
    answer(ws, asked["question"], "None.", "wang", party="beijing")
    (row,) = consultations(ws)["questions"]
    assert (row["asked"], row["answer"]) == ("seoul (kim) asks beijing", "wang: None.")
    with ws.ledger.read() as conn:
        (told,) = rows_about(conn, asked["question"], "consult.answer")
    assert told["payload"]["party"] == "beijing"


def test_who_speaks_must_be_said_on_a_node_of_both(ws):
    with pytest.raises(UsageError, match="say for which party"):
        ask(ws, "01KX", "Why?", "kim", HOUR)


def test_an_exercise_asks_in_its_own_time(ws):
    then = parse_instant("2019-03-03T09:00Z")
    assert ask(ws, "01KX", "Why?", "kim", HOUR, party="seoul", at=then)["due"] == "2019-03-03T10:00:00Z"
