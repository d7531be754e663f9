"""The origin panel of invented paths: windows, readings as known, what is lost, what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from forecasting.transport.arrival import arrival_windows
from forecasting.transport.origin import Question, origin_panel, panel_without_winds
from forecasting.transport.origin_starts import (
    expected_peak,
    join_starts,
    past_arrivals,
    start_heights,
    starts_of,
)
from forecasting.transport.trajectories import trajectories
from forecasting.transport.upwind import upwind_readings
from pipeline.asof import AsOfSeries
from pipeline.origin_panel import OriginPanel
from pipeline.regions import all_regions
from pipeline.times import iso, parse_instant, to_ns
from tests.forecasting.origin_cases import (
    ARRIVAL,
    BEIJING,
    HOUR,
    NOW,
    SEOUL,
    along_parallel,
    between,
    dataset,
    hourly,
    panel_of,
)

CITIES = (SEOUL, BEIJING)
ASKED = Question(NOW, NOW, CITIES)
EMPTY = panel_of()


def at(hours):
    """An instant after the arrival, as text."""
    return iso(ARRIVAL + timedelta(hours=hours))


def arriving(hours, path, **more):
    return path.assign(start_time=path["start_time"] + HOUR * hours, **more)


def together(*paths):
    found = xr.concat(paths, "trajectory", combine_attrs="override")
    return found.assign(member=("trajectory", np.arange(found.sizes["trajectory"])))


def test_the_window_holds_the_arrivals_that_had_passed_the_other_city():
    lags = {0: None, 3: 40, 6: 44, 9: 48, 12: None}
    parts = [
        arriving(hour, between(SEOUL, BEIJING, lag) if lag else along_parallel(SEOUL, 1.0))
        for hour, lag in lags.items()
    ]
    found = {w.place: w for w in arrival_windows(together(*parts), SEOUL, CITIES)}["beijing"]
    assert (found.first, found.last) == (at(3), at(9))
    assert (found.lag_hours, found.share) == (44.0, 1.0)


def test_few_paths_make_no_window():
    still = along_parallel(SEOUL, 1.0)
    four = together(between(SEOUL, BEIJING, 40), still, still, still)
    assert [w.share for w in arrival_windows(four, SEOUL, CITIES) if w.place == "beijing"] == [0.25]
    five = together(between(SEOUL, BEIJING, 40), still, still, still, still)
    assert not [w for w in arrival_windows(five, SEOUL, CITIES) if w.place == "beijing"]


def test_no_window_is_told_of_regions_near_the_city():
    places = {w.place for w in arrival_windows(between(SEOUL, BEIJING, 40), SEOUL, CITIES)}
    assert {"beijing", "beijing_tianjin"} <= places
    assert not places & {"seoul_area", "yellow_sea", "southern_peninsula", "northern_peninsula", "seoul"}


def readings(paths, panel, as_of=NOW, city=SEOUL):
    return upwind_readings(paths, city, panel, CITIES, as_of)


def test_a_reading_is_that_of_the_hour_of_passing():
    passed = ARRIVAL - timedelta(hours=40)
    ages = (NOW - passed) / timedelta(hours=1)
    series = {"beijing__pm2p5__reference": hourly(np.arange(100.0))}
    found = readings(between(SEOUL, BEIJING, 40), panel_of(**series))
    assert [(r.place, r.hours_before, r.passed_at) for r in found] == [("beijing", 40.0, iso(passed))]
    assert (found[0].value, found[0].latest) == (99.0 - ages, 98.0)
    assert found[0].latest_at == iso(NOW - timedelta(hours=1))


def test_a_three_hourly_reading_is_that_of_the_interval_that_holds_the_passing():
    last = parse_instant("2025-01-10T06:00Z")
    series = {"beijing__pm2p5__reference": hourly(np.arange(40.0), last=last, step=3, received_after=0)}
    passed = ARRIVAL - timedelta(hours=41)
    end = passed + (last - passed) % timedelta(hours=3)
    steps = (last - end) / timedelta(hours=3)
    assert readings(between(SEOUL, BEIJING, 41), panel_of(**series))[0].value == 39 - steps


def test_a_passing_ahead_has_no_value_yet():
    found = readings(between(SEOUL, BEIJING, 12), panel_of(beijing__pm2p5__reference=hourly(np.arange(50.0))))
    assert (found[0].value, found[0].latest) == (None, 48.0)


def test_what_was_received_later_is_not_told():
    early = hourly(np.full(60, 30.0))
    times, received = np.repeat(early.times, 2), np.repeat(early.received, 2)
    received[1::2] = to_ns(NOW) + HOUR
    corrected = AsOfSeries(times, received, np.where(np.arange(120) % 2, 500.0, 30.0))
    paths = between(SEOUL, BEIJING, 40)
    before = readings(paths, panel_of(beijing__pm2p5__reference=early))
    assert readings(paths, panel_of(beijing__pm2p5__reference=corrected)) == before
    later = readings(paths, panel_of(beijing__pm2p5__reference=corrected), NOW + timedelta(hours=2))
    assert later[0].value == 500.0


def test_own_air_and_places_side_by_side_are_told_once_and_silent_places_not():
    paths = dataset(  # over Shenyang, where a consulate measures beside the city
        np.linspace(SEOUL.latitude, 41.8, 73), np.linspace(SEOUL.longitude, 123.45, 73)
    )
    air = hourly(np.arange(100.0))
    panel = panel_of(
        seoul__pm2p5__reference=air,
        around__pm2p5__seodaemun_air=air,
        around__pm2p5__shenyang_air=air,
        around__pm2p5__shenyang_embassy=air,
        around__pm2p5__dandong_air=hourly(np.full(100, np.nan)),
    )
    assert [r.place for r in readings(paths, panel)] == ["shenyang_air"]


def test_a_panel_says_all_of_it_and_survives_json():
    paths = together(
        *(arriving(h, between(SEOUL, BEIJING, 40 + k)) for h in (0, 3) for k in range(4)),
        *(arriving(h, along_parallel(BEIJING, 3.0)) for h in (0, 3)),
    )
    found = origin_panel(paths, panel_of(beijing__pm2p5__reference=hourly(np.arange(99.0))), ASKED)
    seoul, beijing = found.cities
    assert OriginPanel.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert (seoul.members, seoul.lost, seoul.hours, seoul.arrivals) == (8, 0, 72.0, (at(0), at(3)))
    assert sum(r.hours for r in seoul.regions) == pytest.approx(72.0, abs=0.01)
    assert len(seoul.paths) == 4
    assert [point[0] for point in seoul.paths[0].points] == list(np.arange(0.0, 73, 2))
    assert beijing.local.word == "stagnant"
    assert "share" not in found.method


def test_no_country_is_named_anywhere():
    text = json.dumps(origin_panel(between(SEOUL, BEIJING, 40), EMPTY, ASKED).to_dict())
    for word in ("china", "korea,", "national", "percent", "contribution"):
        assert word not in text.lower()


def test_the_arrival_asked_for_is_drawn():
    paths = together(*(arriving(h, between(SEOUL, BEIJING, 40)) for h in (0, 3, 6)))
    for hour in (0, 3, 6):
        asked = replace(ASKED, drawn={"seoul": ARRIVAL + timedelta(hours=hour + 1)})
        assert origin_panel(paths, EMPTY, asked).cities[0].arrival == at(hour)


def test_the_order_of_paths_does_not_matter():
    parts = [arriving(h, between(SEOUL, BEIJING, 40 + h + k)) for h in (0, 3) for k in range(3)]
    one, other = (origin_panel(together(*p), EMPTY, ASKED).cities[0] for p in (parts, parts[::-1]))
    assert replace(one, paths=()) == replace(other, paths=())


def test_lost_paths_are_counted_and_too_many_of_them_say_nothing():
    whole, half = between(SEOUL, BEIJING, 40), between(SEOUL, BEIJING, 40)
    half = half.where(half["age"] > -12).assign(
        start_time=whole["start_time"], city=whole["city"], ended=("trajectory", ["no wind"])
    )
    half.attrs = whole.attrs
    found = origin_panel(together(whole, whole, half), EMPTY, ASKED).cities[0]
    assert (found.members, found.lost, found.missing) == (3, 1, "")
    gone = origin_panel(together(whole, half, half), EMPTY, ASKED).cities[0]
    assert (gone.missing, gone.local.word, gone.regions) == (
        "most paths end within 24 h: no wind",
        "unknown",
        (),
    )


def test_a_city_without_paths_says_why_and_the_other_speaks():
    asked = replace(ASKED, missing={"beijing": "the winds end too soon"})
    seoul, beijing = origin_panel(between(SEOUL, BEIJING, 40), EMPTY, asked).cities
    assert (seoul.missing, beijing.missing) == ("", "the winds end too soon")
    assert (
        origin_panel(between(SEOUL, BEIJING, 40), EMPTY, ASKED).cities[1].missing == "no paths were computed"
    )


def test_without_winds_a_panel_says_so():
    found = panel_without_winds("measured", ASKED, "no winds")
    assert (found.kind, found.missing, {c.missing for c in found.cities}) == (
        "none",
        "no winds",
        {"no winds"},
    )
    assert OriginPanel.from_dict(found.to_dict()) == found


def test_paths_in_an_invented_west_wind_pass_beijing_when_they_should():
    speed, lag = 8.0, 30
    axes = {"latitude": np.arange(30.0, 46.0), "longitude": np.arange(90.0, 131.0)}
    times = to_ns(NOW) + np.arange(-72, 73, 6) * HOUR
    shape = (len(times), 2, len(axes["latitude"]), len(axes["longitude"]))
    dims = ("time", "level", "latitude", "longitude")
    winds = xr.Dataset(
        {"eastward_wind": (dims, np.full(shape, speed)), "northward_wind": (dims, np.zeros(shape))},
        {
            "time": times.astype("M8[ns]"),
            "level": ("level", [100.0, 2000.0], {"vertical": "height", "units": "m"}),
            **axes,
        },
        {"source": "invented", "kind": "forecast", "world": "measured"},
    )
    degrees = speed * 3.6 * lag / (111.194 * np.cos(np.radians(BEIJING.latitude)))
    east = replace(SEOUL, latitude=BEIJING.latitude, longitude=BEIJING.longitude + degrees)
    starts = starts_of(winds, east, to_ns(ARRIVAL) + np.arange(0, 12, 3) * HOUR, "expected")
    found = origin_panel(trajectories(winds, starts, -72), EMPTY, replace(ASKED, cities=(east, BEIJING)))
    window = {w.place: w for w in found.cities[0].windows}["beijing"]
    assert (window.first, window.last, window.share) == (at(0), at(9), 1.0)
    assert window.lag_hours == pytest.approx(lag, abs=1.0)
    assert found.cities[0].members == 4 * 4 * 9


def futures(day_levels, issue=NOW):
    """Joint paths of Seoul from two days before the issue, with one level a local day."""
    start = parse_instant("2025-01-07T15:00Z")
    times = to_ns(start) + np.arange(1, 24 * len(day_levels) + 1) * HOUR
    values = np.repeat(np.asarray(day_levels, float), 24)
    values = values + np.tile(np.sin(np.arange(24) / 24 * 2 * np.pi), len(day_levels))
    both = np.stack([values - 1, values + 1])[:, None]
    found = xr.Dataset(
        {"pm2p5": (("realization", "city", "time"), both)},
        {"realization": [0, 1], "city": ["seoul"], "time": times.astype("M8[ns]")},
        {"world": "simulated-1"},
    )
    found["is_observed"] = (("city", "time"), np.zeros((1, len(times)), bool))
    return found.assign_coords(issue_time=to_ns(issue))


@given(st.integers(2, 5))
def test_the_expected_day_is_the_highest_one_ahead(highest):
    levels = np.full(6, 20.0)
    levels[0], levels[highest] = 500.0, 60.0
    found = expected_peak(futures(levels), SEOUL)
    midnight = parse_instant("2025-01-07T15:00Z") + timedelta(days=highest)
    assert [str(t) for t in found.arrivals] == [
        str(to_ns(midnight + timedelta(hours=h))) for h in range(3, 25, 3)
    ]
    assert found.peak == midnight + timedelta(hours=7)


def test_no_day_that_can_be_forecast_gives_no_peak():
    assert expected_peak(futures(np.full(6, np.nan)), SEOUL) is None


def test_past_arrivals_are_the_four_of_the_past_day():
    assert [str(t)[8:13] for t in past_arrivals(parse_instant("2025-01-10T06:00Z"))] == [
        "09T12", "09T18", "10T00", "10T06",
    ]  # fmt: skip


@pytest.mark.parametrize(("mixing", "highest"), [(np.nan, 750), (100, 375), (800, 600), (3000, 1500)])
def test_starts_lie_in_the_mixing_layer(mixing, highest):
    times = to_ns(NOW) + np.arange(0, 24, 3) * HOUR
    grid = {"latitude": [37.0, 38.0], "longitude": [126.0, 127.0]}
    values = np.full((8, 2, 2), 0.0 if np.isfinite(mixing) else np.nan)
    values[4] = mixing
    winds = xr.Dataset(
        {"atmosphere_boundary_layer_thickness": (("time", "latitude", "longitude"), values)},
        {"time": times.astype("M8[ns]"), **grid},
    )
    heights = start_heights(winds, SEOUL, times)
    assert (len(heights), max(heights)) == (4, highest)
    starts = starts_of(winds, SEOUL, times, "past")
    assert len(starts.times) == 8 * 4
    assert set(join_starts([starts, starts]).labels["purpose"]) == {"past"}


def test_every_region_told_is_one_of_the_table():
    found = origin_panel(between(SEOUL, BEIJING, 40), EMPTY, ASKED).cities[0]
    assert {r.region for r in found.regions} <= {*all_regions(), "elsewhere"}
    assert [r.hours for r in found.regions] == sorted((r.hours for r in found.regions), reverse=True)
