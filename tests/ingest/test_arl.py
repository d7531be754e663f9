"""ARL-packed meteorology: files written here byte by byte, and NOAA's sample file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.arl import read_arl
from ingest.arl_records import LABEL, read_label, unpack
from ingest.met_times import NoneAsked
from pipeline.errors import BadPayload
from tests.ingest.arl_case import FIELDS, GRID, TIMES, arl, number, packed, ramp

POLAR = (90, 0, 60, -105, 200, 0, 90, 2, 3, 90, 0)
"""200 km at 60 N, the pole in column 2 and row 3."""
LAMBERT = (90, 0, 30, 120, 50, 0, 30, 1, 1, 30, 120)
MERCATOR = (90, 0, 20, 120, 50, 0, 0, 1, 1, 0, 120)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "winds.bin"
    path.write_bytes(arl(TIMES, FIELDS, GRID))
    return path


def test_a_file_is_read_back_with_its_grid_levels_and_units(file):
    winds = read_arl(file)
    assert winds["time"].to_numpy().tolist() == TIMES.tolist()
    assert winds["level"].to_numpy().tolist() == [1000.0, 500.0]
    assert winds["level"].attrs == {"vertical": "pressure", "units": "hPa"}
    assert winds["latitude"].to_numpy().tolist() == [-60.0 + 10 * j for j in range(16)]
    assert winds["longitude"].to_numpy().tolist() == [20.0 + 20 * i for i in range(18)]
    np.testing.assert_allclose(winds["eastward_wind"][1, 1], ramp(10.0)(1))
    np.testing.assert_allclose(winds["surface_air_pressure"][2], 100.0 * ramp(900.0)(2))
    np.testing.assert_allclose(
        winds["lagrangian_tendency_of_air_pressure"][0, 0], 100.0 * ramp(0.0, 2.0**-10)(0), atol=1e-5
    )
    assert winds.attrs["kind"] == "analysis"


def test_a_level_without_vertical_motion_has_none(file):
    assert (read_arl(file)["lagrangian_tendency_of_air_pressure"][:, 1] == 0).all()


def test_the_remainder_of_vertical_motion_is_added(tmp_path):
    rest = {(1, "DIFW"): ramp(0.25, 2.0**-12)}
    (tmp_path / "x").write_bytes(arl(TIMES, FIELDS | rest, GRID))
    got = read_arl(tmp_path / "x")["lagrangian_tendency_of_air_pressure"][0, 0]
    np.testing.assert_allclose(got, 100.0 * (ramp(0.0, 2.0**-10)(0) + ramp(0.25, 2.0**-12)(0)), atol=1e-4)


@pytest.mark.parametrize(
    ("start", "end", "places"),
    [("T01", "T05", [0, 1]), ("T06", "T06", [1]), ("T07", "T20", [1, 2]), ("T00", "T12", [0, 1, 2])],
)
def test_only_times_around_a_stretch_are_read(file, start, end, places):
    winds = read_arl(file, start=np.datetime64(f"2019-03-03{start}"), end=np.datetime64(f"2019-03-03{end}"))
    assert winds["time"].to_numpy().tolist() == TIMES[places].tolist()


def test_a_stretch_that_the_file_does_not_hold_is_refused(file):
    with pytest.raises(NoneAsked, match="2019-03-03T00:00Z to 2019-03-03T12:00Z"):
        read_arl(file, start=np.datetime64("2020-01-01"), end=np.datetime64("2020-01-02"))


def test_a_forecast_says_that_it_is_one(tmp_path):
    (tmp_path / "x").write_bytes(arl(TIMES, FIELDS, GRID, lead=6))
    assert read_arl(tmp_path / "x").attrs["kind"] == "forecast"


def test_a_missing_field_is_nan(tmp_path):
    whole = bytearray(arl(TIMES[:1], FIELDS, GRID))
    at = whole.index(b"UWND", LABEL + 400) - 14
    while whole[at : at + 8] != b"19030300":
        at = whole.index(b"UWND", at + 20) - 14
    whole[at + 8 : at + 10] = b"-1"
    (tmp_path / "x").write_bytes(whole)
    winds = read_arl(tmp_path / "x")
    assert winds["eastward_wind"][0, 0].isnull().all()
    assert winds["eastward_wind"][0, 1].notnull().all()


@pytest.mark.parametrize(
    ("grid", "name", "origin", "spacing"),
    [
        (POLAR, "polar_stereographic", (-200e3, -400e3), 200e3),
        (LAMBERT, "lambert_conformal_conic", (0.0, 0.0), 50e3),
        (MERCATOR, "mercator", (0.0, 0.0), 50e3),
    ],
)
def test_maps_have_their_known_point_and_spacing_in_metres(tmp_path, grid, name, origin, spacing):
    (tmp_path / "x").write_bytes(arl(TIMES[:1], FIELDS, grid))
    winds = read_arl(tmp_path / "x")
    assert winds["crs"].attrs["grid_mapping_name"] == name
    assert (float(winds["x"][0]), float(winds["y"][0])) == pytest.approx(origin, abs=1e-3)
    assert float(winds["x"][1] - winds["x"][0]) == pytest.approx(spacing)
    assert {"x_wind", "y_wind"} <= set(winds.data_vars)


def test_the_known_point_of_a_polar_map_may_lie_anywhere(tmp_path):
    """At 30 N on the central meridian the pole is R (1 + sin 60) tan 30 away."""
    grid = (90, 0, 60, -105, 200, 0, 90, 1, 1, 30, -105)
    (tmp_path / "x").write_bytes(arl(TIMES[:1], FIELDS, grid))
    winds = read_arl(tmp_path / "x")
    away = 6_371_200.0 * (1 + np.sin(np.pi / 3)) * np.tan(np.pi / 6)
    assert (float(winds["x"][0]), float(winds["y"][0])) == pytest.approx((0.0, -away))


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (lambda b: b[:-1], None, "cut short"),
        (lambda b: b[:200], None, "within a record|cut short"),
        (lambda b: b"", None, "ends within"),
        (lambda b: b"<html>" + b"x" * 5000, "label", "no ARL label"),
        (lambda b: b[:400] + bytes([b[400] ^ 7]) + b[401:], None, "checksum|label|index"),
        (lambda b: b[:-60] + bytes([b[-60] ^ 7]) + b[-59:], "TEMP", "checksum of TEMP, level 2"),
        (lambda b: b + b, None, "time does not rise"),
    ],
)
def test_damage_is_named(tmp_path, change, field, words):
    (tmp_path / "x").write_bytes(change(arl(TIMES, FIELDS, GRID)))
    with pytest.raises(BadPayload, match=words) as caught:
        read_arl(tmp_path / "x")
    assert "x: " in str(caught.value)
    if field:
        assert f"(field {field})" in str(caught.value)


@pytest.mark.parametrize(
    ("grid", "coordinate", "words"),
    [
        (GRID, 4, "levels of kind 4"),
        ((90, 0, 60, -105, 200, 30, 90, 2, 3, 90, 0), 2, "turned by 30 degrees"),
        ((90, 0, 60, 40, 0, 0, 0, 1, 1, -60, 20), 2, "beyond a pole"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, grid, coordinate, words):
    (tmp_path / "x").write_bytes(arl(TIMES[:1], FIELDS, grid, coordinate))
    with pytest.raises(BadPayload, match=words):
        read_arl(tmp_path / "x")


@given(
    st.integers(2, 9),
    st.integers(2, 9),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**32 - 1),
)
def test_unpacking_is_as_exact_as_the_packing(nx, ny, base, size, seed):
    """Each byte rounds to one step, and its writer takes the rounding along: no error grows."""
    values = base + size * np.random.default_rng(seed).standard_normal((ny, nx))
    exponent, first, data = packed(values)
    label = read_label(f"19030300 0 199UWND{exponent:4d}{number(0.0)}{number(first)}".encode(), "x")
    step = 2.0 ** (exponent - 7)
    written = abs(first) * 1e-6 + np.abs(values).max() * 1e-6
    assert np.abs(unpack(data, nx, ny, label) - values).max() <= step + written


@given(st.binary(min_size=1, max_size=3000))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, data):
    path = Path(tmp_path_factory.mktemp("arl")) / "x"
    path.write_bytes(data)
    with pytest.raises(BadPayload):
        read_arl(path)


@pytest.mark.shared
def test_noaas_sample_file_is_what_its_index_says(shared):
    winds = read_arl(shared / "data" / "trajectory" / "oct1618.BIN")
    assert dict(winds.sizes) == {"time": 36, "level": 10, "y": 28, "x": 33}
    assert winds["level"].attrs["vertical"] == "sigma"
    assert str(winds["time"].to_numpy()[-1])[:13] == "1995-10-18T22"
    crs = winds["crs"].attrs
    assert (crs["grid_mapping_name"], crs["straight_vertical_longitude_from_pole"]) == (
        "polar_stereographic",
        -105,
    )
    assert float(winds["surface_air_pressure"][0, 0, 0]) == pytest.approx(101716.4, abs=1)
    assert 5 < float(np.abs(winds["x_wind"]).mean()) < 15
    assert (winds["air_temperature"][:, 0] > winds["air_temperature"][:, -1]).all()
