"""A run of a past cycle and the hindcast of that cycle are the same numbers, to a millionth.

A hindcast forecasts many issues together; sums of many rows differ in their last digits from those of one.
"""

import random
from datetime import UTC, datetime

import pandas as pd
import pytest

from flows.forecast import forecast_cycle
from flows.hindcast import plan_hindcast, run_hindcast
from flows.ingest import ingest_archive
from flows.plan import plan_measured
from flows.workspace import open_workspace
from forecasting import train as training
from forecasting.hindcast import issues_between
from pipeline.ledger.runs import current_run
from pipeline.settings import Settings
from pipeline.times import iso
from tests.flows.archive_world import LEARNED, NOW, open_imported

FILES = ("predictions", "predictions_pm10")


def run_tables(ws, issue):
    """Forecast one past cycle as `sameair run --at` does, and read the tables that it wrote."""
    plan = plan_measured(iso(issue), NOW, drill=True)
    run_id = forecast_cycle(ws, plan)
    with ws.ledger.read() as conn:
        run = current_run(conn, "measured", issue)
    assert run.id == run_id
    return {name: pd.read_parquet(ws.settings.data_dir / run.products[name]) for name in FILES}


def assert_run_equals_rows(ws, folder, issue):
    mine = run_tables(ws, issue)
    for name in FILES:
        rows = pd.read_parquet(folder / f"{name}.parquet")
        # a hindcast also says what it read of the weather
        rows = rows.loc[rows["issue_time"] == pd.Timestamp(issue), list(mine[name].columns)]
        assert len(rows) > 300
        keys = ["city", "model", "target", "valid_end"]
        pd.testing.assert_frame_equal(
            mine[name].sort_values(keys, ignore_index=True),
            rows.sort_values(keys, ignore_index=True),
            rtol=1e-6,
            atol=1e-6,
        )


@pytest.mark.slow
def test_cycles_drawn_at_random_are_equal_to_their_hindcast(tmp_path):
    ws = open_imported(tmp_path)
    first, last = "2019-05-07", "2019-05-09"
    plan = plan_hindcast(first, last, "seoul,beijing", LEARNED)
    run_hindcast(ws, plan, tmp_path / "out")
    for issue in random.Random(20190305).sample(issues_between(plan.first, plan.last), 3):
        assert_run_equals_rows(ws, tmp_path / "out", issue)


@pytest.mark.slow
def test_cycles_without_a_usable_model_are_equal_too(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "FEWEST_ROWS", 10**9)
    ws = open_imported(tmp_path, days=624)
    plan = plan_hindcast("2020-03-10", "2020-03-10", "seoul,beijing", "2020-03-09")
    found = run_hindcast(ws, plan, tmp_path / "out")
    assert found.document["hindcast"]["models"] == [{"pm2p5": None, "pm10": None}]
    assert_run_equals_rows(ws, tmp_path / "out", datetime(2020, 3, 10, 8, tzinfo=UTC))


@pytest.mark.slow
def test_a_fresh_folder_trains_the_same_model_and_gives_the_same_numbers(tmp_path):
    one, other = open_imported(tmp_path / "one"), open_imported(tmp_path / "other")
    plan = plan_hindcast("2019-05-06", "2019-05-06", "seoul,beijing", LEARNED)
    run_hindcast(one, plan, tmp_path / "out")
    # nothing was trained in the other folder: the run trains on what had come by the beginning of its day
    assert_run_equals_rows(other, tmp_path / "out", datetime(2019, 5, 6, 14, tzinfo=UTC))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_measured_cycles_drawn_at_random_are_equal_to_their_hindcast(shared, tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path / "var"), lambda: NOW)
    ingest_archive(ws, shared / "data")
    plan = plan_hindcast("2019-03-01", "2019-03-06", "seoul,beijing", "2019-02-25", workers=2)
    found = run_hindcast(ws, plan, tmp_path / "out")
    assert found.document["hindcast"]["caveats"] == []
    issues = issues_between(plan.first, plan.last)
    assert len(found.tables["pm2p5"]["issue_time"].drop_duplicates()) == len(issues) == 24
    for issue in random.Random(20190305).sample(issues, 3):
        assert_run_equals_rows(ws, tmp_path / "out", issue)
