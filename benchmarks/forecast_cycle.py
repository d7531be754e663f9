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
from forecasting.baselines import Courses
from forecasting.futures import Scene, by_baseline, by_model, draw, futures_of
from forecasting.issue import forecast_issue
from forecasting.model import Model
from forecasting.samples import RECENT_DAYS
from forecasting.saying import say
from forecasting.stations import PAST_HOURS, StationPast, station_rows
from pipeline.asof import AsOfPanel
from pipeline.times import to_ns

LIMIT_SECONDS = 1.0
STATIONS = 30
REPEATS = 5
HOUR = np.timedelta64(3_600_000_000_000, "ns")


def stations(panel: AsOfPanel, model: Model, issue: np.datetime64) -> pd.DataFrame:
    """Forecast invented stations of every city from the city's joint futures."""
    scene = Scene(panel, model.targets, np.array([issue]))
    said = say(model, panel, scene.issues)
    drawn = by_model(said, draw(said, slice(None), model, scene.issues))
    if any(d is None for d in drawn):
        drawn = by_baseline(scene, Courses(model.history), drawn, range(len(drawn))).values
    rng = np.random.default_rng(0)
    grid = issue + np.arange(1 - PAST_HOURS, 1) * HOUR
    tables = []
    for city in CITIES:
        at = next(i for i, t in enumerate(model.targets) if (t.city, t.role) == (city.id, "reference"))
        own = panel[model.targets[at].key].on_grid(grid, issue)
        own = pd.Series(own).interpolate(limit_direction="both").to_numpy()
        values = own * rng.lognormal(0.0, 0.3, (STATIONS, len(own)))
        past = StationPast(tuple(f"bench:{city.id}{i:02d}" for i in range(STATIONS)), values, own)
        futures = futures_of(scene, at, city, np.asarray(drawn[at]), None)
        tables.append(station_rows(past, futures, model.model_id, "", 0))
    return pd.concat(tables, ignore_index=True)


def main() -> int:
    """Time the cities and the stations, the first time and the median of some more."""
    chosen = options(__doc__).parse_args()
    fixed = models(archive(chosen.data_dir), chosen)
    model = fixed["pm2p5"]
    assert model is not None
    issue = instant(chosen.train_until) + timedelta(days=20, hours=8)
    panel = archive(chosen.data_dir, issue - timedelta(days=RECENT_DAYS), issue)
    took = []
    for _ in range(REPEATS):
        with measured() as cities:
            made = forecast_issue(panel, fixed, CITIES, issue_time=issue, as_of=issue)
        with measured() as others:
            table = stations(panel, model, to_ns(issue))
        took.append(cities.cpu + others.cpu)
        rows = sum(len(t) for t in made.rows.values())
        print(f"cities {rows} rows: {cities}; {2 * STATIONS} stations {len(table)} rows: {others}")
    kept = verdict("CPU of a cycle, median", float(np.median(took)), LIMIT_SECONDS, "CPU-s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
