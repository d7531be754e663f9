"""Forecasts that are told forecast weather: in hindcasts, beside every cycle, and when they may be used."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from flows import promotion
from flows.hindcast import plan_hindcast, replay_issues, whole_panel
from flows.live import forecasts_of
from flows.model_evidence import keep_days
from flows.models import train_until
from flows.promotion import assign, compare_models, known_model, promote, promote_if_better, settle_shadows
from flows.shadow import ahead_tables
from flows.weather import LABELS, STOOD_IN
from forecasting.weather_ahead import AHEAD, BESIDE, NOT_ATTAINABLE
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.model_roles import model_in_use
from pipeline.ledger.models import register_model
from pipeline.times import to_ns
from tests.flows.archive_world import DAYS, NOW, START, open_imported
from tests.flows.model_cases import LEARNED_UNTIL, file_forecasts, file_model, forecast_rows

pytestmark = pytest.mark.slow

WORLD = "measured"
UNTIL = datetime(2019, 5, 6, tzinfo=UTC)
TOLD = date(2019, 5, 8)
"""Before that day no weather forecast is stored."""

SOURCE = "open_meteo.forecast"
LIMITS = {"seoul": (15, 35), "beijing": (35, 50)}


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    ws = open_imported(tmp_path_factory.mktemp("world"))
    put_weather(ws)
    yield ws
    ws.ledger.close()


def put_weather(ws):
    """Store Seoul's temperature, and forecasts of it: two degrees too warm, 01 and 13 UTC of some days."""
    times = pd.date_range(START, periods=24 * DAYS, freq="h", unit="ns")
    day = np.random.default_rng(1).standard_normal(DAYS)
    values = 283 + 5 * np.repeat(day, 24)
    rows = pd.DataFrame({"time": times, "value": values}).assign(
        station="kma_asos:108", quantity="air_temperature", qc=np.int8(0)
    )
    ws.store.append(rows, source="archive", world=WORLD, assumed_delay=timedelta(hours=1))
    at = pd.Series(values, times)
    for begun in pd.date_range(str(TOLD), periods=10, freq="12h"):
        reference = begun + pd.Timedelta(hours=1)
        steps = pd.date_range(reference, periods=110, freq="h")
        known = at.reindex(steps).to_numpy() + 2.0
        forecast = xr.Dataset(
            {"air_temperature": (("forecast_period", "station"), known[:, None])},
            {
                "forecast_reference_time": to_ns(reference.to_pydatetime().replace(tzinfo=UTC)),
                "forecast_period": np.arange(110),
                "station": ["open_meteo:seoul"],
                "latitude": ("station", [37.5665]),
                "longitude": ("station", [126.978]),
            },
            {"source": "made up", "reference": "request", "licence": "none"},
        )
        received = reference.to_pydatetime().replace(tzinfo=UTC) + timedelta(minutes=10)
        forecasts_of(ws).put(forecast, source=SOURCE, world=WORLD, assumed_receipt=received)


def replayed(ws, weather, frozen=False):
    plan = plan_hindcast(
        "2019-05-07", "2019-05-09", "seoul,beijing", "2019-05-05", weather=weather, frozen=frozen
    )
    return plan, replay_issues(ws, plan, whole_panel(ws, WORLD))[0]["pm2p5"]


@pytest.fixture(scope="module")
def by_mode(ws):
    return {mode: replayed(ws, mode)[1] for mode in LABELS}


def ours(rows):
    return rows[rows["model"] == "sameair"]


def test_every_table_says_what_weather_was_read(by_mode):
    for mode, rows in by_mode.items():
        assert set(rows.loc[rows["model"] != "sameair", "weather"]) == {""}
        assert set(ours(rows)["weather"]) <= {LABELS[mode], LABELS["observed"]}
        assert len(ours(rows)) == len(ours(by_mode["observed"]))
    assert set(ours(by_mode["perfect-prognosis"])["weather"]) == {NOT_ATTAINABLE}


def test_an_issue_without_a_weather_forecast_is_forecast_without_and_says_so(by_mode):
    told, plain = ours(by_mode["forecast"]), ours(by_mode["observed"])
    first = pd.Timestamp("2019-05-08T01:10Z")
    early = told["issue_time"] < first
    assert set(told.loc[early, "weather"]) == {LABELS["observed"]}
    assert told.loc[early, "degraded"].str.startswith(STOOD_IN).all()
    assert set(told.loc[~early, "weather"]) == {LABELS["forecast"]}
    assert (told.loc[~early, "degraded"] == "").all()
    assert set(told.loc[~early, "model_id"]) != set(told.loc[early, "model_id"])
    same = plain[plain["issue_time"] < first]["mean"].to_numpy()
    np.testing.assert_allclose(told.loc[early, "mean"], same)


def test_the_shadow_of_a_cycle_is_what_the_hindcast_gives(ws, by_mode):
    panel = whole_panel(ws, WORLD)
    train_until(ws, panel, UNTIL, quantities=["pm2p5"], weather=AHEAD)
    cycle = datetime(2019, 5, 9, 8, tzinfo=UTC)
    rows = ahead_tables(ws, panel, list(all_cities().values()), cycle, cycle)["pm2p5"]
    assert set(rows["model"]) == {BESIDE}
    replay = ours(by_mode["forecast"])
    replay = replay[replay["issue_time"] == cycle]
    keys = ["city", "target", "valid_end"]
    both = rows.merge(replay, on=keys, suffixes=("", "_replay"))
    assert len(both) == len(rows) == len(replay)
    np.testing.assert_allclose(both["mean"], both["mean_replay"], rtol=1e-6)
    np.testing.assert_allclose(both["q90"], both["q90_replay"], rtol=1e-6)
    before = datetime(2019, 5, 7, 8, tzinfo=UTC)
    assert ahead_tables(ws, panel, list(all_cities().values()), before, before) == {}


def test_frozen_forecasts_differ_and_are_marked(ws, by_mode):
    plan, rows = replayed(ws, "observed", frozen=True)
    assert plan.frozen
    assert not np.allclose(ours(rows)["q90"], ours(by_mode["observed"])["q90"])


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError, match="there are observed, perfect-prognosis, forecast"):
        plan_hindcast("2019-05-07", "2019-05-09", "seoul", "2019-05-05", weather="perfect")


def test_perfect_prognosis_is_called_so_in_words():
    plan = plan_hindcast("2019-05-07", "2019-05-09", "seoul", "2019-05-05", weather="perfect-prognosis")
    assert plan.caveats() == [NOT_ATTAINABLE]
    assert replace(plan, weather="forecast").caveats() == []


@pytest.fixture
def rivals(tmp_path, monkeypatch):
    monkeypatch.setattr(promotion, "judged_thresholds", lambda ws, quantity: LIMITS)
    ws = open_imported(tmp_path)
    file_model(ws, "standard")
    file_forecasts(ws, "standard", 0.35, spread=0.35, seed=2)
    with ws.ledger.write() as conn:
        register_model(
            conn,
            model_id="seeing",
            world=WORLD,
            quantity="pm2p5",
            data_until=LEARNED_UNTIL,
            trained_at=ws.clock(),
            purpose="operational",
            path="models/measured/seeing.model",
            digest="seeing",
            details={"format": 2},
            variant=AHEAD,
        )
    yield ws
    ws.ledger.close()


def in_use(ws):
    with ws.ledger.read() as conn:
        return model_in_use(conn, world=WORLD, quantity="pm2p5", known_at=NOW).id


def forecast_days(ws, days):
    rows = forecast_rows(ws, "seeing", 0.1, spread=0.15, seed=3)
    first = rows["issue_time"].min()
    keep_days(ws, WORLD, rows[rows["issue_time"] < first + pd.Timedelta(days=days)])


def test_eighty_days_with_forecast_weather_are_too_few(rivals):
    forecast_days(rivals, 80)
    found = promote_if_better(rivals, "seeing")
    assert not found.promote
    assert any("with forecast weather are too few, 90 are needed" in why for why in found.reasons)
    assert settle_shadows(rivals, WORLD) == []
    assert in_use(rivals) == "standard"
    with pytest.raises(UsageError, match="90 are needed"):
        promote(rivals, "seeing", person="kim", why="it reads the weather")


def test_after_ninety_better_days_it_may_forecast(rivals):
    forecast_days(rivals, 110)
    assert in_use(rivals) == "standard"
    assert settle_shadows(rivals, WORLD) == ["pm2p5 with forecast weather"]
    assert in_use(rivals) == "seeing"
    assert settle_shadows(rivals, WORLD) == []


def test_who_follows_a_champion_that_reads_forecast_weather_really_follows_it(rivals):
    forecast_days(rivals, 110)
    assert promote_if_better(rivals, "seeing").promote
    promote(rivals, "standard", person="kim", why="the weather forecasts have ended", force=True)
    assert in_use(rivals) == "standard"
    promote(rivals, "seeing", person="kim", why="they are back", force=True)
    assert in_use(rivals) == "seeing"
    assign(rivals, "seeing", "retired", person="kim", why="they have ended again")
    assert promotion.in_use(rivals, known_model(rivals, "seeing")) is None


def test_rows_with_measured_weather_prove_nothing(rivals, tmp_path):
    rows = forecast_rows(rivals, "seeing", 0.1, spread=0.15, seed=3).assign(weather=NOT_ATTAINABLE)
    path = tmp_path / "predictions.parquet"
    rows.to_parquet(path)
    two = [known_model(rivals, name) for name in ("standard", "seeing")]
    with pytest.raises(UsageError, match="proves nothing"):
        compare_models(rivals, *two, files=[path])
