"""Paths of 10,000 parcels over 72 hours in steps of 5 minutes: time, and distance from the closed form.

The winds are those of a travelling wave that sinks, hourly on a grid of 1 degree with six levels
(``trajectory_scene``). Beside ours: the same scheme one parcel at a time in plain Python, and OceanParcels
where it is installed. One thread; seconds on the processor.

``python -m benchmarks.trajectories [--peer PYTHON]``, the Python of an environment that has ``parcels``
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import argparse
import json
import subprocess
import sys
import time

import numpy as np

from benchmarks.trajectory_scalar import Winds, path
from benchmarks.trajectory_scene import Scene, scene
from forecasting.transport.trajectories import Method, Starts, trajectories

LIMIT = 20.0
"""Seconds on the processor."""


def ours(given: Scene, minutes: float) -> tuple[float, float]:
    """Return seconds and mean error [km] of our engine, from the winds to the dataset of paths."""
    when = np.full(len(given.latitude), given.winds["time"].to_numpy()[0])
    starts = Starts(when, given.latitude, given.longitude, given.height)
    began = time.process_time()
    paths = trajectories(given.winds, starts, given.hours, method=Method(step_minutes=minutes))
    spent = time.process_time() - began
    return spent, given.error(paths["latitude"].to_numpy()[:, -1], paths["longitude"].to_numpy()[:, -1])


def at_all_times(given: Scene, hours: int, minutes: float) -> float:
    """Return seconds of as many parcels, each back from its own hour: nothing can be shared between them."""
    before = np.arange(len(given.latitude)) % 25
    when = given.winds["time"].to_numpy()[-1] - before * np.timedelta64(1, "h")
    starts = Starts(when, given.latitude, given.longitude + 40, given.height / 2)
    began = time.process_time()
    trajectories(given.winds, starts, -hours, method=Method(step_minutes=minutes))
    return time.process_time() - began


def scalar(given: Scene, minutes: float, parcels: int) -> tuple[float, float]:
    """Return seconds that plain Python would take for all, from the first few, and their mean error [km]."""
    winds = Winds(given.winds)
    pressure = 101325.0 * (1 - 0.0065 * given.height / 288.15) ** 5.25588
    began = time.process_time()
    ends = [
        path(winds, given.latitude[k], given.longitude[k], pressure[k], given.hours, minutes)
        for k in range(parcels)
    ]
    spent = (time.process_time() - began) / parcels * len(given.latitude)
    some = Scene(given.winds, given.latitude[:parcels], given.longitude[:parcels], given.height, given.hours)
    return spent, some.error(*np.array(ends).T)


def report(name: str, seconds: float, first: float, error: float | None) -> None:
    """Print one contestant."""
    said = "" if error is None else f"{error:8.3f} km"
    print(f"{name:44s} {seconds:9.1f} s {seconds / first:8.1f} times ours {said}", flush=True)


def main() -> int:
    """Print a table; return 1 if ours took longer than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=72)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--scalar", type=int, default=10, help="parcels that plain Python moves")
    parser.add_argument("--peer", help="a Python that has the package parcels")
    asked = parser.parse_args()
    given = scene(asked.parcels, asked.hours)
    first, error = ours(given, asked.minutes)
    report("sameair, one start time", first, first, error)
    mixed = at_all_times(scene(asked.parcels, asked.hours + 24), asked.hours, asked.minutes)
    report("sameair, 25 start times, back in time", mixed, first, None)
    report(f"plain Python ({asked.scalar} parcels, scaled)", *_scaled(given, asked, first))
    if asked.peer:
        for line in _peer(asked).splitlines():
            said = json.loads(line)
            report(f"parcels {said['version']}, {said['kernel']}", said["seconds"], first, said["error"])
    print(f"limit {LIMIT:g} s: {'held' if max(first, mixed) <= LIMIT else 'NOT held'}")
    return int(max(first, mixed) > LIMIT)


def _scaled(given: Scene, asked: argparse.Namespace, first: float) -> tuple[float, float, float]:
    seconds, error = scalar(given, asked.minutes, asked.scalar)
    return seconds, first, error


def _peer(asked: argparse.Namespace) -> str:
    numbers = [f"--{n}={getattr(asked, n)}" for n in ("parcels", "hours", "minutes")]
    command = [asked.peer, "-m", "benchmarks.trajectory_parcels", *numbers]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
