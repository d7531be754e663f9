"""What is forecast at an hour of the day, and what came true of it, known no earlier than it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.outputs import OUTLOOK_DAYS, interval_matrix, outputs_of, read_record, truth_of
from forecasting.targets import Target, to_level, to_log
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import FORECAST_DAYS, local_date, local_day_bounds, to_ns

HOUR = np.timedelta64(3_600_000_000_000, "ns")
SEOUL = Target("seoul", "pm2p5", "reference", 3, "Asia/Seoul")
BEIJING = Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")
DAY = datetime(2020, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("hour", [2, 8, 14, 20])
@pytest.mark.parametrize("target", [SEOUL, BEIJING])
def test_days_are_those_of_the_local_calendar(target, hour):
    issue = DAY + timedelta(hours=hour)
    outputs = outputs_of([target], hour)
    columns = outputs.of(0, days=True)
    assert outputs.day[columns].tolist() == list(range(OUTLOOK_DAYS + 1))
    today = local_date(issue, target.timezone)
    for column in columns:
        day = int(outputs.day[column])
        start, end = local_day_bounds(today + timedelta(days=day), target.timezone)
        assert issue + timedelta(hours=int(outputs.end[column])) == end
        assert issue + timedelta(hours=int(outputs.start[column])) == max(start, issue)
        assert outputs.lead_day[column] == day


@pytest.mark.parametrize("hour", [2, 8, 14, 20])
def test_intervals_follow_each_other_on_the_clock_of_the_series(hour):
    outputs = outputs_of([SEOUL, BEIJING], hour)
    for i, target in enumerate(outputs.targets):
        single = outputs.of(i, days=False)
        assert ((hour + outputs.end[single]) % target.interval_hours == 0).all()
        assert (outputs.end[single] - outputs.start[single] == target.interval_hours).all()
        assert (outputs.start[single][1:] == outputs.end[single][:-1]).all()
        days = outputs.of(i, days=True)
        assert outputs.end[single].max() == outputs.end[days][FORECAST_DAYS]
        assert outputs.end[single].min() <= -24 + target.interval_hours


@pytest.mark.parametrize("hour", [2, 8, 14, 20])
def test_a_day_is_the_mean_of_the_intervals_that_lie_in_it(hour):
    outputs = outputs_of([SEOUL, BEIJING], hour)
    for i, target in enumerate(outputs.targets):
        single, means = interval_matrix(outputs, i)
        days = outputs.of(i, days=True)
        for day, weights in zip(days, means, strict=True):
            length = outputs.end[day] - outputs.start[day]
            if outputs.day[day] > FORECAST_DAYS or length < target.interval_hours:
                assert not weights.any()
                continue
            mine = single[weights > 0]
            assert weights.sum() == pytest.approx(1.0)
            assert outputs.start[mine].min() >= outputs.start[day]
            assert outputs.end[mine].max() == outputs.end[day]
            assert len(mine) == length // target.interval_hours


def series_of(values, received):
    """Return an hourly series that begins with DAY, received so many hours after DAY."""
    times = to_ns(DAY) + np.arange(1, len(values) + 1) * HOUR
    seconds = np.round(np.array(received) * 3600).astype(np.int64) * np.timedelta64(1_000_000_000, "ns")
    return AsOfSeries(times, to_ns(DAY) + seconds, np.array(values, float))


def truth_at_08(series, last=240):
    """Return outputs and truth of the issue of DAY at 08 UTC."""
    panel = AsOfPanel({BEIJING.key: series}, "measured")
    outputs = outputs_of([BEIJING], 8)
    record = read_record(panel, [BEIJING], DAY, DAY + timedelta(hours=last))
    issue = np.array([to_ns(DAY + timedelta(hours=8))])
    return outputs, truth_of(record, outputs, issue)


def hours_after(known):
    return float((known - to_ns(DAY)) / HOUR)


def test_a_whole_day_is_known_with_its_last_value_and_is_their_mean():
    values = np.arange(1.0, 129.0)
    outputs, truth = truth_at_08(series_of(values, np.arange(1, 129) + 0.5))
    tomorrow = int(np.flatnonzero(outputs.day == 1)[0])
    # Beijing's 2 March is (16 UTC of the 1st, 16 UTC of the 2nd]: interval ends 17 … 40 h after DAY
    expected = sum(range(17, 41)) / 24
    assert to_level(truth.logs[0, tomorrow].astype(float)) == pytest.approx(expected, rel=1e-6)
    assert hours_after(truth.known[0, tomorrow]) == 40.5


def test_a_day_with_a_gap_waits_three_hours_and_then_stays_as_it_is():
    values, received = np.full(128, 20.0), np.arange(1, 129) + 0.5
    values[20:23], received[20:23] = 500.0, 44.0
    outputs, truth = truth_at_08(series_of(values, received))
    tomorrow = int(np.flatnonzero(outputs.day == 1)[0])
    assert hours_after(truth.known[0, tomorrow]) == 40 + 3
    assert truth.logs[0, tomorrow] == pytest.approx(to_log(np.array(20.0)))


def test_a_day_needs_three_quarters_of_its_intervals_however_late():
    values, received = np.full(128, 20.0), np.arange(1, 129) + 0.5
    values[16:23] = np.nan
    outputs, truth = truth_at_08(series_of(values, received))
    tomorrow = int(np.flatnonzero(outputs.day == 1)[0])
    assert np.isnan(truth.logs[0, tomorrow])
    assert np.isnat(truth.known[0, tomorrow])
    values[16:23], received[16:23] = 44.0, 100.0
    _, late = truth_at_08(series_of(values, received))
    assert hours_after(late.known[0, tomorrow]) == 100.0
    assert late.logs[0, tomorrow] == pytest.approx(to_log(np.array((17 * 20 + 7 * 44) / 24)))


def test_the_first_version_of_a_value_is_its_truth():
    times = to_ns(DAY) + np.array([9, 9, 9]) * HOUR
    received = to_ns(DAY) + np.array([10, 12, 20]) * HOUR
    series = AsOfSeries(times, received, np.array([np.nan, 30.0, 99.0]))
    outputs, truth = truth_at_08(series)
    nine = int(np.flatnonzero((outputs.end == 1) & (outputs.day < 0))[0])
    assert truth.logs[0, nine] == pytest.approx(np.log(35.0))
    assert hours_after(truth.known[0, nine]) == 12.0


@given(st.integers(0, 10_000), st.integers(8, 150))
def test_what_was_known_at_an_instant_needs_nothing_received_later(seed, instant):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(128) < 0.1, np.nan, rng.integers(1, 300, 128))
    delay = rng.choice([0.5, 1.0, 3.0, 6.0, 40.0], 128, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    whole = series_of(values, np.arange(1, 129) + delay)
    limit = to_ns(DAY + timedelta(hours=instant))
    early = whole.received <= limit
    part = AsOfSeries(whole.times[early], whole.received[early], whole.values[early])
    (_, full), (_, cut) = truth_at_08(whole), truth_at_08(part)
    then = full.known <= limit
    np.testing.assert_array_equal(then, cut.known <= limit)
    np.testing.assert_array_equal(full.logs[then], cut.logs[then])
    np.testing.assert_array_equal(full.known[then], cut.known[then])
