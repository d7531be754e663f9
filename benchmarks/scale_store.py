"""How the observation store grows: 10 million to 100 million rows, each size in a process of its own.

Archives of invented hourly values of 1,000 stations and 6 quantities are appended month by month.
Measured are the append of one more hour, a read of 60 days of one quantity at 100 stations, the same as of 30
days ago, and the disk. Costs are CPU seconds (the machine may be shared), wall time stands beside them. Needs
about 1 GB of disk for 100 million rows, in a folder that is deleted.
``python -m benchmarks.scale_store``; ``--rows 200000 400000 800000 --stations 20`` for a trial.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.growth import apart, exponent, judged, peak_gib
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.times import HOUR

WORLD = "simulated-0"
QUANTITIES = ("pm2p5", "pm10", "ozone", "nitrogen_dioxide", "sulfur_dioxide", "carbon_monoxide")
NOW = datetime(2020, 12, 31, tzinfo=UTC)
READ_DAYS, READ_STATIONS = 60, 100
CHUNK_HOURS = 24 * 31
REPEATS = 5


def table(first: datetime, hours: int, stations: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return hourly invented values of every station and quantity, intervals ending from ``first`` on."""
    count = len(QUANTITIES)
    times = np.datetime64(first.replace(tzinfo=None), "ns") + np.arange(hours) * np.timedelta64(1, "h")
    names = [f"bench:s{i:05d}" for i in range(stations)]
    places = np.tile(np.repeat(np.arange(stations), count), hours)
    return pd.DataFrame(
        {
            "station": pd.Categorical.from_codes(places, names),
            "quantity": pd.Categorical.from_codes(np.tile(np.arange(count), stations * hours), QUANTITIES),
            "time": np.repeat(times, stations * count),
            "value": rng.integers(1, 200, stations * count * hours).astype(float),
            "qc": np.zeros(stations * count * hours, np.int8),
        }
    )


def measure(rows: int, stations: int) -> dict[str, float]:
    """Build a store of so many rows and return the costs [s], bytes a row and memory [GiB]."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder), rows, stations)


def _measured(folder: Path, rows: int, stations: int) -> dict[str, float]:
    rng, clock = np.random.default_rng(0), [NOW]
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    store = ObservationStore(folder / "observations", ledger, lambda: clock[0])
    hours = -(-rows // (stations * len(QUANTITIES)))
    first, began, started = NOW - hours * HOUR, time.process_time(), time.perf_counter()
    for done in range(0, hours, CHUNK_HOURS):
        chunk = table(first + (done + 1) * HOUR, min(CHUNK_HOURS, hours - done), stations, rng)
        store.append(chunk, source="bench", world=WORLD, assumed_delay=HOUR)
    found = {"build s": time.process_time() - began}
    disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    found["bytes a row"] = disk / (hours * stations * len(QUANTITIES))
    appends = []
    for hour in range(1, REPEATS + 1):
        clock[0] = NOW + hour * HOUR
        fresh = table(clock[0], 1, stations, rng)
        appends.append(timed(partial(store.append, fresh, source="bench", world=WORLD)))
    found["append of an hour s"] = float(np.median(appends))
    chosen = [f"bench:s{i:05d}" for i in range(min(READ_STATIONS, stations))]
    for name, as_of in (("60-day read s", clock[0]), ("as-of read s", NOW - timedelta(days=30))):
        read = partial(
            store.read,
            world=WORLD,
            stations=chosen,
            quantities=QUANTITIES[:1],
            start=as_of - timedelta(days=READ_DAYS),
            end=as_of,
            as_of=as_of,
        )
        found[name] = float(np.median([timed(read) for _ in range(REPEATS)]))
    ledger.close()
    return {**found, "memory GiB": peak_gib(), "wall s": time.perf_counter() - started}


def timed(job: Callable[[], object]) -> float:
    """Return the processor time that a call takes [s]."""
    began = time.process_time()
    job()
    return time.process_time() - began


def main() -> int:
    """Measure every size, print the table and the exponents; 1 where something is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000, 30_000_000, 100_000_000])
    parser.add_argument("--stations", type=int, default=1000)
    parser.add_argument("--append", type=float, default=2.0, help="limit of the append of an hour [s]")
    parser.add_argument("--read", type=float, default=2.0, help="limit of both reads [s]")
    parser.add_argument("--memory", type=float, default=4.0, help="limit of memory [GiB]")
    parser.add_argument("--row-bytes", type=float, default=16.0, help="limit of bytes a row on disk")
    parser.add_argument("--growth", type=float, default=1.1, help="limit of the exponents; 1 is linear")
    chosen = parser.parse_args()
    found = []
    for rows in chosen.rows:
        found.append(apart(measure, rows, chosen.stations))
        print(f"{rows:>12,d} rows " + "  ".join(f"{k} {v:.3g}" for k, v in found[-1].items()), flush=True)
    largest = found[-1]
    limits = {
        "append of an hour s": chosen.append,
        "60-day read s": chosen.read,
        "as-of read s": chosen.read,
        "memory GiB": chosen.memory,
        "bytes a row": chosen.row_bytes,
    }
    growth = {}
    if len(chosen.rows) > 1:
        names = ("append of an hour s", "60-day read s", "as-of read s", "build s")
        growth = {f"exponent of {n}": exponent(chosen.rows, [one[n] for one in found]) for n in names}
    return judged({**largest, **growth}, {**limits, **dict.fromkeys(growth, chosen.growth)})


if __name__ == "__main__":
    sys.exit(main())
