"""How long one cycle takes with loaded models, beside its limit of 1 s: both cities and 60 stations to D+3.

The joint futures of both cities, and of each of 30 stations of either, from invented station values; all
quantiles and probabilities of every hour and day. Models come from a folder (see
``benchmarks.forecast_training``), which is filled if empty.
``python -m benchmarks.forecast_cycle --models FOLDER``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.forecast_scene import LEARNED, cities, models, panel
from forecasting.issue import forecast_issue
from forecasting.model import Model
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS, path_futures
from forecasting.samples import RECENT_DAYS
from forecasting.stations import PAST_HOURS, StationPast, station_rows
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import to_ns

LIMIT_SECONDS = 1.0
STATIONS_PER_CITY = 30
REPEATS = 7
ISSUE_HOUR = 8


def recent(whole: AsOfPanel, issue: datetime) -> AsOfPanel:
    """Return what a live cycle reads: the last days, and nothing received later."""
    first, last = to_ns(issue - timedelta(days=RECENT_DAYS)), to_ns(issue)
    found = {}
    for key, s in whole.items():
        kept = (s.times > first) & (s.times <= last) & (s.received <= last)
        if kept.any():
            found[key] = AsOfSeries(s.times[kept], s.received[kept], s.values[kept], s.interval_hours)
    return AsOfPanel(found, whole.world)


def pasts(seed: int = 0) -> dict[str, StationPast]:
    """Return invented stations of every city, a value in twenty missing."""
    rng, found = np.random.default_rng(seed), {}
    for city in cities():
        whole = np.exp(3.3 + 0.5 * np.sin(np.arange(PAST_HOURS) / 30))
        noise = rng.normal(rng.normal(0, 0.2, (STATIONS_PER_CITY, 1)), 0.2, (STATIONS_PER_CITY, PAST_HOURS))
        values = whole * np.exp(noise)
        values[rng.random(values.shape) < 0.05] = np.nan
        names = tuple(f"{city.id}:{n:02d}" for n in range(STATIONS_PER_CITY))
        found[city.id] = StationPast(names, values, whole)
    return found


def cycle(
    issue: datetime,
    known: AsOfPanel,
    used: Mapping[str, Model],
    stations: Mapping[str, StationPast],
    quantities: tuple[str, ...],
) -> tuple[float, float, int]:
    """Return the seconds of the cities' forecast and of the stations', and how many rows these have."""
    begun = time.perf_counter()
    made = forecast_issue(known, used, cities(), issue_time=issue, as_of=issue, quantities=quantities)
    middle, rows = time.perf_counter(), 0
    for city in cities():
        futures = path_futures(made.paths["pm2p5"], city, "pm2p5")
        rows += len(station_rows(stations[city.id], futures, used["pm2p5"].model_id, "", 1))
    return middle - begun, time.perf_counter() - middle, rows


def main() -> int:
    """Print the figures and return 1 if the best of PM2.5 is over the limit; other work only adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--days-after", type=int, default=30, help="age of the models; errors since count")
    asked = parser.parse_args()
    used, issue = models(asked.models), LEARNED + timedelta(days=asked.days_after, hours=ISSUE_HOUR)
    whole, what = panel()
    known, stations = recent(whole, issue), pasts()
    del whole
    over = False
    for quantities in (("pm2p5",), ("pm2p5", "pm10")):
        taken, worked = [], []
        for _ in range(REPEATS):
            before = time.process_time()
            taken.append(cycle(issue, known, used, stations, quantities))
            worked.append(time.process_time() - before)
        first, best = sum(taken[0][:2]), min(taken, key=lambda one: one[0] + one[1])
        middle = float(np.median([a + b for a, b, _ in taken]))
        total, both = best[0] + best[1], f"{len(stations) * STATIONS_PER_CITY} stations"
        numbers = f"{len(QUANTILE_COLUMNS)} quantiles and {len(PROBABILITY_COLUMNS)} probabilities"
        print(
            f"{' and '.join(quantities)}, {len(known)} series {what}, {both}, "
            f"models {asked.days_after} days old"
        )
        print(f"  cities: futures, model and baselines  {best[0]:.3f} s")
        print(f"  stations: {best[2]:,} rows of {numbers}  {best[1]:.3f} s")
        print(
            f"  together  {total:.3f} s (first {first:.3f}, median {middle:.3f}), limit {LIMIT_SECONDS:.0f} s"
        )
        print(f"  on the processor  {min(worked):.3f} s")
        over = over or (quantities == ("pm2p5",) and total > LIMIT_SECONDS)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
