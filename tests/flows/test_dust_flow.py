"""The dust of a run: judged and stored with it, read back by rules, summary and command."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from alerts.dust_lines import dust_lines
from flows import dust, forecast
from flows.assess import assess_run, policy_of
from flows.dust import dust_of_run, dust_paths_of_run, judged_days
from flows.forecast import forecast_cycle
from flows.plan import plan_measured
from flows.runview import read_run
from pipeline.cities import city
from pipeline.errors import UsageError
from pipeline.ledger.runs import get_run
from tests.flows.archive_world import NOW, open_imported


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "models_for", lambda *_, **__: {"pm2p5": None, "pm10": None})
    ws = open_imported(tmp_path, days=40)
    run_id = forecast_cycle(ws, plan_measured("2018-08-05T08:00Z", NOW, drill=True))
    with ws.ledger.read() as conn:
        yield ws, get_run(conn, run_id)
    ws.ledger.close()


def test_a_run_stores_three_days_past_and_four_to_come_of_each_city(done):
    ws, run = done
    outlook = dust_of_run(ws, run)
    for name in ("seoul", "beijing"):
        assert [d.lead_day for d in outlook.of(name)] == [-3, -2, -1, 0, 1, 2, 3]
        assert [d.observed for d in outlook.of(name)] == [True] * 3 + [False] * 4
    paths = dust_paths_of_run(ws, run)
    assert paths["dusty"].shape == (200, 2, 7)
    assert float(paths["coarse"].min()) >= 0
    assert float(paths["coarse"].max()) <= 1
    for day in outlook.days:
        verdict = paths["verdict"].sel(city=day.city, day=day.day).item()
        assert verdict == day.verdict
    assert dust_lines(outlook, "ko")


def test_without_a_reading_of_pm10_in_the_last_day_nothing_is_said_of_the_days_ahead(tmp_path, monkeypatch):
    def only_fine(columns, *_):
        return replace(columns, pm10=np.full_like(columns.pm10, np.nan))

    kept = dust.city_particles
    monkeypatch.setattr(dust, "city_particles", lambda *args: only_fine(kept(*args)))
    monkeypatch.setattr(forecast, "models_for", lambda *_, **__: {"pm2p5": None, "pm10": None})
    ws = open_imported(tmp_path, days=40)
    run_id = forecast_cycle(ws, plan_measured("2018-08-05T08:00Z", NOW, drill=True))
    with ws.ledger.read() as conn:
        run = get_run(conn, run_id)
    outlook, paths = dust_of_run(ws, run), dust_paths_of_run(ws, run)
    ws.ledger.close()
    ahead = [d for d in outlook.days if not d.observed]
    assert {(d.verdict, d.probability, d.pm10_mean) for d in ahead} == {("unknown", None, None)}
    assert not paths["dusty"].values[:, :, 3:].any()
    assert not paths["coarse"].sel(time=paths["time"] > np.datetime64("2018-08-05T08")).values.any()


def test_the_rules_on_dust_read_the_stored_paths(done):
    ws, run = done
    view = read_run(ws, run.id, whole_past=True)
    found = assess_run(view, policy_of(ws), (), dust_paths_of_run(ws, run))
    asked = {f.rule for f in found.rules if "dust" in f.rule}
    assert asked == {"kr.dust_warning", "kr.dust_crisis", "cn.dust"}
    assert not {f.rule for f in assess_run(view, policy_of(ws), ()).rules if "dust" in f.rule}


def test_a_damaged_outlook_is_none(done):
    ws, run = done
    path = ws.settings.data_dir / run.products["dust"]
    held = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**held, "version": 99}), "utf-8")
    assert dust_of_run(ws, run) is None
    (ws.settings.data_dir / run.products["dust_paths"]).write_bytes(b"no netcdf")
    assert dust_paths_of_run(ws, run) is None


def test_days_of_the_past_are_judged_as_they_were_known(done):
    ws, _ = done
    seoul = city("seoul")
    first, last = date(2018, 7, 20), date(2018, 7, 25)
    assert len(judged_days(ws, "measured", seoul, first, last, NOW)) == 6
    with pytest.raises(UsageError, match="lies before"):
        judged_days(ws, "measured", seoul, last, first, NOW)
    with pytest.raises(UsageError, match="nothing is stored"):
        judged_days(ws, "simulated-9", seoul, first, last, NOW)
