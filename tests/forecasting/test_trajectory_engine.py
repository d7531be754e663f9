"""Guarantees of the trajectory engine: ends and their reasons, gaps, edges, the ground, one or many."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.transport.atmosphere import GAS, GRAVITY
from forecasting.transport.ensembles import ensemble
from forecasting.transport.projection import EARTH_RADIUS, projection
from forecasting.transport.trajectories import Method, Starts, trajectories
from pipeline.errors import ContractError, UsageError
from pipeline.wind_fields import check_trajectories
from tests.forecasting.transport_fields import HOUR, MIDNIGHT, kilometres, winds_of

REGION = {"latitude": np.arange(30.0, 46.0), "longitude": np.arange(110.0, 131.0)}
LEVELS = (1000.0, 925.0, 850.0, 700.0)
RNG = np.random.default_rng(5)
ROUGH = winds_of(
    lambda hours, *_: (RNG.normal(0, 8, hours.shape), RNG.normal(0, 8, hours.shape)),
    times=np.arange(0, 25, 3.0),
    levels=LEVELS,
    more=lambda hours, *_: {"lagrangian_tendency_of_air_pressure": RNG.normal(0, 0.3, hours.shape)},
    **REGION,
)


def uniform(east, north=0.0, **more):
    options = {"times": (0.0, 6.0, 12.0), "levels": LEVELS, **REGION, **more}
    return winds_of(lambda hours, latitude, longitude: (east, north), **options)


def one(latitude=37.0, longitude=120.0, height=800.0, hour=0.0):
    return Starts([MIDNIGHT + hour * HOUR], [latitude], [longitude], [height])


many = st.lists(
    st.tuples(st.floats(31, 45), st.floats(111, 129), st.floats(0, 2500), st.integers(0, 20)),
    min_size=2,
    max_size=12,
)


@given(
    many, st.sampled_from([6, -6]), st.sampled_from(["model", "isobaric", "constant height"]), st.randoms()
)
@settings(max_examples=12)
def test_a_parcel_moves_as_if_it_were_alone_and_in_any_order(rows, hours, vertical, random):
    method = Method(vertical)
    latitude, longitude, height, begin = (np.array(c) for c in zip(*rows, strict=True))
    starts = Starts(MIDNIGHT + begin * HOUR, latitude, longitude, height)
    together = trajectories(ROUGH, starts, hours, method=method)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = Starts(starts.times[order], latitude[order], longitude[order], height[order])
    xr.testing.assert_allclose(
        trajectories(ROUGH, shuffled, hours, method=method), together.isel(trajectory=order), atol=1e-8
    )
    alone = trajectories(
        ROUGH, Starts(starts.times[:1], latitude[:1], longitude[:1], height[:1]), hours, method=method
    )
    xr.testing.assert_allclose(alone, together.isel(trajectory=[0]), atol=1e-8)


def test_many_parcels_of_one_time_move_as_few_do():
    spot = RNG.uniform((31, 111, 0), (45, 129, 2500), (3000, 3)).T
    when = np.full(3000, MIDNIGHT + 3 * HOUR)
    crowd = trajectories(ROUGH, Starts(when, *spot), 5)
    few = trajectories(ROUGH, Starts(when[:5], *spot[:, :5]), 5)
    xr.testing.assert_allclose(crowd.isel(trajectory=slice(0, 5)), few, atol=1e-8)


@pytest.mark.parametrize(
    ("start", "hours", "wind", "reason"),
    [
        (one(), 24, 0.0, "after the winds end"),
        (one(hour=6.0), -9, 0.0, "before the winds begin"),
        (one(longitude=129.0), 12, 15.0, "left the field"),
        (one(latitude=20.0), 12, 0.0, "left the field"),
        (one(height=9000.0), 12, 0.0, "left the field"),
        (one(hour=-1.0), 3, 0.0, "before the winds begin"),
        (one(hour=13.0), 3, 0.0, "after the winds end"),
    ],
)
def test_a_path_that_ends_says_why_and_holds_nothing_after(start, hours, wind, reason):
    paths = check_trajectories(trajectories(uniform(wind), start, hours))
    assert paths["ended"].to_numpy().tolist() == [reason]
    for name in ("latitude", "longitude", "height", "air_pressure"):
        values = paths[name].to_numpy()[0]
        assert np.isnan(values[-1])
        assert not (np.isfinite(values[1:]) & np.isnan(values[:-1])).any()
    assert paths["latitude"][0, 0] == start.latitude[0]


def test_a_path_ends_where_the_wind_is_unknown_and_an_unknown_neighbour_harms_no_grid_point():
    winds = uniform(10.0)
    winds["eastward_wind"] = winds["eastward_wind"].where(winds["longitude"] < 122.5)
    paths = trajectories(winds, one(37.0, 121.0), 12)
    assert paths["ended"].to_numpy().tolist() == ["no wind"]
    assert 121.6 < np.nanmax(paths["longitude"]) <= 122.0
    edge = trajectories(winds, one(37.0, 122.0), -6, method=Method("isobaric"))
    assert edge["ended"].to_numpy().tolist() == ["before the winds begin"]
    assert np.isfinite(trajectories(winds, one(37.0, 122.0, hour=6.0), -6)["latitude"]).all()


def test_air_that_rises_through_the_highest_level_leaves_the_field():
    winds = uniform(0.0, more=lambda hours, *_: {"lagrangian_tendency_of_air_pressure": -1.0 + 0 * hours})
    paths = trajectories(winds, one(height=2000.0), 12)
    assert paths["ended"].to_numpy().tolist() == ["left the field"]


@pytest.mark.parametrize("vertical", ["pressure", "sigma", "height"])
def test_sinking_air_stops_at_the_ground_and_slides_on(vertical):
    levels = {"pressure": (1000.0, 925.0, 850.0), "sigma": (0.98, 0.9, 0.8), "height": (100.0, 800.0, 1500.0)}
    winds = uniform(
        10.0,
        levels=levels[vertical],
        vertical=vertical,
        more=lambda hours, *_: {"lagrangian_tendency_of_air_pressure": 2.0 + 0 * hours},
    )
    paths = trajectories(winds, one(), 12)
    height = paths["height"].to_numpy()[0]
    assert (np.diff(height) <= 1e-9).all()
    assert (height >= 0).all()
    assert height[-1] < 1.0
    assert paths["ended"].to_numpy().tolist() == [""]
    late = (
        np.diff(paths["longitude"].to_numpy()[0])[-3:] * np.cos(np.radians(37)) * np.pi / 180 * EARTH_RADIUS
    )
    lowest = {"pressure": 110.9, "sigma": 169.1, "height": 100.0}[vertical]
    assert late / 3600 == pytest.approx(10 * np.log(10 / 0.1) / np.log(lowest / 0.1), rel=2e-3)


def test_below_the_lowest_level_the_wind_falls_as_the_logarithm_of_height_or_is_refused():
    winds = uniform(10.0, levels=(100.0, 1000.0), vertical="height")
    at = Method("constant height")
    high, low = (
        np.diff(trajectories(winds, one(height=z), 1, method=at)["longitude"][0])[0] for z in (100.0, 20.0)
    )
    assert low / high == pytest.approx(np.log(20 / 0.1) / np.log(100 / 0.1), rel=1e-5)
    with pytest.raises(UsageError, match="20 m above ground lies below"):
        trajectories(winds, one(height=20.0), 1, method=Method(below_lowest="refuse"))


def test_a_long_gap_between_two_times_is_not_bridged():
    winds = uniform(10.0, times=(0.0, 6.0, 30.0, 36.0))
    assert trajectories(winds, one(), 12)["ended"].to_numpy().tolist() == ["no wind"]
    bridged = trajectories(winds, one(), 12, method=Method(longest_gap_hours=24.0))
    assert bridged["ended"].to_numpy().tolist() == [""]


def test_winds_of_one_level_tell_no_height():
    paths = trajectories(uniform(10.0, levels=(850.0,)), one(), 6)
    assert np.isnan(paths["height"]).all()
    assert np.isnan(paths["air_pressure"]).all()
    assert paths["ended"].to_numpy().tolist() == [""]


def test_the_order_of_levels_and_dimensions_does_not_matter():
    turned = ROUGH.isel(level=slice(None, None, -1)).transpose("longitude", "level", "latitude", "time")
    xr.testing.assert_identical(trajectories(turned, one(), 12), trajectories(ROUGH, one(), 12))


def test_a_step_crosses_no_more_than_three_quarters_of_a_cell():
    speed = 40.0
    paths = trajectories(uniform(speed), one(33.0, 112.0), 6)
    width = np.radians(1.0) * EARTH_RADIUS * np.cos(np.radians(45.0))
    assert paths.attrs["step_minutes"] * 60 * speed <= 0.75 * width
    assert paths.attrs["step_minutes"] * 60 * speed > 0.75 * width / 2
    assert trajectories(uniform(0.1), one(), 6).attrs["step_minutes"] == 60.0
    assert trajectories(uniform(0.1), one(), 6, method=Method(step_minutes=7)).attrs["step_minutes"] < 7


def test_hypsometry_follows_the_temperature_of_the_layer():
    winds = uniform(0.0, more=lambda hours, *_: {"air_temperature": 260.0 + 0 * hours})
    winds["surface_air_pressure"] = 1e5 * xr.ones_like(winds["eastward_wind"].isel(level=0, drop=True))
    paths = trajectories(winds, one(height=1200.0), 3)
    expected = 1e5 * np.exp(-GRAVITY * 1200.0 / (GAS * 260.0))
    assert paths["air_pressure"].to_numpy()[0] == pytest.approx(np.full(4, expected), rel=1e-9)


def test_geopotential_height_counts_from_the_ground_where_its_altitude_is_known():
    heights = {1000.0: 100.0, 925.0: 750.0, 850.0: 1450.0, 700.0: 3000.0}
    winds = uniform(
        0.0, more=lambda hours, level, *_: {"geopotential_height": np.vectorize(heights.get)(level)}
    )
    winds["surface_altitude"] = (("latitude", "longitude"), np.full((16, 21), 450.0))
    paths = trajectories(winds, one(height=1000.0), 3)
    assert paths["air_pressure"].to_numpy()[0] == pytest.approx(np.full(4, 85_000.0))


def test_paths_go_on_where_the_surface_pressure_alone_is_unknown():
    """As where gridded winds reach beyond the points that tell the pressure."""
    heights = {1000.0: 100.0, 925.0: 750.0, 850.0: 1450.0, 700.0: 3000.0}
    winds = uniform(
        10.0, more=lambda hours, level, *_: {"geopotential_height": np.vectorize(heights.get)(level)}
    )
    known = xr.full_like(winds["eastward_wind"].isel(level=0, drop=True), 95_000.0)
    known[:, :2] = 80_000.0
    winds["surface_air_pressure"] = known.where(known["longitude"] < 121)
    paths = trajectories(winds, one(height=200.0), 12)
    assert paths["ended"].to_numpy().tolist() == [""]
    assert paths["longitude"][0, -1] > 124
    assert np.isfinite(paths["height"]).all()


def test_vertical_motion_that_is_unknown_counts_as_none_where_the_wind_is_known():
    winds = uniform(
        10.0,
        more=lambda hours, level, *_: {
            "lagrangian_tendency_of_air_pressure": np.where(level < 900, np.nan, 0.0)
        },
    )
    paths = trajectories(winds, one(height=2000.0), 6)
    assert paths["ended"].to_numpy().tolist() == [""]
    assert paths["air_pressure"].to_numpy()[0] == pytest.approx(paths["air_pressure"].to_numpy()[0, 0])


def test_longitudes_of_a_path_are_of_one_circle_from_its_start_on():
    winds = uniform(10.0, longitude=np.arange(190.0, 221.0))
    paths = trajectories(winds, one(longitude=200.0), 6)
    assert paths["longitude"][0, 0] == -160.0
    assert np.abs(np.diff(paths["longitude"].to_numpy()[0])).max() < 1.0


def test_the_mixing_height_is_told_along_the_path():
    winds = uniform(10.0)
    flat = winds["eastward_wind"].isel(level=0, drop=True)
    winds["atmosphere_boundary_layer_thickness"] = xr.zeros_like(flat) + 10 * winds["longitude"]
    paths = trajectories(winds, one(), 6)
    assert paths["atmosphere_boundary_layer_thickness"].to_numpy() == pytest.approx(
        10 * paths["longitude"].to_numpy()
    )


@pytest.mark.parametrize(
    "crs",
    [
        {"grid_mapping_name": "polar_stereographic", "latitude_of_projection_origin": 90.0,
         "straight_vertical_longitude_from_pole": 120.0, "standard_parallel": 60.0},
        {"grid_mapping_name": "lambert_conformal_conic", "latitude_of_projection_origin": 40.0,
         "longitude_of_central_meridian": 120.0, "standard_parallel": [30.0, 50.0]},
        {"grid_mapping_name": "mercator", "longitude_of_projection_origin": 120.0, "standard_parallel": 35.0},
    ],
)  # fmt: skip
def test_a_uniform_turn_about_the_axis_of_the_earth_is_the_same_on_every_map(crs):
    plane = projection({**crs, "false_easting": 5000.0})
    corner = plane.to_map(np.array([28.0, 28.0, 52.0, 52.0]), np.array([100.0, 140.0, 100.0, 140.0]))
    x = np.arange(corner[0].min() - 4e5, corner[0].max() + 4e5, 25e3)
    y = np.arange(corner[1].min() - 4e5, corner[1].max() + 4e5, 25e3)
    latitude, longitude = plane.to_sphere(*np.meshgrid(x, y))
    back = plane.to_map(latitude, longitude)
    assert np.abs(back[0] - x).max() < 1e-3
    assert np.abs(back[1] - y[:, None]).max() < 1e-3
    near = plane.to_map(latitude, longitude + 1e-5)
    east = np.radians(1e-5) * EARTH_RADIUS * np.cos(np.radians(latitude))
    along = (near[0] - back[0]) / east, (near[1] - back[1]) / east
    assert np.hypot(*along) == pytest.approx(plane.scale(latitude), rel=1e-5)
    speed = np.radians(0.5) / 3600 * EARTH_RADIUS * np.cos(np.radians(latitude)) / np.hypot(*along)
    dims = ("time", "level", "y", "x")
    winds = xr.Dataset(
        {"x_wind": (dims, np.broadcast_to(speed * along[0], (2, 1, *latitude.shape))),
         "y_wind": (dims, np.broadcast_to(speed * along[1], (2, 1, *latitude.shape))),
         "crs": ((), 0, {**crs, "false_easting": 5000.0})},
        {"time": MIDNIGHT + np.array([0, 12]) * HOUR, "x": x, "y": y,
         "level": ("level", [850.0], {"vertical": "pressure", "units": "hPa"})},
        {"source": "closed form", "kind": "analysis", "world": "measured"},
    )  # fmt: skip
    paths = trajectories(winds, one(40.0, 116.0), 12)
    got = paths["latitude"].to_numpy()[:, -1], paths["longitude"].to_numpy()[:, -1]
    assert kilometres(40.0, 122.0, *got)[0] < 0.05
    assert paths["ended"].to_numpy().tolist() == [""]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"standard_parallel": None}, "standard_parallel"),
        ({"grid_mapping_name": "sinusoidal"}, "sinusoidal"),
        ({"inverse_flattening": 298.25}, "ellipsoid"),
        ({"longitude_of_central_meridian": None}, "longitude_of_central_meridian"),
    ],
)
def test_a_map_that_is_not_known_is_named(change, named):
    crs = {"grid_mapping_name": "lambert_conformal_conic", "latitude_of_projection_origin": 40.0,
           "longitude_of_central_meridian": 120.0, "standard_parallel": 40.0}  # fmt: skip
    crs = {k: v for k, v in {**crs, **change}.items() if v is not None}
    with pytest.raises(ContractError, match=named):
        projection(crs)


def test_an_ensemble_holds_every_arrival_height_and_offset_once():
    arrivals = MIDNIGHT + np.arange(3) * 6 * HOUR
    starts = ensemble(60.0, 120.0, arrivals, (100.0, 250.0, 500.0), (-0.25, 0.0, 0.25))
    rows = set(zip(starts.times.tolist(), starts.latitude, starts.longitude, starts.height, strict=True))
    assert len(rows) == len(starts.times) == 3 * 3 * 9
    assert set(starts.longitude) == {119.5, 120.0, 120.5}
    members = starts.labels["member"].reshape(3, -1)
    assert (members == np.arange(27)).all()
    paths = trajectories(uniform(1.0, latitude=np.arange(50.0, 70.0)), starts, 3)
    assert paths["start_height"].dims == ("trajectory",)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([MIDNIGHT], [37.0, 38.0], [120.0], [10.0]), "latitude of starts"),
        (([MIDNIGHT], [97.0], [120.0], [10.0]), "nowhere"),
        (([MIDNIGHT], [37.0], [120.0], [-1.0]), "height of starts"),
        (([np.datetime64("NaT")], [37.0], [120.0], [10.0]), "no time"),
    ],
)
def test_impossible_starts_are_refused(arguments, error):
    with pytest.raises(ContractError, match=error):
        Starts(*arguments)


@pytest.mark.parametrize(
    "bad", [{"step_minutes": 0}, {"vertical": "isentropic"}, {"passes": 0}, {"roughness_m": -1}]
)
def test_impossible_methods_are_refused(bad):
    with pytest.raises(UsageError):
        Method(**bad)


@pytest.mark.parametrize("mark", [1e20, -9999.0, np.inf])
def test_a_mark_for_missing_winds_is_no_wind(mark):
    winds = uniform(5.0)
    winds["eastward_wind"][0, 0, 3, 4] = mark
    with pytest.raises(ContractError, match="mark missing values as NaN"):
        trajectories(winds, one(), 6)


@pytest.mark.parametrize("hours", [0, float("nan"), float("inf")])
def test_paths_of_no_length_are_refused(hours):
    with pytest.raises(UsageError, match="other than 0"):
        trajectories(uniform(1.0), one(), hours)


@pytest.mark.parametrize("kind", ["pressure", "sigma", "height"])
@pytest.mark.parametrize("vertical", ["model", "model over terrain", "isobaric", "constant height"])
def test_air_at_rest_stays_on_every_kind_of_levels_and_height_and_pressure_fit_together(kind, vertical):
    levels = {
        "pressure": (950.0, 850.0, 500.0),
        "sigma": (0.95, 0.85, 0.5),
        "height": (400.0, 1400.0, 5000.0),
    }
    winds = uniform(
        0.0,
        levels=levels[kind],
        vertical=kind,
        more=lambda hours, *_: {"air_temperature": 260.0 + 0 * hours, "upward_air_velocity": 0 * hours},
    )
    winds["surface_air_pressure"] = 1e5 * xr.ones_like(winds["eastward_wind"].isel(level=0, drop=True))
    for height in (50.0, 2000.0):
        paths = trajectories(winds, one(height=height), 6, method=Method(vertical))
        expected = 1e5 * np.exp(-GRAVITY * height / (GAS * 260.0))
        assert paths["height"].to_numpy()[0] == pytest.approx(np.full(7, height), rel=1e-6)
        assert paths["air_pressure"].to_numpy()[0] == pytest.approx(np.full(7, expected), rel=1e-6)
        assert paths["longitude"].to_numpy()[0] == pytest.approx(np.full(7, 120.0))


def test_winds_that_are_unknown_everywhere_end_every_path_at_once():
    winds = uniform(np.nan)
    winds["surface_air_pressure"] = np.nan * xr.ones_like(winds["eastward_wind"].isel(level=0, drop=True))
    paths = trajectories(winds, one(), 6)
    assert paths["ended"].to_numpy().tolist() == ["no wind"]
    assert np.isnan(paths["latitude"].to_numpy()[0, 1:]).all()


def test_no_starts_give_no_paths():
    none = Starts(np.empty(0, "M8[ns]"), np.empty(0), np.empty(0), np.empty(0))
    assert trajectories(uniform(1.0), none, 6).sizes == {"trajectory": 0, "age": 7}
