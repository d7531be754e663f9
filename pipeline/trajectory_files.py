"""Trajectories as CF NetCDF files, and read back.

After CF Conventions 1.11 §9 and H.4 (featureType ``trajectory``): each path has an id, and its points have
instant, latitude, longitude and height as coordinates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from pipeline.errors import BadPayload, ContractError
from pipeline.files import write_with
from pipeline.names import CONVENTIONS, TIME_ENCODING, is_simulated
from pipeline.wind_fields import check_trajectories

REMEDY: Final = "give a trajectory file that sameair wrote"
POINT: Final = ("time", "latitude", "longitude", "height")
"""Coordinates of a point."""

_ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    "time": {"standard_name": "time", "long_name": "instant of the point"},
    "latitude": {"standard_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east"},
    "height": {"standard_name": "height", "units": "m", "positive": "up", "axis": "Z"},
    "age": {"long_name": "time since the start, negative back in time", "units": "h"},
    "air_pressure": {"standard_name": "air_pressure", "units": "Pa"},
    "start_time": {"long_name": "instant of the start"},
    "ended": {"long_name": "why the path is shorter than asked"},
    "trajectory_id": {"cf_role": "trajectory_id", "long_name": "number of the trajectory, from 1"},
    "atmosphere_boundary_layer_thickness": {
        "standard_name": "atmosphere_boundary_layer_thickness",
        "units": "m",
    },
}


def write_trajectories(paths: xr.Dataset, path: Path) -> Path:
    """Write trajectories as a NetCDF-4 file with CF attributes, atomically.

    Raises
    ------
    ContractError
        they break TRAJECTORY_CONTRACT
    StorageError
        the disk is full or cannot be written

    Examples
    --------
    >>> import tempfile
    >>> point = (("trajectory", "age"), np.array([[37.5, 37.4]]))
    >>> paths = xr.Dataset({n: point for n in ("latitude", "longitude", "height", "air_pressure")},
    ...     {"age": [0.0, -1.0]}, {"source": "X", "kind": "analysis", "world": "measured", "method": "M"})
    >>> paths["start_time"] = ("trajectory", np.array(["2026-02-13T13"], "M8[ns]"))
    >>> paths["ended"] = ("trajectory", np.array([""], dtype=object))
    >>> file = write_trajectories(paths, Path(tempfile.mkdtemp()) / "paths.nc")
    >>> read_trajectories(file)["latitude"].values.tolist()
    [[37.5, 37.4]]
    """
    ready = check_trajectories(paths).copy()
    ages = np.round(ready["age"].to_numpy() * 3600.0).astype("m8[s]").astype("m8[ns]")
    ready["time"] = (("trajectory", "age"), ready["start_time"].to_numpy()[:, None] + ages)
    ready["trajectory_id"] = ("trajectory", np.arange(1, ready.sizes["trajectory"] + 1, dtype=np.int32))
    for name in ready.variables:
        ready[name].attrs = {**ready[name].attrs, **_ATTRIBUTES.get(str(name), {})}
        ready[name].encoding = {}
    world = str(ready.attrs["world"])
    ready.attrs = {
        "Conventions": CONVENTIONS,
        "featureType": "trajectory",
        "title": "Trajectories of air" + (" (SIMULATED DATA)" if is_simulated(world) else ""),
        **ready.attrs,
    }
    times = {str(n): dict(TIME_ENCODING) for n in ready.variables if ready[n].dtype.kind == "M"}
    return write_with(
        path,
        lambda beside: ready.set_coords(POINT).to_netcdf(beside, engine="h5netcdf", encoding=times),
    )


def read_trajectories(path: Path) -> xr.Dataset:
    """Read a file of :func:`write_trajectories` into memory, as TRAJECTORY_CONTRACT.

    Raises
    ------
    BadPayload
        it is no such file
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as file:
            paths = file.load()
        paths = paths.reset_coords([n for n in POINT if n in paths.coords])
        return check_trajectories(paths.drop_vars(["time", "trajectory_id"], errors="ignore"))
    except ContractError as error:
        raise BadPayload(path.name, str(error), remedy=REMEDY) from error
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise BadPayload(path.name, "no NetCDF file of trajectories", remedy=REMEDY) from error
