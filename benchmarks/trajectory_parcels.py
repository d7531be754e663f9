"""The same paths by OceanParcels (package ``parcels`` 4), whose depth is our pressure."""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import argparse
import json
import time
import warnings

import numpy as np
import parcels
import xarray as xr

from benchmarks.trajectory_scene import RADIUS, Scene, scene

MILE = 1852.0 * 60.0
"""Metres a degree, as Parcels counts them."""


def fields(given: Scene) -> xr.Dataset:
    """Return the winds as Parcels wants them: pressure as depth [Pa], and speeds for its own sphere."""
    ratio = MILE / np.radians(RADIUS)
    winds = given.winds.isel(level=slice(None, None, -1))
    names = {"eastward_wind": "U", "northward_wind": "V", "lagrangian_tendency_of_air_pressure": "W"}
    ds = winds.rename(names | {"level": "depth"})
    ds["depth"] = (
        "depth",
        100.0 * winds["level"].to_numpy(),
        {"axis": "Z", "units": "m", "positive": "down"},
    )
    for name in ("U", "V"):
        ds[name] = ds[name] * ratio
    ds["time"].attrs["axis"] = "T"
    ds["latitude"].attrs |= {"axis": "Y", "standard_name": "latitude", "units": "degrees_north"}
    ds["longitude"].attrs |= {"axis": "X", "standard_name": "longitude", "units": "degrees_east"}
    return parcels.convert.copernicusmarine_to_sgrid(fields={n: ds[n] for n in ("U", "V", "W")})


def run(given: Scene, pressure: np.ndarray, minutes: float, kernel: str) -> tuple[float, float]:
    """Return seconds on the processor and the mean error [km]."""
    warnings.simplefilter("ignore")
    began = time.process_time()
    world = parcels.FieldSet.from_sgrid_conventions(fields(given), mesh="spherical")
    particles = parcels.ParticleSet(
        world, x=given.longitude, y=given.latitude, z=pressure,
        t=np.full(len(given.latitude), given.winds["time"].to_numpy()[0]),
    )  # fmt: skip
    particles.execute(
        getattr(parcels.kernels, kernel),
        dt=np.timedelta64(round(minutes * 60), "s"),
        runtime=np.timedelta64(given.hours, "h"),
        verbose_progress=False,
    )
    spent = time.process_time() - began
    return spent, given.error(np.asarray(particles.y, float), np.asarray(particles.x, float))


def main() -> None:
    """Print a JSON line per kernel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=72)
    parser.add_argument("--minutes", type=float, default=5.0)
    asked = parser.parse_args()
    given = scene(asked.parcels, asked.hours)
    pressure = 1000e2 * np.exp(-given.height / 8000.0)
    for kernel in ("AdvectionRK2_3D", "AdvectionRK4_3D"):
        seconds, error = run(given, pressure, asked.minutes, kernel)
        print(
            json.dumps({"kernel": kernel, "version": parcels.__version__, "seconds": seconds, "error": error})
        )


if __name__ == "__main__":
    main()
