"""Air that will arrive: where it is at the issue in winds of known course, and that nothing later enters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.transport.arriving import EARTH_M, KnownWinds, Readings, arriving
from pipeline.cities import city

SEOUL = city("seoul")
ISSUES = np.array(["2025-01-10T08", "2025-01-11T14"], "M8[ns]")
DAY = np.timedelta64(24, "h").astype("m8[ns]")
NEARLY = 0.08
"""Degrees by which the background draws a reading: 0.1 of 0.1 + 14.5 (near places), 8 degrees away."""
LATITUDE, LONGITUDE = np.arange(30.0, 46.0), np.arange(105.0, 133.0)


def uniform(eastward, northward, layers=1, **more):
    times = np.arange("2025-01-09T00", "2025-01-17T00", 6, dtype="M8[h]").astype("M8[ns]")
    values = np.zeros((layers, len(times), len(LATITUDE), len(LONGITUDE), 2))
    values[..., 0], values[..., 1] = eastward, northward
    return KnownWinds(times, LATITUDE, LONGITUDE, values, **more)


def field_of_longitude(issues):
    """Places at every degree whose reading is their longitude: what is read tells where the parcel was."""
    latitude, longitude = (part.ravel() for part in np.meshgrid(LATITUDE, LONGITUDE, indexing="ij"))
    return Readings(latitude, longitude, np.tile(longitude, (len(issues), 1)))


def test_still_air_is_the_citys_own():
    told = arriving(uniform(0.0, 0.0), field_of_longitude(ISSUES), ISSUES, SEOUL, (1, 2))
    assert np.allclose(told, SEOUL.longitude, atol=NEARLY)


def test_a_steady_west_wind_brings_the_air_from_its_way_upwind():
    speed = 3.0
    told = arriving(uniform(speed, 0.0), field_of_longitude(ISSUES), ISSUES, SEOUL, (1,))
    # 08 UTC is 17 KST: the parcels of 03, 09, 15 and 21 KST tomorrow arrive 10, 16, 22 and 28 h later
    hours = np.array([(10 + 16 + 22 + 28) / 4, (4 + 10 + 16 + 22) / 4])
    degrees = np.degrees(speed * 3600 * hours / EARTH_M / np.cos(np.radians(SEOUL.latitude)))
    assert np.allclose(told[:, 0], SEOUL.longitude - degrees, atol=NEARLY)


def test_of_the_issues_own_day_only_what_is_left_arrives():
    told = arriving(uniform(3.0, 0.0), field_of_longitude(ISSUES), ISSUES, SEOUL, (0,))
    # at 17 KST only the parcel of 21 KST is to come; at 23 KST none is
    degrees = np.degrees(3.0 * 3600 * 4 / EARTH_M / np.cos(np.radians(SEOUL.latitude)))
    assert told[0, 0] == pytest.approx(SEOUL.longitude - degrees, abs=NEARLY)
    assert np.isnan(told[1, 0])


def test_each_hour_is_blown_by_the_layer_that_was_known_that_long_before():
    winds = uniform(0.0, 0.0, layers=4, layer_hours=24.0, delay_hours=8.0)
    # 8 h after a run began nobody has it: up to 16 h ahead the first layer is the newest known
    winds.values[0, ..., 0] = 3.0
    told = arriving(winds, field_of_longitude(ISSUES[:1]), ISSUES[:1], SEOUL, (1,))
    hours = (10 + 16 + 16 + 16) / 4
    degrees = np.degrees(3.0 * 3600 * hours / EARTH_M / np.cos(np.radians(SEOUL.latitude)))
    assert told[0, 0] == pytest.approx(SEOUL.longitude - degrees, abs=0.15)


def test_a_parcel_that_leaves_the_winds_tells_the_background():
    readings = field_of_longitude(ISSUES)
    gone = arriving(
        uniform(40.0, 0.0),
        Readings(readings.latitude[:1], readings.longitude[:1], np.array([[1.0], [2.0]])),
        ISSUES,
        SEOUL,
        (3,),
    )
    # the one place there is lies far off: its reading is the mean of all places
    assert gone[:, 0] == pytest.approx([1.0, 2.0])


def test_unknown_without_wind_at_the_city_or_any_reading():
    nothing = Readings(np.array([37.0]), np.array([127.0]), np.full((2, 1), np.nan))
    assert np.isnan(arriving(uniform(0.0, 0.0), nothing, ISSUES, SEOUL, (1,))).all()
    calm = uniform(np.nan, np.nan)
    assert np.isnan(arriving(calm, field_of_longitude(ISSUES), ISSUES, SEOUL, (1,))).all()


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_an_issue_is_the_same_alone_and_among_others_and_knows_nothing_later(seed):
    rng = np.random.default_rng(seed)
    winds = uniform(0.0, 0.0, layers=4, layer_hours=24.0, delay_hours=8.0)
    winds.values[:] = rng.normal(0, 5, winds.values.shape)
    readings = field_of_longitude(ISSUES)
    every = arriving(winds, readings, ISSUES, SEOUL, (0, 1, 2))
    alone = arriving(winds, field_of_longitude(ISSUES[:1]), ISSUES[:1], SEOUL, (0, 1, 2))
    assert np.allclose(every[:1], alone, equal_nan=True)
    # what runs begun after an issue said of the hours ahead of it stands in earlier layers only
    changed = replace(winds, values=winds.values.copy())
    ahead = winds.times > ISSUES[0] + 2 * DAY
    changed.values[0, ahead] += 9.0
    again = arriving(changed, field_of_longitude(ISSUES[:1]), ISSUES[:1], SEOUL, (0, 1, 2))
    assert np.allclose(again, alone, equal_nan=True)
