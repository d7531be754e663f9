"""Paths: observations where known, samples elsewhere; day means by local days with 75 % coverage."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.paths import day_means, join_paths, lead_times_of, observed_paths
from pipeline.times import hour_range, to_ns

ISSUE = datetime(2020, 1, 10, 8, tzinfo=UTC)
SEOUL, BEIJING = city("seoul"), city("beijing")


def make_panel(value: float = 30.0, hours: int = 240, delay_hours: int = 1) -> AsOfPanel:
    def series(step: int) -> AsOfSeries:
        times = hour_range(ISSUE - timedelta(hours=hours), ISSUE + timedelta(hours=120), step)
        return AsOfSeries(times, times + np.timedelta64(delay_hours, "h"), np.full(len(times), value), step)

    keys = {"seoul.pm2p5.reference": 3, "seoul.pm2p5.hourly": 1, "beijing.pm2p5.reference": 1}
    return AsOfPanel({k: series(step) for k, step in keys.items()}, "measured")


def make_samples(value: float = 100.0) -> xr.Dataset:
    periods = np.arange(-24, 93)
    data = np.full((200, 2, len(periods)), value)
    off_cadence = (periods + ISSUE.hour) % 3 != 0
    reference = data.copy()
    reference[:, 0, off_cadence] = np.nan
    dims = ("realization", "city", "forecast_period")
    return xr.Dataset(
        {"pm2p5": (dims, reference), "pm2p5_hourly": (dims, data)},
        {
            "realization": np.arange(200),
            "city": ["seoul", "beijing"],
            "forecast_period": periods,
            "issue_time": to_ns(ISSUE),
            "as_of": to_ns(ISSUE),
        },
        attrs={"world": "measured"},
    )


def test_lead_times_are_issue_plus_period():
    times = lead_times_of(make_samples())
    assert times[0] == to_ns(ISSUE - timedelta(hours=24))
    assert times[-1] == to_ns(ISSUE + timedelta(hours=92))


def test_known_values_come_from_observations_and_the_rest_from_samples():
    paths = join_paths(make_panel(30.0), make_samples(100.0), [SEOUL, BEIJING])
    beijing = paths["pm2p5"].sel(city="beijing", realization=0)
    # received one hour after the interval end: at the issue the hour ending at the issue is not known yet
    assert float(beijing.sel(time=to_ns(ISSUE - timedelta(hours=1)))) == 30.0
    assert float(beijing.sel(time=to_ns(ISSUE))) == 100.0
    assert bool(paths["is_observed"].sel(city="beijing", time=to_ns(ISSUE - timedelta(hours=1))))
    assert not bool(paths["is_observed"].sel(city="beijing", time=to_ns(ISSUE)))


def test_day_zero_mixes_observed_and_forecast_hours():
    paths = join_paths(make_panel(30.0), make_samples(100.0), [SEOUL, BEIJING])
    days = day_means(paths, BEIJING)
    today = days.sel(day=np.datetime64("2020-01-10", "ns"))
    # Beijing's day is 9 Jan 16 UTC – 10 Jan 16 UTC; hours ending 17 … 07 UTC are known: 15 of 24
    assert float(today["observed_share"]) == pytest.approx(15 / 24)
    assert today["day_mean"].values == pytest.approx((15 * 30 + 9 * 100) / 24)


def test_a_three_hourly_city_has_eight_intervals_a_day():
    paths = join_paths(make_panel(30.0), make_samples(100.0), [SEOUL, BEIJING])
    today = day_means(paths, SEOUL).sel(day=np.datetime64("2020-01-10", "ns"))
    # Seoul's day is 9 Jan 15 UTC – 10 Jan 15 UTC; ends 18, 21, 00, 03, 06 are known at 08 (09 is not): 5 of 8
    assert float(today["observed_share"]) == pytest.approx(5 / 8)
    assert today["day_mean"].values == pytest.approx((5 * 30 + 3 * 100) / 8)


def test_paths_reach_the_end_of_day_three():
    paths = join_paths(make_panel(), make_samples(), [SEOUL, BEIJING])
    assert paths["time"].values[-1] == to_ns(datetime(2020, 1, 13, 16, tzinfo=UTC))
    assert day_means(paths, SEOUL)["day"].values[-1] == np.datetime64("2020-01-13", "ns")


@given(missing=st.integers(0, 24))
def test_a_day_needs_three_quarters_of_its_hours(missing):
    start, end = datetime(2020, 1, 9, 16, tzinfo=UTC), datetime(2020, 1, 10, 16, tzinfo=UTC)
    times = hour_range(start, end)[missing:]
    series = AsOfSeries(times, times, np.full(len(times), 40.0))
    panel = AsOfPanel({"beijing.pm2p5.reference": series}, "measured")
    days = day_means(observed_paths(panel, [BEIJING], start=start, end=end, as_of=end), BEIJING)
    assert bool(days["complete"].item()) == (24 - missing >= 0.75 * 24)
    assert np.isnan(days["day_mean"].item()) == (24 - missing < 18)


@given(st.integers(-48, 48))
def test_values_received_after_the_snapshot_never_enter(hours):
    panel = make_panel()
    later = {
        k: AsOfSeries(
            s.times,
            s.received,
            np.where(s.received > to_ns(ISSUE), 999.0 + hours, s.values),
            s.interval_hours,
        )
        for k, s in panel.items()
    }
    one = join_paths(panel, make_samples(), [SEOUL, BEIJING])
    other = join_paths(AsOfPanel(later, "measured"), make_samples(), [SEOUL, BEIJING])
    xr.testing.assert_identical(one, other)
