"""How long a year of 1,460 cycles takes with fixed models, beside limits of 60 s and 2 GiB in one process.

PM2.5 and PM10, both cities, the model and all baselines, 200 joint futures of every cycle, as
``sameair hindcast`` makes them. Models come from a folder (see ``benchmarks.forecast_training``), which is
filled if empty.
``python -m benchmarks.hindcast_year --models FOLDER``
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.forecast_scene import LEARNED, cities, models, panel
from forecasting.hindcast import hindcast
from pipeline.times import cycles_between

CYCLES = 1460
LIMIT_SECONDS, LIMIT_GIB = 60.0, 2.0


def main() -> int:
    """Replay the year after training, print the figures and return 1 if one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--cycles", type=int, default=CYCLES)
    asked = parser.parse_args()
    known = models(asked.models)
    series, what = panel()
    issues = cycles_between(LEARNED, LEARNED + timedelta(hours=6 * asked.cycles))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    begun, worked = time.perf_counter(), time.process_time()
    tables = hindcast(series, cities(), issues, known)
    taken, work = time.perf_counter() - begun, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = ", ".join(f"{len(table):,} of {quantity}" for quantity, table in tables.items())
    print(f"{len(issues)} cycles, {len(series)} series {what}; rows: {rows}")
    print(f"wall time          {taken:7.1f} s, limit {LIMIT_SECONDS:.0f} s")
    print(f"on the processor   {work:7.1f} s, {work / len(issues) * 1e3:.0f} ms a cycle")
    print(f"peak memory        {peak:7.2f} GiB, limit {LIMIT_GIB:.0f} GiB")
    print(f"  before the first {before:7.2f} GiB, to read models and measurements")
    return int(taken > LIMIT_SECONDS or peak > LIMIT_GIB)


if __name__ == "__main__":
    sys.exit(main())
