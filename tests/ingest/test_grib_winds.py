"""Winds from GRIB 2 files, written here by ecCodes."""

import numpy as np
import pytest

from ingest.grib_winds import read_grib_winds
from ingest.met_files import read_met
from ingest.met_times import NoneAsked
from pipeline.errors import BadPayload
from tests.fakes.ecmwf import grib_message, value_of

RUN = "2025030100"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.grib2"
    parts = [
        grib_message(RUN, step, param, level, "grid_simple")
        for step in (0, 6)
        for level in (850, 925)
        for param in ("u", "v", "w", "gh", "t")
        if (param, level) != ("w", 850)
    ]
    path.write_bytes(b"".join(parts))
    return path


def test_fields_become_winds_on_levels(file):
    winds = read_grib_winds(file)
    assert dict(winds.sizes) == {"time": 2, "level": 2, "latitude": 73, "longitude": 144}
    place = {"latitude": 40.0, "longitude": 115.0, "level": 925.0, "time": np.datetime64("2025-03-01T06")}
    for name, param in (("eastward_wind", "u"), ("northward_wind", "v"), ("geopotential_height", "gh")):
        known = value_of(param, 925, 6, 40.0, 115.0)
        assert float(winds[name].sel(place)) == pytest.approx(known, rel=1e-3, abs=0.01)
    assert (winds["lagrangian_tendency_of_air_pressure"].sel(level=850.0) == 0).all()
    assert winds.attrs["kind"] == "forecast"


def test_heights_of_some_levels_only_are_left_out(file):
    file.write_bytes(file.read_bytes() + grib_message(RUN, 12, "u", 850, "grid_simple"))
    assert "geopotential_height" not in read_grib_winds(file)


def test_only_the_times_around_a_stretch_count(file):
    late = np.datetime64("2025-03-01T06"), np.datetime64("2025-03-01T07")
    assert read_met([file], start=late[0], end=late[1]).sizes["time"] == 1
    with pytest.raises(NoneAsked):
        read_grib_winds(file, start=np.datetime64("2025-04-01"), end=np.datetime64("2025-04-02"))


def test_files_without_winds_or_cut_short_are_refused(file):
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    with pytest.raises(BadPayload, match=r"x\.grib2"):
        read_grib_winds(file)
    file.write_bytes(grib_message(RUN, 0, "gh", 850, "grid_simple"))
    with pytest.raises(BadPayload, match="no u and v"):
        read_grib_winds(file)
