"""What stands beside a forecast never stops it: the run is finished without what failed."""

import pandas as pd
import pytest

from flows import forecast, models
from flows.forecast import forecast_cycle
from flows.plan import plan_measured
from pipeline.errors import StorageError
from pipeline.ledger.runs import current_run
from tests.flows.archive_world import NOW, open_imported

BESIDE = (
    "manner_for",
    "ahead_tables",
    "events_of",
    "station_table",
    "shadow_tables",
    "origins_of",
    "dust_of",
    "explain_run",
    "write_evidence_of",
    "combine_run",
    "write_statements",
)
FORECAST = {"forecast", "samples", "predictions", "predictions_pm10"}


def test_a_training_that_fails_leaves_baselines(tmp_path, monkeypatch, caplog):
    def fail(*_args, **_options):
        raise StorageError("no space left on device")

    monkeypatch.setattr(models, "train_until", fail)
    ws = open_imported(tmp_path, days=40)
    assert models.models_for(ws, "measured", NOW) == {"pm2p5": None, "pm10": None}
    ws.ledger.close()
    assert caplog.text.count("could be trained: baselines forecast") == 2


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "models_for", lambda *_, **__: {"pm2p5": None, "pm10": None})
    ws = open_imported(tmp_path, days=40)
    yield ws
    ws.ledger.close()


def test_a_run_says_that_a_model_could_not_be_read(ws, monkeypatch):
    def unread(*_args, aside):
        aside.append("model m cannot be read, another forecasts pm2p5")
        return {"pm2p5": None, "pm10": None}

    monkeypatch.setattr(forecast, "models_for", unread)
    products_of(ws)
    plan = plan_measured("2018-08-05T08:00Z", NOW, drill=True)
    with ws.ledger.read() as conn:
        assert "model m cannot be read" in current_run(conn, plan.world, plan.cycle).degraded


def products_of(ws):
    plan = plan_measured("2018-08-05T08:00Z", NOW, drill=True)
    run_id = forecast_cycle(ws, plan)
    with ws.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    assert (run.id, run.status) == (run_id, "finished")
    assert len(pd.read_parquet(ws.settings.data_dir / run.products["predictions"])) > 300
    return set(run.products)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [KeyError("a column"), AttributeError("nothing"), MemoryError()])
def test_whatever_fails_beside_the_forecast_is_left_out(ws, monkeypatch, caplog, trouble):
    def fail(*_args, **_options):
        raise trouble

    for name in BESIDE:
        monkeypatch.setattr(forecast, name, fail)
    assert products_of(ws) == FORECAST
    assert caplog.text.count("the run goes on without") == len(BESIDE)


def test_a_disk_that_fills_up_after_the_forecast_stops_no_run(ws, monkeypatch):
    write = forecast.write_table

    def full(rows, path):
        if path.stem not in FORECAST:
            raise StorageError("no space left on device")
        return write(rows, path)

    monkeypatch.setattr(forecast, "write_table", full)
    assert products_of(ws) == FORECAST | {
        *("reasons", "evidence", "origins", "dust", "dust_paths"),
        *("statement_seoul", "statement_beijing"),
    }
