"""The calendar: its table against the moons, its columns against arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import radians, sin

import numpy as np
import pytest

from forecasting.situation.calendar import ENTRIES, LUNAR_NEW_YEAR, calendar_values


def new_moon(number: int) -> datetime:
    """Return a new moon counted from 6 January 2000, to some minutes [UTC].

    J. Meeus, Astronomical Algorithms (2nd ed., 1998), chapter 49, its eight largest terms; the difference of
    dynamical and universal time is taken as 70 s.
    """
    t = number / 1236.85
    day = 2451550.09766 + 29.530588861 * number + 0.00015437 * t**2
    eccentricity = 1 - 0.002516 * t
    sun = radians(2.5534 + 29.10535670 * number)
    moon = radians(201.5643 + 385.81693528 * number + 0.0107582 * t**2)
    latitude = radians(160.7108 + 390.67050284 * number - 0.0016118 * t**2)
    day += (
        -0.40720 * sin(moon)
        + 0.17241 * eccentricity * sin(sun)
        + 0.01608 * sin(2 * moon)
        + 0.01039 * sin(2 * latitude)
        + 0.00739 * eccentricity * sin(moon - sun)
        - 0.00514 * eccentricity * sin(moon + sun)
        + 0.00208 * eccentricity**2 * sin(2 * sun)
        - 0.00111 * sin(moon - 2 * latitude)
    )
    return datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=day - 2451545.0, seconds=-70)


def test_lunar_new_year_is_the_day_of_the_first_new_moon_from_21_january_on():
    moons = [(new_moon(n) + timedelta(hours=8)).date() for n in range(150, 450)]
    for new_year in LUNAR_NEW_YEAR:
        assert new_year == next(day for day in moons if day >= date(new_year.year, 1, 21))
    assert [day.year for day in LUNAR_NEW_YEAR] == list(range(2013, 2036))


def column(entry: str, *issues: str) -> list[float]:
    values = calendar_values(np.array(issues, "M8[ns]"))
    return values[:, ENTRIES.index(entry)].tolist()


def test_holidays_near_and_far():
    days = [
        "2020-01-10T08",
        "2020-01-20T08",
        "2020-01-25T08",
        "2020-01-26T08",
        "2020-02-09T08",
        "2020-07-01T08",
    ]
    assert column("lunar_new_year_near", *days) == pytest.approx([0, 10 / 15, 1, 14 / 15, 0, 0])
    assert column("lunar_new_year_side", *days) == pytest.approx([0, -10 / 15, 0, 14 / 15, 0, 0])
    assert column("national_day_near", "2020-09-28T08", "2020-10-04T08") == pytest.approx([12 / 15, 12 / 15])
    assert column("national_day_side", "2020-09-28T08", "2020-10-04T08") == pytest.approx([-12 / 15, 12 / 15])


def test_no_holiday_beyond_the_table():
    near = column("lunar_new_year_near", "2012-01-23T08", "2036-01-28T08", "2050-01-23T08")
    assert near == [0.0, 0.0, 0.0]


def test_the_date_changes_at_midnight_in_beijing():
    assert column("national_day_near", "2020-09-30T15", "2020-09-30T16") == pytest.approx([14 / 15, 1])
    assert column("heating_season", "2020-11-14T15", "2020-11-14T16", "2020-03-15T15", "2020-03-15T16") == [
        0,
        1,
        1,
        0,
    ]


def test_the_year_goes_round():
    waves = calendar_values(np.array(["2019-12-31T20", "2020-12-30T20"], "M8[ns]"))[:, :4]
    assert np.abs(waves[0] - waves[1]).max() < 0.04
