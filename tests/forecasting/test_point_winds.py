"""Winds from points to a grid and to heights: profiles, silent points, hull, and a measured error."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.transport.point_winds import MARGIN, SMOOTHING, ground_beside, point_winds
from forecasting.transport.profiles import HEIGHTS, at_heights, standard_height
from forecasting.transport.splines import Grid, Spline, grid_over, inside_hull
from ingest.open_meteo_points import WEATHER_POINTS
from pipeline.errors import ContractError

LATITUDE = np.array([30.0, 30.0, 40.0, 40.0, 35.0, 33.0, 37.0])
LONGITUDE = np.array([110.0, 125.0, 110.0, 125.0, 117.0, 121.0, 113.0])
LEVELS = (925.0, 850.0, 700.0, 500.0)
TIMES = np.array(["2025-01-01T00", "2025-01-01T03"], "M8[ns]")


def points(east=8.0, ground=0.0, **more):
    """A forecast at seven points: one wind aloft, half of it at 10 m, levels of the standard atmosphere."""
    aloft = np.full((2, 4, 7), float(east))
    heights = np.broadcast_to(standard_height(np.array(LEVELS))[None, :, None], aloft.shape)
    pressure = 101_325 * (1 - 0.0065 * ground / 288.15) ** 5.25588
    variables = {
        "eastward_wind_aloft": (("time", "level", "station"), aloft),
        "northward_wind_aloft": (("time", "level", "station"), 0 * aloft),
        "geopotential_height_aloft": (("time", "level", "station"), heights.copy()),
        "eastward_wind": (("time", "station"), aloft[:, 0] / 2),
        "northward_wind": (("time", "station"), 0 * aloft[:, 0]),
        "surface_air_pressure": (("time", "station"), np.full((2, 7), pressure)),
        "atmosphere_boundary_layer_thickness": (("time", "station"), np.full((2, 7), 900.0)),
    }
    coords = {"latitude": ("station", LATITUDE), "longitude": ("station", LONGITUDE)}
    attributes = {"source": "X", "kind": "forecast", "world": "w"}
    return xr.Dataset(variables | more, {"time": TIMES, "level": list(LEVELS), **coords}, attributes)


def test_below_the_lowest_level_the_wind_is_linear_in_the_logarithm_of_the_height():
    east, _, ground = at_heights(points())
    lowest = standard_height(np.array([925.0]))[0] - ground[0]
    share = np.log(100 / 10) / np.log(lowest / 10)
    assert east[0, 0, 0] == pytest.approx(4.0)
    assert east[0, 1, 0] == pytest.approx(4.0 + 4.0 * share)
    assert east[0, -1, 0] == pytest.approx(8.0)
    assert ground == pytest.approx(np.zeros(7), abs=15)  # linear in ln p below 925 hPa


@pytest.mark.parametrize("altitude", [400.0, 1000.0, 1600.0])
def test_levels_inside_the_ground_do_not_count(altitude):
    buried = points(ground=altitude)
    inside = standard_height(np.array(LEVELS)) < altitude
    buried["eastward_wind_aloft"][:, inside] = -50.0
    east, _, ground = at_heights(buried)
    assert ground == pytest.approx(np.full(7, altitude), abs=25)  # between levels, linear in ln p
    assert (east >= 4.0 - 1e-9).all()
    assert east[0, -1, 0] == pytest.approx(8.0)


def test_without_a_wind_at_10_m_the_log_profile_to_the_roughness_stands():
    bare = points().drop_vars(["eastward_wind", "northward_wind"])
    east, _, ground = at_heights(bare)
    lowest = standard_height(np.array([925.0]))[0] - ground[0]
    assert east[0, 0, 0] == pytest.approx(8 * np.log(10 / 0.1) / np.log(lowest / 0.1), rel=1e-3)


@settings(max_examples=40)
@given(st.floats(0, 3000), st.floats(-40, 40), st.floats(-40, 40))
def test_a_profile_stays_between_its_winds(altitude, aloft, near):
    ds = points(ground=altitude)
    ds["eastward_wind_aloft"][:] = aloft
    ds["eastward_wind"][:] = near
    east, _, _ = at_heights(ds)
    assert east.shape[1] == len(HEIGHTS)
    assert (east >= min(aloft, near) - 1e-6).all()
    assert (east <= max(aloft, near) + 1e-6).all()


def test_a_silent_point_is_left_out_of_its_instant_only():
    torn = points()
    torn["eastward_wind_aloft"][0, :, 4] = np.nan
    winds = point_winds(torn)
    inside = inside_hull(LATITUDE, LONGITUDE, grid_over(LATITUDE, LONGITUDE, 1.0, MARGIN), MARGIN)
    known = np.isfinite(winds["eastward_wind"].to_numpy())
    assert (known == inside).all()
    np.testing.assert_allclose(winds["eastward_wind"].isel(level=-1).to_numpy()[:, inside], 8.0, atol=1e-4)


def test_mixing_height_stays_within_what_the_points_say():
    mixing = np.tile([50.0, 3000.0, 50.0, 3000.0, 50.0, 50.0, 3000.0], (2, 1))
    steep = points(atmosphere_boundary_layer_thickness=(("time", "station"), mixing))
    found = point_winds(steep)["atmosphere_boundary_layer_thickness"].to_numpy()
    inside = np.isfinite(found)
    assert inside.any()
    assert (found[inside] >= 50).all()
    assert (found[inside] <= 3000).all()
    grid = Grid(np.arange(31.0, 39.5, 0.5), np.arange(111.0, 124.5, 0.5))
    beside = ground_beside(steep, grid)
    assert set(beside.data_vars) == {"atmosphere_boundary_layer_thickness", "surface_air_pressure"}
    assert beside.sizes["latitude"] == 17


def test_points_without_winds_aloft_are_refused():
    with pytest.raises(ContractError, match="eastward_wind_aloft"):
        point_winds(points().drop_vars("eastward_wind_aloft"))
    with pytest.raises(ContractError, match="6 points"):
        point_winds(points().isel(station=slice(0, 5)))


def test_a_plane_comes_back_exactly_and_a_left_out_value_is_foretold():
    grid = grid_over(LATITUDE, LONGITUDE, 1.0)
    spline = Spline(LATITUDE, LONGITUDE, grid, SMOOTHING)
    plane = 3 * LATITUDE - 2 * LONGITUDE
    np.testing.assert_allclose(
        spline.to_grid(plane), 3 * grid.latitude[:, None] - 2 * grid.longitude[None, :], atol=1e-6
    )
    rough = np.sin(LATITUDE) + np.cos(LONGITUDE)
    others = np.arange(7) != 3
    apart = Spline(LATITUDE[others], LONGITUDE[others], Grid(LATITUDE[3:4], LONGITUDE[3:4]), SMOOTHING)
    shrink = np.cos(np.radians(LATITUDE.mean())) / np.cos(np.radians(LATITUDE[others].mean()))
    assert shrink == pytest.approx(1, abs=0.02)  # the plane of six points is a little different
    assert spline.left_out(rough[None])[0, 3] == pytest.approx(
        rough[3] - apart.to_grid(rough[others])[0, 0], abs=0.1
    )


@pytest.mark.shared
def test_the_error_of_gridding_on_analyses_is_what_the_docs_say(shared):
    file = np.load(shared / "data" / "trajectory" / "gfs10m_20161120_22.npz")
    latitude = np.array([p.latitude for p in WEATHER_POINTS])
    longitude = np.array([p.longitude for p in WEATHER_POINTS])
    grid = grid_over(latitude, longitude, 1.0)
    inside = inside_hull(latitude, longitude, grid) & (grid.longitude >= 112)[None, :]
    at_points = _bilinear(file["uv"], latitude, longitude)
    found = Spline(latitude, longitude, grid, SMOOTHING).to_grid(at_points)
    rows, columns = (90 - grid.latitude).astype(int), ((grid.longitude + 180) % 360).astype(int)
    truth = file["uv"][:, :, rows][:, :, :, columns]
    error = np.sqrt((((found - truth) ** 2).sum(axis=1))[:, inside].mean())
    wind = np.sqrt(((truth**2).sum(axis=1))[:, inside].mean())
    assert error < 2.5  # [m/s], of
    assert wind > 5.5


def _bilinear(fields, latitude, longitude):
    y, x = 90 - latitude, (longitude + 180) % 360
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    a, b = y - i, x - j
    return (
        (1 - a) * (1 - b) * fields[..., i, j]
        + (1 - a) * b * fields[..., i, j + 1]
        + a * (1 - b) * fields[..., i + 1, j]
        + a * b * fields[..., i + 1, j + 1]
    )
