"""How long one cycle takes with loaded models against its limit: 60 stations and both cities in 1 s.

Forecasts PM2.5 and PM10 of both cities, the model and both baselines, and 60 stations of PM2.5 (30 a city),
every interval to the end of D+3, all quantiles and probabilities, from the last 425 days of an imported
archive. Stations are invented from their city: what counts is how many there are.
``python -m benchmarks.forecast_cycle --data-dir FOLDER``
"""

from __future__ import annotations

import sys
from datetime import timedelta

import numpy as np
import pandas as pd

from benchmarks.forecast_scene import CITIES, archive, instant, measured, models, options, verdict
from forecasting.issue import IssueForecast, forecast_issue
from forecasting.predictions import path_futures
from forecasting.samples import RECENT_DAYS
from forecasting.stations import PAST_HOURS, StationPast, station_rows
from pipeline.asof import AsOfPanel
from pipeline.times import to_ns

LIMIT_SECONDS = 1.0
STATIONS = 30
REPEATS = 5
HOUR = np.timedelta64(3_600_000_000_000, "ns")


def stations(panel: AsOfPanel, made: IssueForecast, issue: np.datetime64) -> pd.DataFrame:
    """Forecast invented stations of every city from the city's joint futures."""
    rng = np.random.default_rng(0)
    grid = issue + np.arange(1 - PAST_HOURS, 1) * HOUR
    tables = []
    for city in CITIES:
        past = pd.Series(panel[f"{city.id}.pm2p5.reference"].on_grid(grid, issue))
        own = past.interpolate(limit_direction="both").to_numpy(np.float64)
        values = own * rng.lognormal(0.0, 0.3, (STATIONS, len(own)))
        known = StationPast(tuple(f"bench:{city.id}{i:02d}" for i in range(STATIONS)), values, own)
        tables.append(station_rows(known, path_futures(made.paths["pm2p5"], city, "pm2p5"), "", "", 0))
    return pd.concat(tables, ignore_index=True)


def main() -> int:
    """Time the cities and the stations, the first time and the median of some more."""
    chosen = options(__doc__).parse_args()
    fixed = models(archive(chosen.data_dir), chosen)
    issue = instant(chosen.train_until) + timedelta(days=20, hours=8)
    panel = archive(chosen.data_dir, issue - timedelta(days=RECENT_DAYS), issue)
    took = []
    for _ in range(REPEATS):
        with measured() as cities:
            made = forecast_issue(panel, fixed, CITIES, issue_time=issue, as_of=issue)
        with measured() as others:
            table = stations(panel, made, to_ns(issue))
        took.append(cities.cpu + others.cpu)
        rows = sum(len(t) for t in made.rows.values())
        print(f"cities {rows} rows: {cities}; {2 * STATIONS} stations {len(table)} rows: {others}")
    kept = verdict("CPU of a cycle, median", float(np.median(took)), LIMIT_SECONDS, "CPU-s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
