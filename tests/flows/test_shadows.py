"""Shadows forecast beside the champion and hold up no cycle; training never changes who forecasts unseen."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from flows import promotion, retraining, shadow
from flows.model_evidence import of_model, stored_days
from flows.promotion import assign, known_model
from flows.retraining import retrain
from flows.shadow import shadow_tables, shadows_of
from forecasting.issue import IssueForecast
from pipeline.asof import AsOfPanel
from pipeline.errors import ContractError, UsageError
from pipeline.ledger.model_roles import model_in_use, role_events
from pipeline.ledger.runs import begin_run, finish_run, make_current
from tests.flows.archive_world import NOW, open_imported
from tests.flows.model_cases import LEARNED_UNTIL, file_model, forecast_rows

CYCLE = datetime(2019, 4, 1, 8, tzinfo=UTC)
PANEL = AsOfPanel({}, "measured")


@pytest.fixture
def ws(tmp_path):
    ws = open_imported(tmp_path)
    yield ws
    ws.ledger.close()


@pytest.fixture
def _forecasts(monkeypatch):
    """Let every model load, and forecast one row of its own and one of a baseline."""

    def forecast(panel, models, cities, *, issue_time, as_of, quantities):
        (model,) = models.values()
        if model == "broken":
            raise ContractError("it broke")
        rows = pd.DataFrame({"model": ["sameair", "persistence"], "model_id": [model, "persistence"]})
        return IssueForecast({}, {}, {quantities[0]: rows})

    monkeypatch.setattr(shadow, "load_registered", lambda ws, row: row.id)
    monkeypatch.setattr(shadow, "forecast_issue", forecast)


@pytest.mark.usefixtures("_forecasts")
def test_every_shadow_forecasts_and_one_that_fails_is_left_out(ws, caplog):
    for name in ("champion", "one", "two", "broken"):
        file_model(ws, name)
    for name in ("one", "two", "broken"):
        assign(ws, name, "shadow", person="kim", why="on trial")
    tables = shadow_tables(ws, PANEL, [], NOW, NOW)
    assert list(tables) == ["shadow_predictions"]
    assert sorted(tables["shadow_predictions"]["model_id"]) == ["one", "two"]
    assert set(tables["shadow_predictions"]["model"]) == {"shadow"}
    assert "shadow broken: it broke" in caplog.text


def test_a_cycle_before_the_assignment_or_the_end_of_its_data_has_no_shadow(ws):
    file_model(ws, "one")
    file_model(ws, "late", data_until=NOW + timedelta(days=1))
    for name in ("one", "late"):
        assign(ws, name, "shadow", person="kim", why="on trial")
    assert shadows_of(ws, "measured", "pm2p5", CYCLE) == []
    assert [row.id for row in shadows_of(ws, "measured", "pm2p5", NOW)] == ["one"]


def test_what_runs_and_their_shadows_wrote_can_be_compared(ws):
    for name in ("ours", "trial"):
        file_model(ws, name)
    products = {}
    for name, model in (("ours", "predictions"), ("trial", "shadow_predictions")):
        rows = forecast_rows(ws, name, 0.2)
        if name == "trial":
            rows["model"] = rows["model"].replace("sameair", "shadow")
        path = ws.settings.data_dir / "runs" / f"{model}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path)
        products[model] = str(path.relative_to(ws.settings.data_dir))
    with ws.ledger.write() as conn:
        run = begin_run(conn, world="measured", cycle=CYCLE, as_of=CYCLE, code_version="1", at=NOW)
        finish_run(conn, run, at=NOW, model_id="ours", inputs={}, degraded="", products=products)
        make_current(conn, run, expected=None)
    days = stored_days(ws, "measured", "pm2p5", [known_model(ws, n) for n in ("ours", "trial")])
    assert len(of_model(days, "ours")) == len(of_model(days, "trial")) > 200
    assert set(days["model"]) == {"sameair", "shadow", "climatology"}


@pytest.fixture
def _training(monkeypatch):
    """Train in no time: a row with the instant in its name."""
    monkeypatch.setattr(
        promotion, "judged_thresholds", lambda ws, quantity: {"seoul": (35,), "beijing": (50,)}
    )

    def train_until(ws, panel, until, *, quantities):
        name = f"trained-{until:%Y%m%d}"
        file_model(ws, name, data_until=until)
        return {quantities[0]: type("Model", (), {"model_id": name})()}

    monkeypatch.setattr(retraining, "train_until", train_until)


def in_use(ws):
    with ws.ledger.read() as conn:
        return model_in_use(conn, world="measured", quantity="pm2p5", known_at=NOW).id


@pytest.mark.usefixtures("_training")
def test_a_newly_trained_model_is_a_shadow_until_it_is_shown_to_be_better(ws):
    file_model(ws, "present", data_until=LEARNED_UNTIL)
    (done,) = retrain(ws, "measured", quantities=["pm2p5"])
    assert (done.model_id, done.role) == ("trained-20260101", "shadow")
    assert "0 days are too few" in done.why
    assert in_use(ws) == "present"
    with ws.ledger.read() as conn:
        assert role_events(conn, "present")[0].why == "was in use when another model was trained"
        assert [e.role for e in role_events(conn, "trained-20260101")] == ["shadow"]
    (again,) = retrain(ws, "measured", quantities=["pm2p5"])
    assert again.role == "shadow"
    with ws.ledger.read() as conn:
        assert len(role_events(conn)) == 2, "training again decides nothing twice"


@pytest.mark.usefixtures("_training")
def test_the_first_model_is_champion_at_once(ws):
    (done,) = retrain(ws, "measured", quantities=["pm2p5"])
    assert done.role == "champion"
    assert in_use(ws) == done.model_id
    (again,) = retrain(ws, "measured", quantities=["pm2p5"])
    assert (again.role, again.why) == ("champion", "it was trained on the same data before")


def test_a_world_of_which_nothing_is_stored_cannot_be_trained_on(ws):
    with pytest.raises(UsageError, match="nothing is stored"):
        retrain(ws, "simulated-3")
