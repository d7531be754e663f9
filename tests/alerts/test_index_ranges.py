"""Ranges of an index and grades as ranges of the mean: by the tables of the standards, there and back."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.aqi import iaqi
from alerts.index_ranges import index_range, pm2p5_of_grade, pm2p5_of_index
from alerts.rules import rule

OLD, NEW = date(2026, 2, 28), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("day", "low", "high", "expected"),
    [
        (OLD, 51, 100, (35.5, 75.5)),
        (NEW, 51, 100, (35.5, 60.5)),
        (OLD, 201, 300, (150.5, 250.5)),
        (OLD, 40, 80, (0.0, 59.5)),
    ],
)
def test_break_points_of_the_version_in_force(day, low, high, expected):
    """The last: 80 = 50 + 50 · (c − 35) / 40 at c = 59; no pollutant is primary up to 50: no lower bound."""
    assert pm2p5_of_index(low, high, day, "PM2.5") == expected


def test_another_primary_pollutant_bounds_pm2p5_only_above():
    for primary in ("O3", "PM10", "PM2.5,PM10", ""):
        assert pm2p5_of_index(101, 150, OLD, primary) == (0.0, 115.5)
    assert pm2p5_of_index(101, 150, OLD, "细颗粒物") == (75.5, 115.5)


def test_the_top_of_the_index_is_open():
    assert pm2p5_of_index(301, 500, OLD, "PM2.5") == (250.5, math.inf)


@given(st.integers(0, 499), st.integers(0, 200), st.integers(0, 480), st.sampled_from([OLD, NEW]))
def test_a_mean_is_in_the_range_just_when_its_index_is(low, width, mean, day):
    high = min(low + width, 499)
    least, most = pm2p5_of_index(low, high, day, "PM2.5")
    index = float(iaqi(mean, "pm2p5", rule("cn.aqi", day)))
    if low <= index <= high:
        assert least <= mean <= most
    elif index > high and any(
        low <= float(iaqi(c, "pm2p5", rule("cn.aqi", day))) <= high for c in range(501)
    ):
        assert mean > most


@given(st.floats(0, 499), st.floats(0, 499), st.sampled_from([OLD, NEW]))
def test_our_own_range_leads_back_to_the_means_it_came_from(first, second, day):
    low, high = index_range([first, second], day)
    least, most = pm2p5_of_index(low, high, day, "PM2.5")
    assert least <= min(first, second) <= max(first, second) <= most


def test_grades_as_agencies_write_them():
    seoul, day = "kr", date(2019, 3, 5)
    assert pm2p5_of_grade("좋음", seoul, day) == (0.0, 15.5)
    assert pm2p5_of_grade("매우 나쁨", seoul, day) == (75.5, math.inf)
    assert pm2p5_of_grade("보통~나쁨", seoul, day) == (15.5, 75.5)
    assert pm2p5_of_grade("良至轻度", "cn", OLD) == (35.5, 115.5)
    assert pm2p5_of_grade("严重污染", "cn", OLD, "PM2.5") == (250.5, math.inf)
    assert pm2p5_of_grade("轻度污染", "cn", OLD, "O3") == (0.0, 115.5)
    assert pm2p5_of_grade("", seoul, day) is None
    assert pm2p5_of_grade("good", "us", day) is None
