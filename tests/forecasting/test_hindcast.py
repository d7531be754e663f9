"""Hindcasts know nothing too early, and give a cycle the same rows whatever else is replayed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.hindcast import MARGIN_DAYS, hindcast, issues_between, without_year
from forecasting.issue import forecast_issue
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.heavy import heavy_work
from pipeline.times import cycles_between, to_ns
from tests.forecasting.conftest import LEARNED

ISSUES = cycles_between(LEARNED + timedelta(days=3), LEARNED + timedelta(days=6))
ISSUE = ISSUES[5]


def replay(panel, cities, model, issues, **more):
    return hindcast(panel, cities, issues, {"pm2p5": model}, quantities=["pm2p5"], **more)["pm2p5"]


def test_issues_are_those_of_whole_utc_days():
    issues = issues_between(date(2019, 12, 31), date(2020, 1, 1))
    assert [i.hour for i in issues] == [2, 8, 14, 20] * 2
    assert issues[0] == datetime(2019, 12, 31, 2, tzinfo=UTC)
    assert len(issues_between(date(2020, 2, 28), date(2020, 3, 1))) == 3 * 4


def test_rows_do_not_depend_on_order_or_on_other_issues(panel, cities, model):
    whole = replay(panel, cities, model, ISSUES)
    keys = ["issue_time", "city", "model", "target", "valid_end"]
    backwards = replay(panel, cities, model, ISSUES[::-1])
    pd.testing.assert_frame_equal(
        whole.sort_values(keys, ignore_index=True), backwards.sort_values(keys, ignore_index=True)
    )
    alone = replay(panel, cities, model, [ISSUE])
    mine = whole[whole["issue_time"] == pd.Timestamp(ISSUE)].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone)


def test_rows_are_those_of_each_cycle_alone(panel, cities, model):
    whole = hindcast(panel, cities, ISSUES, {"pm2p5": model})
    for issue in ISSUES[::3]:
        made = forecast_issue(panel, {"pm2p5": model}, cities, issue_time=issue, as_of=issue)
        for quantity, rows in made.rows.items():
            mine = whole[quantity][whole[quantity]["issue_time"] == pd.Timestamp(issue)]
            pd.testing.assert_frame_equal(mine.reset_index(drop=True), rows, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_rows_do_not_depend_on_the_number_of_workers(panel, cities, model):
    told = []
    one = replay(panel, cities, model, ISSUES)
    with heavy_work("2") as heavy:
        two = replay(panel, cities, model, ISSUES, heavy=heavy, progress=lambda *step: told.append(step))
    pd.testing.assert_frame_equal(one, two)
    assert told[-1][1:] == (len(ISSUES), len(ISSUES))


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_values_received_after_an_issue_change_nothing_in_its_rows(panel, cities, model, data):
    """Late values are altered, withdrawn, added or corrected: the rows stay the same to the last bit."""
    key = data.draw(st.sampled_from(sorted(panel)))
    series, limit = panel[key], to_ns(ISSUE)
    late = np.flatnonzero(series.received > limit)
    at = data.draw(st.sampled_from([int(late[0]), int(late[0]) + 1, int(late[5]), int(late[-1])]))
    value = data.draw(st.sampled_from([0.0, 1.0, 900.0, float("nan")]))
    kind = data.draw(st.sampled_from(["alter", "correct", "cut"]))
    if kind == "alter":
        values = series.values.copy()
        values[at:] = value
        changed = replace(series, values=values)
    elif kind == "cut":
        changed = AsOfSeries(
            series.times[:at], series.received[:at], series.values[:at], series.interval_hours
        )
    else:
        changed = corrected(series, int(late[0]) - 3, limit + np.timedelta64(1, "ns"), value)
    other = AsOfPanel({**panel, key: changed}, panel.world)
    before = forecast_issue(panel, {"pm2p5": model}, cities, issue_time=ISSUE, as_of=ISSUE)
    after = forecast_issue(other, {"pm2p5": model}, cities, issue_time=ISSUE, as_of=ISSUE)
    for quantity, rows in before.rows.items():
        pd.testing.assert_frame_equal(rows, after.rows[quantity], check_exact=True)


def begun_after(panel, key, instant):
    """Return the panel with one more hourly series, of which nothing was received by an instant."""
    times = to_ns(instant) + np.arange(1, 400) * np.timedelta64(3_600_000_000_000, "ns")
    return AsOfPanel({**panel, key: AsOfSeries(times, times, np.full(len(times), 80.0))}, panel.world)


def test_a_series_that_begins_after_an_issue_changes_nothing_in_its_rows(panel, cities):
    keys = np.arange(-4000, 0) * np.timedelta64(3_600_000_000_000, "ns") + to_ns(ISSUE)
    thirds = keys[keys.astype("datetime64[h]").astype(int) % 3 == 0]
    values = 30 + 20 * np.sin(np.arange(len(thirds)))
    reference = AsOfSeries(thirds, thirds, values, 3)
    measured = AsOfPanel({"seoul.pm2p5.reference": reference}, "measured")
    later = begun_after(measured, "seoul.pm2p5.hourly", ISSUE)
    before, after = (hindcast(p, cities, [ISSUE], {})["pm2p5"] for p in (measured, later))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def corrected(series, at, received, value):
    """Return the series with a correction of one old value that arrives at an instant."""
    return AsOfSeries(
        np.insert(series.times, at + 1, series.times[at]),
        np.insert(series.received, at + 1, received),
        np.insert(series.values, at + 1, value),
        series.interval_hours,
    )


def test_a_value_received_at_the_issue_does_change_its_rows(panel, cities, model):
    key = "seoul.pm2p5.reference"
    series = panel[key]
    at = int(np.flatnonzero(series.received <= to_ns(ISSUE))[-1])
    values = series.values.copy()
    values[at - 3 : at + 1] = 500.0
    other = AsOfPanel({**panel, key: replace(series, values=values)}, panel.world)
    before, after = (replay(p, cities, model, [ISSUE]) for p in (panel, other))
    assert not before["mean"].equals(after["mean"])


def test_a_left_out_year_is_neither_truth_nor_input():
    times = np.arange(np.datetime64("2017-12-25", "h"), np.datetime64("2019-01-12", "h")).astype("M8[ns]")
    panel = AsOfPanel({"a": AsOfSeries(times, times, np.ones(len(times)), 1)}, "measured")
    kept = without_year(panel, 2018)["a"]
    there = times[np.isfinite(kept.values)]
    assert there[there < np.datetime64("2018-06-01")][-1] == np.datetime64("2018-01-01T00", "ns")
    first_after = there[there > np.datetime64("2018-06-01")][0]
    margin = np.datetime64("2019-01-01T00", "ns") + np.timedelta64(24 * MARGIN_DAYS, "h")
    assert first_after == margin + np.timedelta64(1, "h")
    assert np.array_equal(kept.times, times)


def test_a_world_without_any_values_still_gives_every_row(cities):
    rows = hindcast(AsOfPanel({}, "measured"), cities, ISSUES[:2], {})
    assert set(rows) == {"pm2p5", "pm10"}
    for table in rows.values():
        assert table["mean"].notna().all()
        sizes = pd.crosstab(table["issue_time"], table["model"])
        assert sizes.eq(sizes["sameair"], axis=0).all(axis=None)
        assert sizes.shape == (2, 3)


@pytest.mark.parametrize("issues", [[], ISSUES[:1]])
def test_no_issue_gives_no_table(panel, cities, model, issues):
    made = hindcast(panel, cities, issues, {"pm2p5": model}, quantities=["pm2p5"])
    assert list(made) == (["pm2p5"] if issues else [])
