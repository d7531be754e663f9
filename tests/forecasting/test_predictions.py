"""The contract of docs/predictions.md: columns, windows, probabilities, and every row whatever is missing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.issue import forecast_issue
from forecasting.predictions import COLUMNS, prediction_rows
from forecasting.stretches import JOINT_COLUMNS
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.names import PM_THRESHOLDS
from pipeline.paths import join_paths
from pipeline.times import horizon_end, hour_range, to_ns

CITIES = [city("seoul"), city("beijing")]
ISSUE = datetime(2020, 1, 10, 8, tzinfo=UTC)
PROMISED = [
    *("city", "model", "issue_time", "target", "valid_start", "valid_end", "lead_hours", "lead_day", "mean"),
    *("q05", "q10", "q25", "q50", "q75", "q90", "q95", "p_gt_15", "p_gt_35", "p_gt_50", "p_gt_60"),
    *("p_gt_75", "p_gt_115", "p_gt_150", "p_gt_200", "p_gt_250"),
]
KEYS = {"seoul.pm2p5.reference": 3, "seoul.pm2p5.hourly": 1, "beijing.pm2p5.reference": 1}


def make_panel(keys=KEYS, issue=ISSUE, value=30.0) -> AsOfPanel:
    series = {}
    for key, step in keys.items():
        times = hour_range(issue - timedelta(days=40), issue + timedelta(days=5), step)
        series[key] = AsOfSeries(times, times + np.timedelta64(1, "h"), np.full(len(times), value), step)
    return AsOfPanel(series, "measured")


def make_paths(members, issue=ISSUE, panel=None) -> xr.Dataset:
    """Paths whose every future value of a realization is its entry of ``members``."""
    periods = np.arange(-24, 93)
    data = np.broadcast_to(np.asarray(members, float)[:, None, None], (len(members), 2, len(periods))).copy()
    data[:, 0, (periods + issue.hour) % 3 != 0] = np.nan
    samples = xr.Dataset(
        {"pm2p5": (("realization", "city", "forecast_period"), data)},
        {
            "realization": np.arange(len(members)),
            "city": [c.id for c in CITIES],
            "forecast_period": periods,
            "issue_time": to_ns(issue),
            "as_of": to_ns(issue),
        },
        attrs={"world": "measured", "model_id": "m", "degraded": ""},
    )
    return join_paths(panel or make_panel({}), samples, CITIES)


def rows_of(members=range(200), issue=ISSUE, panel=None) -> pd.DataFrame:
    return prediction_rows(make_paths(list(members), issue, panel), CITIES, model="sameair")


def test_promised_columns_stand_first_and_have_their_types():
    rows = rows_of()
    assert list(rows.columns) == [*COLUMNS, *JOINT_COLUMNS]
    assert list(rows.columns[: len(PROMISED)]) == PROMISED
    utc = "datetime64[ns, UTC]"
    assert {str(rows[c].dtype) for c in ("issue_time", "valid_start", "valid_end")} == {utc}
    assert str(rows["lead_hours"].dtype) == "int64"
    assert str(rows["lead_day"].dtype) == "Int64"
    assert {str(rows[c].dtype) for c in PROMISED[8:]} == {"float64"}
    assert {str(rows[c].dtype) for c in ("city", "model", "target", "model_id", "degraded")} == {"str"}


def test_a_parquet_file_gives_back_the_same_table(tmp_path):
    rows = rows_of()
    rows.to_parquet(tmp_path / "p.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), rows)


def test_the_example_of_the_contract():
    rows = rows_of().query("target == 'daily' and lead_day == 1").set_index("city")
    assert rows.loc["seoul", "valid_start"] == pd.Timestamp("2020-01-10T15Z")
    assert rows.loc["seoul", "valid_end"] == pd.Timestamp("2020-01-11T15Z")
    assert rows.loc["seoul", "lead_hours"] == 31
    assert rows.loc["beijing", "valid_start"] == pd.Timestamp("2020-01-10T16Z")
    assert rows.loc["beijing", "lead_hours"] == 32


@pytest.mark.parametrize(
    "issue",
    [datetime(2020, 1, 10, h, tzinfo=UTC) for h in (2, 8, 14, 20)]
    + [datetime(2019, 12, 31, 14, tzinfo=UTC), datetime(2020, 2, 28, 20, tzinfo=UTC)],
)
def test_windows_leads_and_days_of_every_cycle(issue):
    rows = rows_of(issue=issue)
    for one, step in zip(CITIES, (3, 1), strict=True):
        mine = rows[rows["city"] == one.id]
        hourly, daily = (mine[mine["target"] == t] for t in ("hourly", "daily"))
        width = hourly["valid_end"] - hourly["valid_start"]
        assert (width == pd.Timedelta(hours=step)).all()
        assert (hourly["valid_start"] >= issue).all()
        assert hourly["valid_start"].iloc[0] - issue < pd.Timedelta(hours=step)
        assert (hourly["valid_end"].dt.hour % step == 0).all()
        assert all(b - a == pd.Timedelta(hours=step) for a, b in pairwise(hourly["valid_end"]))
        assert hourly["valid_end"].iloc[-1] == horizon_end(issue, one.timezone)
        assert hourly["lead_day"].isna().all()
        assert daily["lead_day"].tolist() == [0, 1, 2, 3]
        local = daily["valid_start"].dt.tz_convert(one.timezone)
        assert (local.dt.hour == 0).all()
        today = pd.Timestamp(issue).tz_convert(one.timezone).normalize()
        assert [(d - today).days for d in local] == [0, 1, 2, 3]
        assert mine["lead_hours"].max() <= 92
        lead = (mine["valid_end"] - mine["issue_time"]) / pd.Timedelta(hours=1)
        assert (lead == mine["lead_hours"]).all()


def test_probabilities_count_members_above_the_unrounded_number():
    # members 0, 0.5 … 99.5: of 200 members those above 35 are 35.5 … 99.5, 200 - 71 = 129
    rows = rows_of(np.arange(200) / 2)
    later = rows[(rows["target"] == "hourly") | (rows["lead_day"] >= 1)]
    assert (later["p_gt_35"] == 129 / 200).all()
    assert (later["p_gt_115"] == 0).all()
    assert later["mean"].to_numpy() == pytest.approx(99.5 / 2)
    assert later["q50"].to_numpy() == pytest.approx(99.5 / 2)
    assert later["q90"].to_numpy() == pytest.approx(0.9 * 99.5)
    just_above = rows_of(np.full(200, 35.4)).query("target == 'hourly'")
    assert (just_above["p_gt_35"] == 1).all()


def test_day_zero_holds_the_hours_already_observed():
    rows = rows_of(np.full(200, 90.0), panel=make_panel()).query("lead_day == 0").set_index("city")
    # known at 08 UTC: Seoul's ends 18, 21, 00, 03, 06 (5 of 8), Beijing's 17 … 07 (15 of 24), all 30
    assert rows.loc["seoul", "mean"] == pytest.approx((5 * 30 + 3 * 90) / 8)
    assert rows.loc["beijing", "mean"] == pytest.approx((15 * 30 + 9 * 90) / 24)
    assert rows["observed_share"].tolist() == pytest.approx([5 / 8, 15 / 24])


def test_quantiles_never_cross_and_probabilities_fall_with_the_threshold():
    rows = rows_of(np.random.default_rng(1).lognormal(3.5, 0.8, 200))
    quantiles = rows[[c for c in COLUMNS if c[0] == "q"]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    chances = rows[[f"p_gt_{t}" for t in PM_THRESHOLDS]].to_numpy()
    assert (np.diff(chances, axis=1) <= 0).all()


@settings(max_examples=8, deadline=None)
@given(st.sets(st.sampled_from(sorted(KEYS))), st.sampled_from([2, 8, 14, 20]))
def test_every_cycle_gives_every_row_whatever_is_missing(present, hour):
    issue = ISSUE.replace(hour=hour)
    panel = make_panel({k: KEYS[k] for k in present}, issue)
    rows = forecast_issue(panel, {}, CITIES, issue_time=issue, as_of=issue).rows
    keys = ["city", "target", "valid_end", "lead_hours"]
    wanted = rows_of(issue=issue)[keys]
    for table in rows.values():
        assert set(table["model"]) == {"sameair", "persistence", "climatology"}
        for _, part in table.groupby("model"):
            pd.testing.assert_frame_equal(part[keys].reset_index(drop=True), wanted)
        assert not table.drop(columns=["lead_day", *JOINT_COLUMNS]).isna().any().any()
        later = table.loc[(table["target"] == "daily") & (table["lead_day"] >= 3), list(JOINT_COLUMNS)]
        assert not later.isna().any().any()
        assert (table.loc[table["model"] == "sameair", "degraded"] != "").all()
