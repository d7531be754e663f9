"""CF trajectory files: what is written is what is read, whole or not at all."""

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import BadPayload, ContractError
from pipeline.trajectory_files import read_trajectories, write_trajectories


@pytest.fixture
def paths():
    ages = np.array([0.0, -1.0, -1.5])
    values = np.array([[37.566, 37.1, 36.9], [39.9, 39.5, np.nan]])
    ds = xr.Dataset(
        {n: (("trajectory", "age"), values * k) for n, k in (("latitude", 1), ("longitude", 3))},
        {"age": ages},
        {"source": "X", "kind": "forecast", "world": "simulated-5", "method": "Petterssen"},
    )
    ds["height"], ds["air_pressure"] = ds["latitude"] * 10, ds["latitude"] * 2000
    ds["start_time"] = ("trajectory", np.array(["2026-02-13T13", "2026-02-13T14:30"], "M8[ns]"))
    ds["ended"] = ("trajectory", np.array(["", "left the field"], object))
    ds["city"] = ("trajectory", np.array(["seoul", "beijing"], object))
    ds["member"] = ("trajectory", np.array([0, 1]))
    return ds


def test_paths_come_back_exactly(paths, tmp_path):
    again = read_trajectories(write_trajectories(paths, tmp_path / "a" / "paths.nc"))
    for name in paths.variables:
        np.testing.assert_array_equal(again[name].to_numpy(), paths[name].to_numpy())
    assert {k: again.attrs[k] for k in paths.attrs} == paths.attrs
    assert "time" not in again.variables


def test_the_file_follows_cf(paths, tmp_path):
    file = write_trajectories(paths, tmp_path / "paths.nc")
    with xr.open_dataset(file, engine="h5netcdf") as raw:
        assert raw.attrs["featureType"] == "trajectory"
        assert "SIMULATED" in raw.attrs["title"]
        assert raw["trajectory_id"].attrs["cf_role"] == "trajectory_id"
        assert {"time", "latitude", "longitude", "height"} <= set(raw["air_pressure"].coords)
        assert raw["time"].dims == ("trajectory", "age")
        assert raw["time"].to_numpy()[1, 2] == np.datetime64("2026-02-13T13:00")
        assert raw["height"].attrs["positive"] == "up"


def test_broken_paths_are_not_written(paths, tmp_path):
    with pytest.raises(ContractError):
        write_trajectories(paths.drop_vars("height"), tmp_path / "paths.nc")
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused_by_name(paths, tmp_path):
    (tmp_path / "text.nc").write_text("hello")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name in ("text.nc", "other.nc"):
        with pytest.raises(BadPayload, match=name):
            read_trajectories(tmp_path / name)
