"""Where invented paths pass: hours by arithmetic, nothing lost, nothing counted twice."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from forecasting.transport.local_air import local_air
from forecasting.transport.passing import (
    distance_km,
    hours_by_region,
    hours_near,
    left_regions,
    passed_place,
)
from pipeline.regions import all_regions
from tests.forecasting.origin_cases import (
    BEIJING,
    KM_PER_DEGREE,
    SEOUL,
    along_parallel,
    between,
    dataset,
)

NAMES = (*all_regions(), "elsewhere")
HOME = (SEOUL.latitude, SEOUL.longitude)
AWAY = (BEIJING.latitude, BEIJING.longitude)


def hours_over(paths, region):
    return hours_by_region(paths)[:, NAMES.index(region)]


def test_hours_over_the_sea_are_its_width_over_the_speed():
    speed = 20.0
    ring = shapely.Polygon(all_regions()["yellow_sea"].ring)
    parallel = shapely.LineString([(100.0, SEOUL.latitude), (SEOUL.longitude, SEOUL.latitude)])
    width = ring.intersection(parallel).length * KM_PER_DEGREE * np.cos(np.radians(SEOUL.latitude))
    assert hours_over(along_parallel(SEOUL, speed), "yellow_sea")[0] == pytest.approx(width / speed, abs=1.0)


@given(st.floats(0.0, 0.6), st.floats(-0.6, 0.6), st.integers(1, 73))
def test_hours_add_up_to_the_time_that_a_path_is_known(north, west, known):
    steps = np.arange(73.0)
    latitude, longitude = 38.0 + north * steps, 120.0 - west * steps
    latitude[known:] = longitude[known:] = np.nan
    hours = hours_by_region(dataset([latitude], [longitude]))
    assert hours.sum() == pytest.approx(known - 1)
    assert (hours >= 0).all()


@given(st.integers(0, 2**32 - 1))
def test_one_path_is_as_many_paths(seed):
    rng = np.random.default_rng(seed)
    latitude = 38 + np.cumsum(rng.normal(0, 0.3, (5, 49)), axis=1)
    longitude = 122 + np.cumsum(rng.normal(0, 0.3, (5, 49)), axis=1)
    together = hours_by_region(dataset(latitude, longitude))
    alone = [hours_by_region(dataset(latitude[[i]], longitude[[i]]))[0] for i in range(5)]
    np.testing.assert_allclose(together, alone)


@pytest.mark.parametrize(("speed", "word"), [(2.0, "stagnant"), (10.0, "moderate"), (36.0, "ventilated")])
def test_steady_wind_leaves_air_75_km_over_its_speed(speed, word):
    found = local_air(along_parallel(SEOUL, speed), SEOUL)
    assert found.hours == pytest.approx(min(24.0, 75 / speed), abs=0.02)
    assert (found.low, found.high) == (found.hours, found.hours)
    assert found.word == word


def test_local_air_counts_the_last_day_only_and_what_came_back():
    out = np.concatenate([np.linspace(0, 1.5, 13), np.linspace(1.5, 0, 13)[1:], np.zeros(48)])
    paths = dataset([SEOUL.latitude + out], [np.full(73, SEOUL.longitude)])
    limit = 75 / KM_PER_DEGREE / (1.5 / 12)
    assert local_air(paths, SEOUL).hours == pytest.approx(2 * limit, abs=0.02)
    assert hours_near(paths, HOME, 75.0, 72.0)[0] == pytest.approx(2 * limit + 48, abs=0.02)


def test_short_paths_tell_nothing_of_local_air_unless_they_were_far_off():
    path = along_parallel(SEOUL, 5.0)
    short = path.where(path["age"] > -10)
    assert local_air(short, SEOUL).word == "unknown"
    fast = along_parallel(SEOUL, 60.0)
    assert local_air(fast.where(fast["age"] > -10), SEOUL).hours == pytest.approx(75 / 60, abs=0.02)


@given(st.integers(10, 70))
def test_a_city_was_passed_when_the_path_was_there(lag):
    assert passed_place(between(SEOUL, BEIJING, lag), AWAY).tolist() == [lag]


def test_a_path_beside_or_above_a_city_did_not_pass_it():
    missed = dataset([np.full(73, SEOUL.latitude)], [np.full(73, SEOUL.longitude)])
    assert np.isnan(passed_place(missed, AWAY)).all()
    assert np.isnan(passed_place(between(SEOUL, BEIJING, 30, height=3000.0), AWAY)).all()
    deep = between(SEOUL, BEIJING, 30, height=1800.0)
    mixed = deep.assign(atmosphere_boundary_layer_thickness=deep["height"] + 100)
    assert passed_place(mixed, AWAY).tolist() == [30]


def test_a_region_was_left_at_its_last_hour():
    path = along_parallel(SEOUL, 20.0)
    inside = shapely.intersects_xy(
        shapely.Polygon(all_regions()["shandong"].ring),
        *(path[n][0].to_numpy() for n in ("longitude", "latitude")),
    )
    first = int(np.flatnonzero(inside)[0])
    assert 0 < first < 40
    found = left_regions(path, ("shandong", "tibetan_plateau"))
    assert found["shandong"].tolist() == [first]
    assert np.isnan(found["tibetan_plateau"]).all()


@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(0, 360))
def test_distances_are_those_of_the_sphere(latitude, longitude, turn):
    def vector(north, east):
        phi, lam = np.radians(north), np.radians(east)
        return np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])

    other = (37.0, longitude + turn)
    angle = np.arctan2(
        np.linalg.norm(np.cross(vector(latitude, longitude), vector(*other))),
        vector(latitude, longitude) @ vector(*other),
    )
    assert float(distance_km(latitude, longitude, other)) == pytest.approx(6371.0 * angle, abs=1e-3)
