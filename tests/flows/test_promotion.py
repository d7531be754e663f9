"""Who forecasts: the gate, a person against the gate, shadows, and what of it stands on record."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from typer.testing import CliRunner

from cli.main import app
from flows import promotion
from flows.model_evidence import stored_days
from flows.promotion import assign, compare_models, known_model, promote, promote_if_better, settle_shadows
from flows.registration import card_path, report_hindcast, write_card
from flows.status import status_of
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.model_reports import read_reports
from pipeline.ledger.model_roles import model_in_use, role_events
from tests.flows.archive_world import NOW, open_imported
from tests.flows.model_cases import LEARNED_UNTIL, file_forecasts, file_model, forecast_rows

LIMITS = {"seoul": (15, 35), "beijing": (35, 50)}
"""Thresholds that the invented winter exceeds often enough."""


@pytest.fixture(autouse=True)
def _limits(monkeypatch):
    monkeypatch.setattr(promotion, "judged_thresholds", lambda ws, quantity: LIMITS)


@pytest.fixture
def ws(tmp_path):
    ws = open_imported(tmp_path)
    for name, error in (("old", 0.35), ("good", 0.1), ("twin", 0.35)):
        file_model(ws, name)
        file_forecasts(ws, name, error, seed=len(name), spread=max(error, 0.15))
    yield ws
    ws.ledger.close()


def in_use(ws, at=NOW):
    with ws.ledger.read() as conn:
        return model_in_use(conn, world="measured", quantity="pm2p5", known_at=at).id


def roles(ws, name):
    with ws.ledger.read() as conn:
        return [(e.role, e.actor, e.forced) for e in role_events(conn, name)]


def crown(ws, name="old"):
    for other in ("old", "good", "twin"):
        if other != name:
            assign(ws, other, "challenger", person="kim", why="on trial")
    promote(ws, name, person="kim", why="the first")


def test_a_better_challenger_is_promoted_without_a_person(ws):
    crown(ws)
    found = promote_if_better(ws, "good")
    assert found.promote, found.reasons
    assert in_use(ws) == "good"
    assert roles(ws, "good")[0] == ("champion", "sameair", False)
    assert roles(ws, "old")[0] == ("retired", "sameair", False)
    with ws.ledger.read() as conn:
        assert role_events(conn, "good")[0].evidence["promote"] is True
        assert verify_audit(conn).ok
        assert newest_rows(conn)[0]["action"] == "model.champion"


def test_one_that_is_no_better_is_not_and_the_comparison_stays_on_record(ws):
    crown(ws)
    found = promote_if_better(ws, "twin")
    assert not found.promote
    assert in_use(ws) == "old"
    with ws.ledger.read() as conn:
        (report,) = read_reports(conn, "twin", "comparison")
    assert report.content["champion"] == "old"
    assert report.content["reasons"] == found.reasons


def test_a_person_may_go_against_the_gate_and_is_named_for_it(ws):
    crown(ws)
    with pytest.raises(UsageError, match=r"not shown to be better than old.*--force"):
        promote(ws, "twin", person="lee", why="a drill")
    assert in_use(ws) == "old"
    promote(ws, "twin", person="lee", why="a drill", force=True)
    assert in_use(ws) == "twin"
    assert roles(ws, "twin")[0] == ("champion", "lee", True)
    with pytest.raises(UsageError, match="is the champion already"):
        promote(ws, "twin", person="lee", why="again")


@pytest.mark.parametrize(("person", "why"), [("", "x"), ("kim", " ")])
def test_a_decision_needs_a_name_and_a_reason(ws, person, why):
    with pytest.raises(UsageError, match=r"--by.*--why"):
        promote(ws, "good", person=person, why=why)


def test_forecasts_of_issues_that_a_model_had_learned_from_do_not_count(ws):
    file_model(ws, "late", data_until=datetime(2019, 5, 1, tzinfo=UTC))
    file_forecasts(ws, "late", 0.01)
    rows = stored_days(ws, "measured", "pm2p5", [known_model(ws, "late")])
    ours = rows[rows["model_id"] == "late"]
    assert ours["issue_time"].min() >= pd.Timestamp("2019-05-01T00Z")
    found = compare_models(ws, known_model(ws, "old"), known_model(ws, "late"))
    assert not found.promote
    assert max(found.days.values()) < 20


def test_a_left_out_year_is_fair_to_score_in(ws):
    file_model(ws, "blind", data_until=datetime(2019, 5, 20, tzinfo=UTC), leave_out_year=2019)
    file_forecasts(ws, "blind", 0.1)
    assert max(compare_models(ws, known_model(ws, "old"), known_model(ws, "blind")).days.values()) > 100


def test_models_of_different_kinds_are_not_compared(ws):
    other = known_model(ws, "good")
    with pytest.raises(UsageError, match="compare like with like"):
        compare_models(ws, known_model(ws, "old"), type(other)(**{**vars(other), "quantity": "pm10"}))


def test_shadows_are_put_to_the_gate_and_the_first_better_one_follows(ws):
    crown(ws)
    for name in ("good", "twin"):
        assign(ws, name, "shadow", person="kim", why="on trial")
    assert settle_shadows(ws, "measured") == ["good"]
    assert in_use(ws) == "good"


def test_a_file_of_another_hindcast_can_be_given(ws, tmp_path):
    file_model(ws, "fresh")
    path = tmp_path / "predictions.parquet"
    forecast_rows(ws, "fresh", 0.1, spread=0.15).to_parquet(path)
    assert max(compare_models(ws, known_model(ws, "old"), known_model(ws, "fresh")).days.values()) == 0
    found = compare_models(ws, known_model(ws, "old"), known_model(ws, "fresh"), files=[path])
    assert min(found.days.values()) > 100
    path.write_text("nonsense")
    with pytest.raises(UsageError, match="no table of predictions"):
        compare_models(ws, known_model(ws, "old"), known_model(ws, "fresh"), files=[path])


def test_the_card_says_what_is_known_and_grows_with_it(ws):
    path = write_card(ws, "good")
    assert "None were recorded." in path.read_text("utf-8")
    entry = {"city": "seoul", "lead_day": 1, "n": 120, "rmse": 5.25, "rmse_low": 4.5, "rmse_high": 6.0}
    content = {
        "from": "2019-01-12",
        "to": "2019-05-20",
        "caveats": [],
        "scores": [{**entry, "coverage_80": 0.79}],
    }
    report_hindcast(ws, "good", content)
    crown(ws)
    promote_if_better(ws, "good")
    write_card(ws, "good")
    text = path.read_text("utf-8")
    assert "### Hindcast 2019-01-12 to 2019-05-20" in text
    assert "| seoul | D+1 | 120 | 5.2 (4.5 to 6.0) |" in text
    assert "champion by sameair" in text
    assert "it passes the gate" in text
    for heading in ("Intended use", "Inputs", "Calibration", "Limits", "Terms"):
        assert f"## {heading}" in text


def command(ws, *arguments):
    return CliRunner().invoke(app, ["models", *arguments, "--data-dir", str(ws.settings.data_dir)])


@pytest.mark.ledger
@pytest.mark.slow
def test_the_commands_list_compare_promote_show_and_print_the_card(ws):
    crown(ws)
    listed = json.loads(command(ws, "list", "--json").stdout)
    assert {(m["id"], m["role"], m["in use"]) for m in listed} == {
        ("old", "champion", "yes"),
        ("good", "challenger", ""),
        ("twin", "challenger", ""),
    }
    compared = command(ws, "compare", "old", "good")
    assert "passes the gate: beijing: better beyond noise" in compared.stdout
    assert "pod_35" in compared.stdout
    refused = command(ws, "promote", "twin", "--by", "lee", "--why", "why not")
    assert isinstance(refused.exception, UsageError)
    done = command(ws, "promote", "good", "--by", "lee", "--why", "better")
    assert done.exit_code == 0, done.output
    assert "good is the champion" in done.stdout
    assert command(ws, "assign", "twin", "retired", "--by", "lee", "--why", "done").exit_code == 0
    assert isinstance(command(ws, "assign", "twin", "king", "--by", "l", "--why", "w").exception, UsageError)
    shown = json.loads(command(ws, "show", "good", "--json").stdout)
    assert shown["role"] == "champion"
    assert [r["by"] for r in shown["roles"]] == ["lee", "kim"]
    assert "# Model good" in command(ws, "card", "good").stdout
    assert command(ws, "show", "good").exit_code == 0
    assert isinstance(command(ws, "show", "nobody").exception, UsageError)
    later = open_workspace(ws.settings)
    models = {m["id"]: m["role"] for m in status_of(later, "measured")["models"]}
    later.ledger.close()
    assert models == {"old": "retired", "good": "champion", "twin": "retired"}
    assert card_path(ws, known_model(ws, "good")).exists()


def test_a_replay_of_the_past_does_not_know_of_a_promotion(ws):
    crown(ws)
    file_model(ws, "newest", data_until=LEARNED_UNTIL + timedelta(days=30))
    assert in_use(ws) == "old"
    assert in_use(ws, datetime(2019, 3, 3, 8, tzinfo=UTC)) == "newest"
