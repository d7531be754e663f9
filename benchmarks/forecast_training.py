"""How long both cities' models take to learn anew from five years, beside the limit of 5 min on 2 cores.

PM2.5 and PM10, all hours of the day, with everything that a registered model holds. SAMEAIR_DATA_DIR may name
a folder with imported archives; else a panel of the same series is invented.
``python -m benchmarks.forecast_training``
"""

from __future__ import annotations

import argparse
import pickle
import resource
import sys
import time
from pathlib import Path

from benchmarks.forecast_scene import LEARNED, QUANTITIES, cities, panel
from forecasting.situation_memory import Remembered
from forecasting.train import train

LIMIT_SECONDS = 300.0


def processor_seconds() -> float:
    """Return the seconds that this process and those that it has ended spent on the processor."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def main() -> int:
    """Train, print the figures and return 1 if it took longer than the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="folder in which to leave the models")
    parser.add_argument("--effort", choices=("full", "quick"), default="full")
    asked = parser.parse_args()
    begun = time.perf_counter()
    series, what = panel()
    print(f"{len(series)} series {what}, read or invented in {time.perf_counter() - begun:.1f} s", flush=True)
    begun, worked, read, done = time.perf_counter(), processor_seconds(), Remembered(), {}
    for quantity in QUANTITIES:
        one = time.perf_counter()
        done[quantity] = train(series, cities(), quantity, data_until=LEARNED, effort=asked.effort, read=read)
        facts = done[quantity].facts()
        rows = sum(facts["rows"].values())
        print(
            f"{quantity:6s} {rows} rows, {facts['columns']} columns: {time.perf_counter() - one:.1f} s",
            flush=True,
        )
    taken = time.perf_counter() - begun
    worked = processor_seconds() - worked
    print(f"wall time          {taken:7.1f} s, limit {LIMIT_SECONDS:.0f} s")
    print(f"on the processor   {worked:7.1f} s, {worked / 2:.1f} s on each of two cores")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory        {peak:7.2f} GiB, workers apart")
    for quantity, model in done.items():
        content = pickle.dumps(model, protocol=5)
        print(f"model of {quantity:6s}    {len(content) / 1e6:7.0f} MB")
        if asked.models:
            asked.models.mkdir(parents=True, exist_ok=True)
            (asked.models / f"{quantity}.pickle").write_bytes(content)
    return int(taken > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
