"""Paths against NOAA's own end points, from the meteorology that they were made from."""

import numpy as np
import pytest

from flows.trajectory import Start, Wanted, make_trajectories
from forecasting.transport.frames import frame_of
from forecasting.transport.passing import distance_km
from forecasting.transport.trajectories import Method
from forecasting.transport.vertical import columns_of, rate
from ingest.arl import read_arl
from pipeline.tdump import parse_tdump
from pipeline.tdump_paths import paths_of
from pipeline.times import from_ns

CLUSTER = ("95101600", "95101612", "95101700", "95101712", "95101800")
"""Starts of NOAA's cluster example whose 12 hours lie within the meteorology file."""

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "trajectory"


def starts_of(paths, age=0):
    hours = np.timedelta64(round(float(paths["age"][age])), "h")
    columns = [paths[n].to_numpy()[:, age] for n in ("latitude", "longitude", "height")]
    when = [from_ns(t + hours) for t in paths["start_time"].to_numpy()]
    return [Start(*start) for start in zip(when, *columns, strict=True)]


def made(folder, out, starts, hours=12.0, **more):
    return make_trajectories(Wanted([str(folder / "oct1618.BIN")], starts, hours, out, **more))


def apart_from(folder, file, out, **more):
    """Return the distances from a file's points (trajectory, age) [km], and our paths."""
    starts = starts_of(paths_of(parse_tdump(file.read_text(), file.name)))
    done = made(folder, out, starts, compare=file, **more)
    return done.apart.to_numpy(), done.paths


def test_paths_from_500_and_1000_m_end_within_2_km_of_noaas(folder, tmp_path):
    apart, paths = apart_from(folder, folder / "noaa_tdump" / "tdump", tmp_path / "tdump")
    assert (apart[1:, -1] < 2.0).all()
    assert (apart[1:] < 2.0).all()
    noaa = paths_of(parse_tdump((folder / "noaa_tdump" / "tdump").read_text(), "tdump"))
    assert np.abs(paths["height"] - noaa["height"]).to_numpy()[1:].max() < 10.0
    assert np.abs(paths["air_pressure"] - noaa["air_pressure"]).to_numpy()[1:].max() < 100.0


def test_the_tdump_written_lies_as_near(folder, tmp_path):
    file = folder / "noaa_tdump" / "tdump"
    apart_from(folder, file, tmp_path / "tdump")
    ours, noaa = (paths_of(parse_tdump(f.read_text(), f.name)) for f in (tmp_path / "tdump", file))
    place = noaa["latitude"].to_numpy()[:, -1], noaa["longitude"].to_numpy()[:, -1]
    apart = distance_km(ours["latitude"].to_numpy()[:, -1], ours["longitude"].to_numpy()[:, -1], place)
    assert (apart[1:] < 2.0).all()
    assert ours["air_pressure"].notnull().all()


def test_a_path_from_10_m_depends_on_a_roughness_that_is_not_known(folder, tmp_path):
    """docs/trajectories.md says how far it ends from NOAA's; no value is claimed to be right."""
    file = folder / "noaa_tdump" / "tdump"
    apart = [
        apart_from(folder, file, tmp_path / "tdump", method=Method(roughness_m=r))[0][0, -1]
        for r in (0.1, 0.5)
    ]
    assert apart[0] < 60.0
    assert apart[1] < 10.0


@pytest.mark.parametrize("name", CLUSTER)
def test_the_cluster_examples_end_within_20_km(folder, tmp_path, name):
    file = folder / "noaa_cluster_example" / f"tdump{name}"
    apart, _ = apart_from(folder, file, tmp_path / "tdump")
    assert apart.shape == (1, 13)
    assert apart[0, -1] < 20.0


@pytest.mark.parametrize("vertical", ["model", "model over terrain", "isobaric", "constant height"])
def test_forward_and_back_again_ends_where_it_began(folder, tmp_path, vertical):
    starts = starts_of(paths_of(parse_tdump((folder / "noaa_tdump" / "tdump").read_text(), "tdump")))
    method = Method(vertical=vertical)
    there = made(folder, tmp_path / "a.nc", starts[1:], format="netcdf", method=method).paths
    back = made(folder, tmp_path / "b.nc", starts_of(there, -1), -12.0, format="netcdf", method=method).paths
    place = 40.0, -90.0
    apart = distance_km(back["latitude"].to_numpy()[:, -1], back["longitude"].to_numpy()[:, -1], place)
    assert apart.max() < 0.1


def test_the_exact_transformation_lies_further_off_and_both_beat_no_vertical_motion(folder, tmp_path):
    file = folder / "noaa_tdump" / "tdump"
    ends = {
        v: apart_from(folder, file, tmp_path / "tdump", method=Method(vertical=v))[0][1:, -1]
        for v in ("model", "model over terrain", "isobaric", "constant height")
    }
    assert (ends["model"] < ends["model over terrain"]).all()
    assert (ends["model over terrain"] < 10.0).all()
    assert (ends["isobaric"] > 20.0).all()
    assert (ends["constant height"] > 20.0).all()


def test_the_exact_transformation_agrees_better_with_the_divergence_of_the_winds(folder):
    """Mass between a sigma surface and the ground: ps dsigma/dt is the integral of dps/dt + div(ps v)."""
    winds = read_arl(folder / "oct1618.BIN").sortby("level", ascending=False)
    frame, sigma = frame_of(winds), winds["level"].to_numpy()
    names = {"x_wind": "first", "y_wind": "second"}
    fields = {
        names.get(n, n): winds[n].transpose("time", ..., "y", "x").to_numpy().astype(np.float64)
        for n in (*names, "surface_air_pressure", "air_temperature", "lagrangian_tendency_of_air_pressure")
    }
    seconds = (winds["time"].to_numpy() - winds["time"].to_numpy()[0]) / np.timedelta64(1, "s")
    surface, scale = fields["surface_air_pressure"], frame.crs.scale(_latitudes(frame))
    east, north = (surface[:, None] * fields[n] / scale for n in ("first", "second"))
    divergence = np.gradient(east, frame.step[1], axis=3) + np.gradient(north, frame.step[0], axis=2)
    source = np.gradient(surface, seconds, axis=0)[:, None] + scale**2 * divergence
    layers = -np.diff(sigma, prepend=1.0)[:, None, None]
    between = np.concatenate([source[:, :1], (source[:, 1:] + source[:, :-1]) / 2], axis=1)
    through = np.cumsum(layers * between, axis=1) / surface[:, None]
    columns = columns_of(fields, "sigma", -sigma)
    inside = np.s_[1:-1, sigma < 0.85, 2:-2, 2:-2]
    found = {}
    for exact in (False, True):
        moved = -rate(fields, columns, seconds, frame, over_terrain=exact)
        pairs = zip(np.moveaxis(moved[inside], 1, 0), np.moveaxis(through[inside], 1, 0), strict=True)
        found[exact] = np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
    assert (found[True] > 0.95).all()
    assert (found[False] < 0.88).all()
    assert (found[False] > 0.80).all()


def _latitudes(frame):
    y, x = (first + step * np.arange(n) for first, step, n in
            zip((frame.low, frame.left), frame.step, frame.shape, strict=True))  # fmt: skip
    return frame.crs.to_sphere(*np.meshgrid(x, y))[0]
