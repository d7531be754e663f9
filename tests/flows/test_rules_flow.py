"""PM10 of a run beside its PM2.5, and rules on what is measured."""

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule_engine import evaluate
from alerts.rules import rule
from flows.rules import check_rules, versions_of, with_pm10
from forecasting.pairing import couple
from pipeline.cities import city
from pipeline.errors import UsageError
from pipeline.times import hour_range, local_day_bounds
from tests.flows.archive_world import open_imported

DAY = date(2026, 1, 12)
GRID = hour_range(
    local_day_bounds(date(2026, 1, 11), "Asia/Seoul")[0], local_day_bounds(DAY, "Asia/Seoul")[1]
)
MEMBERS = 200


def both(measured=True, seed=3):
    """Paths of PM2.5 and of PM10: a day observed, then a day of independent lognormal members."""
    rng = np.random.default_rng(seed)
    fine, coarse = (np.exp(rng.normal(np.log(m), 0.5, MEMBERS))[:, None, None] for m in (40.0, 80.0))
    ahead = np.arange(48) >= 24
    names = ("realization", "city", "time")
    coords = {"realization": np.arange(MEMBERS), "city": ["seoul"], "time": GRID}
    shape = (MEMBERS, 1, 48)
    paths = xr.Dataset({"pm2p5": (names, np.where(ahead, np.broadcast_to(fine, shape), 30.0))}, coords)
    paths["is_observed"] = (("city", "time"), ~ahead[None])
    dust = xr.Dataset({"pm10": (names, np.where(ahead, np.broadcast_to(coarse, shape), 50.0))}, coords)
    dust["is_observed"] = (("city", "time"), ~ahead[None] & measured)
    paths.attrs = dust.attrs = {"world": "simulated-7"}
    return paths.assign_coords(issue_time=GRID[23]), dust


def grade(paths):
    return evaluate(rule("kr.grade", DAY), paths, city("seoul"), DAY)


def test_a_grade_says_no_pm10_only_where_there_is_none():
    paths, dust = both()
    assert "PM10 not available" in grade(paths).note
    assert "PM10" not in grade(with_pm10(paths, dust)).note
    assert "PM10 not available" in grade(with_pm10(*both(measured=False))).note


def test_members_are_coupled_as_the_errors_of_both_are():
    paths, dust = both()
    joined = with_pm10(paths, dust)
    fine, coarse = (joined[q].values[:, 0, 30] for q in ("pm2p5", "pm10"))
    ranks = [np.argsort(np.argsort(v)) for v in (fine, coarse)]
    expected = 6 / np.pi * np.arcsin(0.8 / 2)  # rank correlation of a Gaussian copula of 0.8
    assert np.corrcoef(*ranks)[0, 1] == pytest.approx(expected, abs=0.03)
    assert sorted(coarse) == sorted(dust["pm10"].values[:, 0, 30])
    assert (joined["pm10"].values[:, 0, :24] == 50.0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**31))
def test_coupling_takes_every_member_once_and_always_the_same(count, seed):
    rng = np.random.default_rng(seed)
    pm10, fine = rng.random((count, 3)), rng.random((count, 3))
    order = couple(pm10, fine)
    assert sorted(order.tolist()) == list(range(count))
    assert (order == couple(pm10, fine)).all()


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(UsageError, match=r"no rule kr\.x"):
        versions_of("kr.x")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """An invented archive of 18 months, of which 2019 is whole, and its values."""
    folder = tmp_path_factory.mktemp("rules")
    ws = open_imported(folder, days=560)
    return ws, pd.read_parquet(folder / "archive" / "pm25" / "beijing_city.parquet")


def test_a_year_is_judged_from_its_measurements_once_it_has_ended(imported):
    ws, table = imported
    local = table["best_hourly"].copy()
    local.index = (
        local.index + pd.Timedelta("8h") - pd.Timedelta("1h")
    )  # CST; an hour is stamped with its end
    days = local["2019"].resample("D").mean()
    assert len(days) == 365
    found = check_rules(ws, "measured", city("beijing"), date(2019, 6, 1), rule_id="cn.standard_year.pm2p5")
    (one,) = found.findings
    assert one.level == f"cn.standard_year.{'above' if days.mean() > 35 else 'none'}"
    assert one.basis == "observed"
    found = check_rules(ws, "measured", city("beijing"), date(2018, 12, 31), rule_id="cn.standard_year.pm2p5")
    (half,) = found.findings
    assert (half.level, half.probability) == ("", None)
    assert re.search(r"measured: 18\d of 365 are", half.note)  # July to December


def test_a_check_tells_of_which_stations_its_series_are(imported):
    ws, _ = imported
    found = check_rules(ws, "measured", city("seoul"), date(2019, 3, 1), rule_id="kr.grade")
    assert "25 district stations" in found.series["pm2p5 reference, 3 h"]


def test_days_of_both_countries_begin_an_hour_apart(imported):
    ws, _ = imported
    day = date(2019, 3, 1)
    starts = [local_day_bounds(day, city(c).timezone)[0] for c in ("seoul", "beijing")]
    assert starts[1] - starts[0] == timedelta(hours=1)
    assert {check_rules(ws, "measured", city(c), day).findings[0].day for c in ("seoul", "beijing")} == {
        "2019-03-01"
    }
