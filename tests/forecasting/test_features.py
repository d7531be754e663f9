"""Windows and features against slow, plain arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.features import WINDOWS, Layout, feature_table
from forecasting.targets import read_history, season_table, targets_of, to_level, to_log
from forecasting.windows import window_means
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import to_ns

NOON = datetime(2018, 8, 1, 8, tzinfo=UTC)


@given(
    st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=30),
    st.integers(0, 5),
    st.integers(1, 12),
)
def test_a_window_mean_is_the_mean_of_what_is_known(values, start, length):
    row = np.array([np.nan if v is None else v for v in values])
    newest = len(row) - 1
    part = row[max(newest + 1 - start - length, 0) : max(newest + 1 - start, 0)]
    part = part[np.isfinite(part)]
    got = window_means(row[None], np.array([newest]), [(start, start + length)])[0, 0]
    np.testing.assert_allclose(got, part.mean() if len(part) else np.nan, atol=1e-9)


@given(st.floats(0, 4000))
def test_the_modelling_scale_keeps_concentrations(value):
    np.testing.assert_allclose(to_level(to_log(np.array([value]))), [value], rtol=1e-9, atol=1e-9)


def test_features_hold_the_newest_value_lead_and_local_hour(panel, cities):
    targets = targets_of(panel, cities, "pm2p5")
    layout = Layout(targets, season_table(read_history(panel, targets, NOON)))
    table = feature_table(panel, layout, NOON, NOON, [np.array([1, 24]), np.array([1])])
    column = {n: i for i, n in enumerate(layout.names)}
    assert table.values.shape == (3, len(layout.names))
    # the value ending at 07 UTC was received at 08 UTC: one hour old at the issue
    np.testing.assert_array_equal(table.values[:, column["time: lead"]], [2, 25, 2])
    np.testing.assert_array_equal(table.values[:, column["time: hour"]], [18, 17, 17])
    series = panel["seoul.pm2p5.reference"]
    newest = series.values[series.times == to_ns(NOON - timedelta(hours=1))]
    row, season = table.values[0], layout.season[0, 212]
    season_and_level = row[column["time: seasonal level"]] - season[9] + season[7]
    got = row[column["own: mean of 0-1 h before"]]
    np.testing.assert_allclose(got, (to_log(newest) - season_and_level)[0], rtol=1e-4)


def test_the_level_follows_a_year_that_lay_higher(cities):
    hours = np.arange(1, 365 * 24 + 1)
    times = to_ns(NOON) - (hours[::-1] - 1) * np.timedelta64(3_600_000_000_000, "ns")
    key = "beijing.pm2p5.reference"
    panel = AsOfPanel({key: AsOfSeries(times, times, np.full(len(times), 45.0))}, "measured")
    targets = targets_of(panel, cities, "pm2p5")
    flat = np.full((len(targets), 366, 24), np.log(20.0), np.float32)
    table = feature_table(panel, Layout(targets, flat), NOON, NOON, [np.array([1]), np.array([1])])
    column = Layout(targets, flat).names.index("time: seasonal level")
    # ln(45 + 5) lies ln 2.5 above ln(15 + 5); 60 days of average air are added to the 365
    expected = np.log(20.0) + np.log(2.5) * 365 / (365 + 60)
    np.testing.assert_allclose(table.values[:, column], [np.log(20.0), expected], rtol=1e-4)


def test_all_is_unknown_without_series(cities):
    panel = AsOfPanel({}, "measured")
    targets = targets_of(panel, cities, "pm2p5")
    layout = Layout(targets, season_table(read_history(panel, targets, NOON)))
    table = feature_table(panel, layout, NOON, NOON, [np.array([1]), np.array([1])])
    assert not table.has_state.any()
    names = np.array(layout.names)
    own = np.char.startswith(names, "own")
    assert np.isnan(table.values[:, own]).all()
    assert len(names) == len(set(names))
    assert len(WINDOWS) < own.sum()
