"""Sealed numbers scored: both on the same days, only what was sealed in time and measured."""

from datetime import date, timedelta

import pytest

from alerts.sealed_scores import SealedCase, sealed_scores
from flows import consult_scores as module
from flows.consult import seal_number
from flows.consult_scores import consult_scores
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from tests.flows.test_consult import exchange
from tests.flows.two_nodes import NOW, TwoNodes

OPENS = NOW + timedelta(hours=3)
DAYS = {"2026-11-03": 80.0, "2026-11-04": 20.0, "2026-11-05": None}


@pytest.fixture
def nodes(tmp_path):
    found = TwoNodes(tmp_path)
    yield found
    found.close()


def subject(day):
    return f"measured|2026-11-02T02:00:00Z|seoul|{day}|35"


def test_both_are_scored_on_the_same_days_and_the_rest_says_why_not(nodes, monkeypatch):
    numbers = {"2026-11-03": (0.9, 0.6), "2026-11-04": (0.2, 0.4), "2026-11-05": (0.5, 0.5)}
    for day, (seoul, beijing) in numbers.items():
        seal_number(nodes.ws["seoul"], subject(day), seoul, "kim", OPENS)
        seal_number(nodes.ws["beijing"], subject(day), beijing, "wang", OPENS)
    seal_number(nodes.ws["seoul"], subject("2026-11-06"), 0.1, "kim", OPENS)
    exchange(nodes)
    measured = {date.fromisoformat(day): value for day, value in DAYS.items() if value is not None}
    monkeypatch.setattr(module, "measured_means", lambda *_: {"seoul": measured, "beijing": {}})
    for party in ("seoul", "beijing"):
        later = open_workspace(nodes.ws[party].settings, lambda: NOW + timedelta(days=5))
        found = consult_scores(later, "measured")
        later.ledger.close()
        rows = {r["of"]: r for r in found["scores"]}
        assert {r["cases"] for r in rows.values()} == {2}
        assert rows["beijing"]["Brier score"] == f"{((0.6 - 1) ** 2 + 0.4**2) / 2:.3f}"
        assert rows["seoul"]["Brier score"] == f"{((0.9 - 1) ** 2 + 0.2**2) / 2:.3f}"
        assert all("say little" in r["note"] for r in rows.values())
        why = {r["day"]: r["not scored"] for r in found["subjects"]}
        assert why["2026-11-03"] == why["2026-11-04"] == ""
        assert why["2026-11-05"] == "the day is not measured yet"
        assert why["2026-11-06"] == "only seoul sealed"


def test_a_world_without_seals_says_so(nodes):
    with pytest.raises(UsageError, match="no probability was sealed"):
        consult_scores(nodes.ws["seoul"], "simulated-7")


def test_the_interval_holds_no_difference_where_both_say_the_same():
    cases = [SealedCase(f"seoul|2026-01-{d:02}|35", 0.3, 0.3, d % 3 == 0) for d in range(1, 29)]
    found = sealed_scores(cases)
    assert found.interval == (0.0, 0.0)
    assert found.says_little
    assert sealed_scores([]) is None


def test_a_better_forecaster_scores_lower_and_the_interval_leaves_zero():
    cases = [
        SealedCase(f"seoul|2026-{m:02}-{d:02}|35", 0.9 if d % 2 else 0.1, 0.5, bool(d % 2))
        for m in range(1, 4)
        for d in range(1, 25)
    ]
    found = sealed_scores(cases)
    assert found.first < found.second
    assert found.interval[0] > 0
    assert not found.says_little
