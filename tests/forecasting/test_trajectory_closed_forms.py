"""Paths against closed forms: rotation of the sphere, a travelling wave, subsidence; order of convergence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.transport.projection import EARTH_RADIUS
from forecasting.transport.trajectories import Method, Starts, trajectories
from tests.forecasting.transport_fields import HOUR, MIDNIGHT, kilometres, rotation, winds_of


def starts(latitude, longitude, height=500.0, hour=0.0):
    latitude = np.atleast_1d(np.asarray(latitude, np.float64))
    when = MIDNIGHT + np.asarray(np.broadcast_to(hour, latitude.shape) * HOUR.astype(np.int64)).astype(
        "m8[ns]"
    )
    longitude, height = np.broadcast_to(longitude, latitude.shape), np.broadcast_to(height, latitude.shape)
    return Starts(when, latitude, longitude, height)


def end(paths):
    assert set(paths["ended"].to_numpy()) == {""}
    return paths["latitude"].to_numpy()[:, -1], paths["longitude"].to_numpy()[:, -1]


TURN = 96.0
"""Hours of a turn of the sphere: 116 m/s on its equator."""


@pytest.mark.slow
@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (0.3, -1, 0.2), (1, 1, 1)])
def test_a_full_turn_of_the_sphere_comes_back_over_pole_and_date_line(axis):
    winds = winds_of(
        rotation(axis, TURN),
        times=(0.0, TURN),
        latitude=np.arange(-90, 90.1, 2),
        longitude=np.arange(-180, 180, 2.0),
    )
    where = np.array([0.0, 37.5, 88.0, -60.0]), np.array([179.5, 127.0, 10.0, -179.9])
    paths = trajectories(winds, starts(*where), TURN, method=Method(longest_gap_hours=TURN))
    # Linear between nodes h apart, a curve of radius R is too short by h^2 / 8 at most: so is the path.
    allowed = 40_030 * np.radians(2.0) ** 2 / 8
    assert kilometres(*where, *end(paths)).max() < 2 * allowed


@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
    st.floats(-89.9, 89.9),
    st.floats(-180, 180),
)
@settings(max_examples=20)
def test_the_sphere_turns_alike_about_any_axis(axis, latitude, longitude):
    winds = winds_of(rotation(axis, TURN), latitude=np.arange(-90, 90.1, 2), longitude=np.arange(0, 360, 2.0))
    paths = trajectories(winds, starts(latitude, longitude), 6, method=Method(longest_gap_hours=TURN))
    turned = _turn(axis, 2 * np.pi * 6 / TURN, latitude, longitude)
    assert kilometres(*turned, *end(paths))[0] < 2 * 40_030 / 16 * np.radians(2.0) ** 2 / 8


def _turn(axis, angle, latitude, longitude):
    """Return where Rodrigues' formula takes a point."""
    k = np.asarray(axis) / np.linalg.norm(axis)
    phi, lam = np.radians(latitude), np.radians(longitude)
    r = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    x, y, z = r * np.cos(angle) + np.cross(k, r) * np.sin(angle) + k * (k @ r) * (1 - np.cos(angle))
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


@pytest.mark.parametrize("rows", [np.arange(-89.0, 89.1, 2.0), np.arange(-88.0, 88.1, 2.0)])
def test_grids_that_stop_short_of_the_poles_are_closed_there(rows):
    winds = winds_of(rotation((1, 0, 0), TURN), latitude=rows, longitude=np.arange(0.5, 360, 2.0))
    paths = trajectories(winds, starts(84.0, 90.0), 4, method=Method(longest_gap_hours=TURN))
    beyond = 180 - 84 - 4 * 360 / TURN
    assert kilometres(beyond, -90.0, *end(paths))[0] < 2.0


WAVES, TURNS, AMPLITUDE, PHASE = 6, np.radians(0.55), 18.0, np.radians(0.25)
"""A wave of six crests round the sphere: wind turns air by 0.55 degree an hour, crests move by 0.25."""


def wave(hours, latitude, longitude):
    """Return a sinusoidal wave that travels in a uniform current (Machta 1949), on the sphere."""
    u = TURNS / 3600 * EARTH_RADIUS * np.cos(np.radians(latitude))
    return u, AMPLITUDE * np.sin(WAVES * (np.radians(longitude) - PHASE * hours))


def in_the_wave(latitude, longitude, hours, begin=0.0):
    """Return where air of the wave is after hours: its own phase moves on at the difference of the speeds."""
    phase = WAVES * (np.radians(longitude) - PHASE * begin)
    beat = WAVES * (TURNS - PHASE)
    swing = AMPLITUDE * 3600 / EARTH_RADIUS / beat * (np.cos(phase) - np.cos(phase + beat * hours))
    return latitude + np.degrees(swing), longitude + np.degrees(TURNS * hours)


def wave_winds(spacing, interval):
    return winds_of(
        wave,
        times=np.arange(0, 48.1, interval),
        latitude=np.arange(10.0, 70.1, spacing),
        longitude=np.arange(90.0, 170.1, spacing),
    )


@pytest.mark.parametrize(("hours", "begin"), [(48.0, 0.0), (-48.0, 48.0)])
def test_paths_follow_the_closed_form_of_a_travelling_wave(hours, begin):
    latitude, longitude = np.array([37.6, 39.9, 30.0]), np.array([127.0, 121.0, 125.0])
    paths = trajectories(wave_winds(0.5, 1.0), starts(latitude, longitude, hour=begin), hours)
    for k, age in enumerate(paths["age"].to_numpy()):
        expected = in_the_wave(latitude, longitude, age, begin)
        got = paths["latitude"].to_numpy()[:, k], paths["longitude"].to_numpy()[:, k]
        assert kilometres(*expected, *got).max() < 1.0  # of a path of 2,600 km


def test_the_error_falls_with_the_square_of_spacing_interval_and_step_together():
    latitude, longitude = np.linspace(30, 50, 40), np.linspace(100, 125, 40)
    truth = in_the_wave(latitude, longitude, 36.0)
    errors = []
    for refined in (1, 2, 4):
        winds = wave_winds(2.0 / refined, 6.0 / refined)
        paths = trajectories(winds, starts(latitude, longitude), 36, method=Method(step_minutes=60 / refined))
        errors.append(kilometres(*truth, *end(paths)).mean())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.8).all()
    assert (orders < 2.2).all()


@pytest.mark.slow
def test_the_error_of_the_steps_alone_falls_with_their_square():
    latitude, longitude = np.linspace(30, 50, 40), np.linspace(100, 125, 40)
    winds = wave_winds(0.5, 1.0)
    at = {
        minutes: end(
            trajectories(winds, starts(latitude, longitude), 36, method=Method(step_minutes=minutes))
        )
        for minutes in (1, 15, 30)
    }
    coarse, fine = (kilometres(*at[1], *at[minutes]).mean() for minutes in (30, 15))
    assert 1.7 < np.log2(coarse / fine) < 2.4


@given(st.floats(33, 49), st.floats(100, 124), st.integers(1, 24))
@settings(max_examples=15)
def test_forward_then_back_closes_within_a_hundred_metres(latitude, longitude, hours):
    winds = wave_winds(1.0, 3.0)
    there = trajectories(winds, starts(latitude, longitude), hours)
    back = trajectories(winds, starts(end(there)[0], end(there)[1], hour=hours), -hours)
    assert kilometres(latitude, longitude, *end(back))[0] < 0.1


def test_in_white_noise_nearly_all_paths_close_within_a_hundred_metres():
    """The hardest case: the wind differs at random from node to node and every three hours."""
    rng = np.random.default_rng(0)
    winds = winds_of(
        lambda hours, *_: (rng.normal(0, 8, hours.shape), rng.normal(0, 8, hours.shape)),
        times=np.arange(0, 13, 3.0),
        latitude=np.arange(10.0, 71.0),
        longitude=np.arange(90.0, 171.0),
    )
    latitude, longitude = rng.uniform(25, 55, 500), rng.uniform(105, 150, 500)
    there = trajectories(winds, starts(latitude, longitude), 12)
    back = trajectories(winds, starts(*end(there), hour=12.0), -12)
    apart = kilometres(latitude, longitude, *end(back))
    assert np.median(apart) < 0.005
    assert np.quantile(apart, 0.95) < 0.05
    assert apart.max() < 1.0


def test_steady_subsidence_lowers_the_pressure_level_by_its_integral():
    winds = winds_of(
        lambda *_: (0.0, 0.0),
        latitude=np.arange(30.0, 41.0),
        longitude=np.arange(100.0, 111.0),
        levels=(1000.0, 850.0, 500.0),
        more=lambda hours, level, *_: {"lagrangian_tendency_of_air_pressure": 0.1 + 0 * hours},
    )
    paths = trajectories(winds, starts(35.0, 105.0, 1500.0), 12, method=Method(longest_gap_hours=48))
    fall = paths["air_pressure"].to_numpy()[0]
    assert fall[-1] - fall[0] == pytest.approx(0.1 * 12 * 3600, rel=1e-9)


@pytest.mark.parametrize("vertical", ["isobaric", "constant height"])
def test_what_is_held_stays(vertical):
    winds = winds_of(
        lambda hours, latitude, longitude: (10.0, 3.0),
        latitude=np.arange(30.0, 51.0),
        longitude=np.arange(100.0, 131.0),
        levels=(0.98, 0.85, 0.5),
        vertical="sigma",
        more=lambda hours, level, *_: {
            "lagrangian_tendency_of_air_pressure": 1.0 + 0 * hours,
            "air_temperature": 250.0 + 35 * level,
        },
    )
    winds["surface_air_pressure"] = (
        ("time", "latitude", "longitude"),
        np.broadcast_to(1e5 - 300 * (winds["longitude"] - 100), (2, 21, 31)),
    )
    held, other = "air_pressure", "height"
    if vertical == "constant height":
        held, other = other, held
    paths = trajectories(
        winds, starts(35.0, 105.0, 1500.0), 24, method=Method(vertical, longest_gap_hours=48)
    )
    values = paths[held].to_numpy()[0]
    assert values == pytest.approx(np.full(25, values[0]), rel=1e-9)
    assert np.ptp(paths[other].to_numpy()[0]) > 50
