"""The daily watch: what it finds, once a day, and how operators, figures and `sameair status` hear of it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows import drift
from flows.drift import drift_conditions, models_now, watch, watch_if_due
from flows.metrics import metrics_text
from flows.registration import report_hindcast
from flows.status import status_of
from flows.workspace import Workspace
from forecasting.input_reference import input_reference
from pipeline.ledger.model_reports import read_reports
from tests.flows.archive_world import open_imported
from tests.flows.model_cases import file_forecasts, file_model, measured

PRESENT = datetime(2019, 5, 20, tzinfo=UTC)
LIMITS = {"seoul": (15, 35), "beijing": (35, 50)}


@pytest.fixture(autouse=True)
def _limits(monkeypatch):
    monkeypatch.setattr(drift, "judged_thresholds", lambda ws, quantity: LIMITS)


@pytest.fixture
def ws(tmp_path):
    made = open_imported(tmp_path)
    ws = Workspace(made.settings, made.ledger, made.store, lambda: PRESENT)
    file_model(ws, "m")
    yield ws
    ws.ledger.close()


def validated(ws, coverage=0.8, relative=0.06):
    entries = [
        {"city": c, "lead_day": "all", "coverage_80": coverage, "coverage_90": 0.9, "crps_relative": relative}
        for c in LIMITS
    ]
    report_hindcast(ws, "m", {"from": "2018-01-01", "to": "2018-12-31", "caveats": [], "scores": entries})


def test_forecasts_as_good_as_validated_give_no_finding(ws):
    file_forecasts(ws, "m", 0.1, spread=0.1)
    validated(ws, relative=0.2)
    (found,) = watch(ws, "measured", PRESENT)
    assert found.findings == ()
    assert found.notes == ("it was not kept how its inputs usually are",)
    assert {(e["city"], e["lead_day"]) for e in found.scores} == {(c, "all") for c in LIMITS}
    assert max(e["days"] for e in found.scores) <= 90


def test_overconfident_forecasts_are_found_told_counted_and_shown(ws):
    file_forecasts(ws, "m", 0.5, spread=0.1)
    validated(ws)
    found = watch(ws, "measured", PRESENT)
    assert any("seoul: coverage_80 is 0." in text for text in found[0].findings)
    assert any("crps_relative" in text for text in found[0].findings)
    (condition,) = drift_conditions(found)
    assert condition.severity >= 2
    assert condition.subject == "model pm2p5"
    text = metrics_text([], [], PRESENT, found).decode()
    count = len(found[0].findings)
    assert f'sameair_model_drift_findings{{quantity="pm2p5"}} {count}.0' in text
    assert 'sameair_model_data_age_seconds{quantity="pm2p5"} 1.1232e+07' in text
    assert 'sameair_model_score{city="seoul",quantity="pm2p5",score="coverage_80"}' in text
    (row,) = status_of(ws, "measured")["drift"]
    assert "coverage_80" in row["drift"]
    card = (ws.settings.models_dir / "measured" / "m.md").read_text("utf-8")
    assert "coverage_80 is 0." in card


def test_the_watch_looks_once_a_day_and_says_well_again_when_it_is(ws):
    assert [h.notes[0] for h in watch_if_due(ws, "measured", PRESENT)] == [
        "beijing: fewer than 30 days with stored forecasts"
    ]
    assert watch_if_due(ws, "measured", PRESENT + timedelta(hours=23)) == []
    assert len(watch_if_due(ws, "measured", PRESENT + timedelta(hours=24))) == 1
    with ws.ledger.read() as conn:
        assert len(read_reports(conn, "m", "drift")) == 2
    (condition,) = drift_conditions(models_now(ws, "measured", PRESENT + timedelta(days=1)))
    assert (condition.severity, condition.state) == (0, "ok")


def test_a_model_that_was_never_looked_at_gives_no_condition_and_a_world_without_models_nothing(ws):
    assert drift_conditions(models_now(ws, "measured", PRESENT)) == []
    assert watch_if_due(ws, "simulated-1", PRESENT) == []


def test_an_input_that_fell_silent_is_found(ws):
    panel = measured(ws)
    key = "beijing.pm2p5.reference"
    reference = input_reference(panel, [key], datetime(2019, 4, 1, tzinfo=UTC))
    assert set(reference["key"]) == {key}
    reference["windows"], reference["known_usual"], reference["known_lowest"] = 40.0, 1.0, 0.97
    reference["psi_highest"] = np.inf
    folder = ws.settings.models_dir / "measured"
    folder.mkdir(parents=True, exist_ok=True)
    reference.to_parquet(folder / "m.inputs.parquet")
    (well,) = watch(ws, "measured", PRESENT)
    assert well.findings == ()
    (silent,) = watch(ws, "measured", PRESENT + timedelta(days=60))
    assert silent.findings[0].startswith(f"{key}: 3")
    assert "usually 100%" in silent.findings[0]


def test_the_watch_scores_what_was_forecast_in_ninety_days_and_measured_by_now(ws):
    file_forecasts(ws, "m", 0.2)
    (found,) = watch(ws, "measured", PRESENT)
    days = {e["city"]: e["days"] for e in found.scores}
    assert days == {"beijing": 89, "seoul": 89}
