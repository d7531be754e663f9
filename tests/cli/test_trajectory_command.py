"""``sameair trajectory``: files in, tdump or NetCDF out, and every refusal in one line with its exit code."""

import json

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from cli.main import app, explained
from pipeline.tdump import parse_tdump
from pipeline.tdump_paths import paths_of
from pipeline.trajectory_files import read_trajectories
from tests.flows.test_winds_for import NOW, Desk, at_points

TIMES = np.arange("2019-03-03T00", "2019-03-05T01", 6, dtype="M8[h]").astype("M8[ns]")
SOUTH, EAST = np.arange(20.0, 60.0, 2.0), np.arange(90.0, 150.0, 2.0)
START = "2019-03-03T00:00Z,30,100,1000"
DEGREE = 6_371_229.0 * np.pi / 180
"""Metres of a degree of latitude."""


@pytest.fixture
def met(tmp_path):
    """A steady wind to the north, a tenth of a degree an hour, on two pressure levels."""
    shape = (len(TIMES), 3, len(SOUTH), len(EAST))
    north = np.full(shape, DEGREE / 36_000)
    dims = ("time", "plev", "lat", "lon")
    ds = xr.Dataset(
        {
            "va": (dims, north, {"standard_name": "northward_wind", "units": "m s-1"}),
            "ua": (dims, 0 * north, {"standard_name": "eastward_wind", "units": "m s-1"}),
            "blh": (("time", "lat", "lon"), np.full((shape[0], *shape[2:]), 700.0), {"units": "m"}),
        },
        {
            "time": TIMES,
            "plev": ("plev", [100000.0, 85000.0, 50000.0], {"units": "Pa"}),
            "lat": ("lat", SOUTH, {"units": "degrees_north"}),
            "lon": ("lon", EAST, {"units": "degrees_east"}),
        },
        {"source": "STEADY wind"},
    )
    ds.to_netcdf(tmp_path / "met.nc", engine="h5netcdf")
    return tmp_path / "met.nc"


@pytest.fixture
def run(met, tmp_path):
    def call(*arguments, met=met, start=START, hours="12", out=tmp_path / "paths"):
        given = ["--met", str(met), "--start", start, "--hours", hours, "--out", str(out)]
        done = CliRunner().invoke(app, ["trajectory", *given, *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            text, code = explained(done.exception)
            return code, text
        return done.exit_code, done.output

    return call


def test_a_tdump_holds_pressure_and_the_mixed_layer(run, tmp_path):
    code, output = run()
    assert code == 0
    assert "STEADY wind" in output
    said = parse_tdump((tmp_path / "paths").read_text(), "paths")
    assert said.diagnostics == ("PRESSURE", "MIXDEPTH")
    assert said.grids[0].name == "STEADY"
    paths = paths_of(said)
    assert paths["latitude"].to_numpy()[0] == pytest.approx(30.0 + 0.1 * np.arange(13), abs=6e-4)
    assert paths["longitude"].to_numpy()[0] == pytest.approx(100.0, abs=6e-4)
    assert (paths["atmosphere_boundary_layer_thickness"] == 700.0).all()


def test_a_netcdf_file_and_several_starts(run, tmp_path):
    code, output = run("--start", "2019-03-03T06:30Z,40,120,500", "--json", out=tmp_path / "p.nc")
    assert code == 0
    said = json.loads(output)
    assert [row["latitude"] for row in said["paths"]] == pytest.approx([31.2, 41.2], abs=1e-3)
    ends = read_trajectories(tmp_path / "p.nc")["latitude"].to_numpy()[:, -1]
    assert ends == pytest.approx([31.2, 41.2], abs=5e-4)  # the mean of two vectors 2 degrees apart is shorter
    assert run("--format", "tdump", out=tmp_path / "q.nc")[0] == 0
    assert (tmp_path / "q.nc").read_text().startswith("     1     1\n")


def test_paths_are_compared_with_those_of_a_file(run, tmp_path):
    assert run(out=tmp_path / "a.nc")[0] == 0
    code, output = run("--compare", tmp_path / "a.nc", "--json")
    assert code == 0
    assert json.loads(output)["paths"][0]["km_from_compared"] == 0.0
    code, output = run("--compare", tmp_path / "paths", "--json", out=tmp_path / "b.nc")
    assert json.loads(output)["paths"][0]["km_from_compared"] < 0.1
    code, output = run("--compare", tmp_path / "a.nc", "--start", START)
    assert (code, "1 trajectories for 2 starts" in output) == (2, True)


def test_paths_of_other_starts_are_not_compared_and_a_common_start_alone_says_nothing(run, tmp_path):
    noon = START.replace("T00", "T12")
    assert run(start=noon, out=tmp_path / "a.nc")[0] == 0
    back = json.loads(run("--compare", tmp_path / "a.nc", "--json", start=noon, hours="-6")[1])
    assert back["paths"][0]["km_from_compared"] is None
    for other in (START, noon.replace(",100,", ",101,")):
        code, output = run("--compare", tmp_path / "a.nc", start=other)
        assert (code, "path 1 starts at another place or time" in output) == (2, True)


def test_a_path_shorter_than_asked_is_written_and_exit_code_3_says_so(run, tmp_path):
    code, output = run(hours="-48", start="2019-03-04T00:00Z,30,100,1000")
    assert code == 3
    assert "before the winds begin" in output
    assert "1 of 1 paths end before -48 h" in output
    paths = paths_of(parse_tdump((tmp_path / "paths").read_text(), "paths"))
    assert paths["age"].to_numpy()[-1] == -24


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"start": "2019-03-03,30,100"}, 2, "write TIME,LAT,LON,HEIGHT_M"),
        ({"start": "yesterday,30,100,10"}, 2, "write TIME,LAT,LON,HEIGHT_M"),
        ({"start": "2019-03-03T00:00Z,91,100,10"}, 2, "latitude 91 is not between"),
        ({"start": "2019-03-03T00:00Z,nan,100,10"}, 2, "latitude nan is not between"),
        ({"start": "2019-03-03T00:00Z,30,400,10"}, 2, "longitude 400 is not between"),
        ({"start": "2019-03-03T00:00Z,30,100,-1"}, 2, "height -1 m is not between"),
        ({"start": "2019-03-03T00:00Z,30,20,10"}, 2, "no path gets away from its start (left the field)"),
        ({"start": "2018-03-03T00:00Z,30,100,10"}, 2, "none of the times asked for"),
        ({"hours": "0"}, 2, "--hours 0: give up to 1000"),
        ({"hours": "nan"}, 2, "--hours nan"),
        ({"hours": "5000"}, 2, "--hours 5000"),
        ({"met": "absent.nc"}, 2, "--met absent.nc: there is no such file"),
    ],
)
def test_nonsense_is_refused_in_one_line(run, tmp_path, change, code, words):
    got, output = run(**change)
    assert (got, words in output) == (code, True), output
    assert "\n" not in output.strip()
    assert not (tmp_path / "paths").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--vertical", "up"], "choose one of model, model-over-terrain, isobaric, constant-height"),
        (["--step", "0"], "--step 0: give minutes"),
        (["--below", "here"], "choose surface-layer or refuse"),
        (["--roughness", "-1"], "--roughness -1: give metres"),
        (["--format", "csv"], "choose tdump or netcdf"),
        (["--compare", "absent"], "there is no such file"),
        (["--met", "stored"], "files, or the word stored alone"),
        (["--at", "noon"], "write it like"),
    ],
)
def test_wrong_options_are_refused_in_one_line(run, options, words):
    code, output = run(*options)
    assert (code, words in output) == (2, True), output


def test_files_are_never_overwritten_by_their_own_paths(run, met, tmp_path):
    before = met.read_bytes()
    assert run(out=met)[0] == 2
    assert run(out=tmp_path)[0] == 2
    assert met.read_bytes() == before


def test_damaged_files_have_exit_code_5(run, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"9510160000 0 6INDX   0  .0000000E+00  .0000000E+00" + b"?" * 2000)
    code, output = run(met=tmp_path / "x.bin")
    assert (code, "x.bin" in output) == (5, True)


def test_starts_below_the_lowest_level_may_be_refused(run):
    low = "2019-03-03T00:00Z,30,100,10"
    assert run("--below", "refuse", start=low)[0] == 2
    assert run(start=low)[0] == 0


def test_stored_winds_that_are_not_there_are_refused(run, tmp_path):
    code, output = run("--data-dir", tmp_path / "var", met="stored")
    assert (code, "no winds aloft of measured are stored" in output) == (2, True)


def test_stored_forecasts_are_winds_too_as_they_were_known_at_an_instant(run, tmp_path):
    """An east wind of 10 m/s over seven points: 360 km in 10 h, about 4 degrees at 37 N."""
    desk = Desk(tmp_path / "var")
    desk.put(at_points(NOW, 10.0))
    given = {
        "met": "stored",
        "start": "2025-01-10T12:00Z,37,117,500",
        "hours": "10",
        "out": tmp_path / "s.nc",
    }
    early = run("--data-dir", tmp_path / "var", "--world", "w", "--at", "2025-01-10T07:00Z", **given)
    assert (early[0], "no winds aloft" in early[1]) == (2, True)
    options = ["--data-dir", tmp_path / "var", "--world", "w", "--at", "2025-01-10T08:00Z"]
    code, output = run(*options, "--json", **given)
    assert code == 0, output
    east = json.loads(output)["paths"][0]["longitude"] - 117.0
    assert east == pytest.approx(360.0 / (6371.2 * np.cos(np.radians(37))) * 180 / np.pi, abs=0.6)
    assert json.loads(output)["kind"] == "forecast"


def test_winds_without_vertical_motion_are_not_said_to_have_moved_parcels_up_or_down(run, tmp_path):
    code, output = run()
    assert code == 0
    assert "vertical: constant height" in output
    said = parse_tdump((tmp_path / "paths").read_text(), "paths")
    assert said.vertical == "HEIGHT"
    assert {round(p.height) for p in said.points} == {1000}
