"""What a year of cycles costs where it is read as a whole: the verification's tables and the situations.

``python -m benchmarks.year_tables [--days 360]`` computes both for a quarter and for all of it, each in a
process of its own, and ends with code 1 where the year takes longer on the processor than its limit or grows
faster than time does. The values are invented, as many as two cities with every place of weather around have.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.growth import apart, exponent, judged, peak_gib
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.situation import recipe_of, situations
from forecasting.verification.nier import Grades
from forecasting.verification.tables import verify
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.surroundings import all_places
from pipeline.times import cycles_between, to_ns

KOREA = {"seoul": Grades((15, 35, 75), source="kr")}
CITIES, MODELS, ISSUE_HOURS, LEADS = ("seoul", "beijing"), ("sameair", "persistence", "climatology"), 4, 4
HOURLY_LEADS = 30
FIRST = pd.Timestamp("2019-03-01T15Z")
DAY, HOUR = pd.Timedelta(days=1), np.timedelta64(3_600_000_000_000, "ns")
LIMITS = {"verification [CPU s]": 60.0, "situations [CPU s]": 12.0}
LINEAR = 1.1


def predictions(days: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return invented daily forecasts of every model and issue, and hourly ones of a day and more."""
    parts = [
        _rows(days, rng, city, model, lead, 2 + 6 * issue)
        for city in CITIES
        for model in MODELS
        for lead in range(LEADS)
        for issue in range(ISSUE_HOURS)
    ]
    hourly = [_hourly(part, hour) for part in parts[:24] for hour in range(HOURLY_LEADS)]
    return pd.concat([*parts, *hourly], ignore_index=True)


def _rows(days: int, rng: np.random.Generator, city: str, model: str, lead: int, hour: int) -> pd.DataFrame:
    ends = FIRST + pd.to_timedelta(np.arange(days), "D")
    start = ends - DAY
    issue = start.normalize() - (lead - 1) * DAY + pd.Timedelta(hours=hour)
    mean, chance = rng.gamma(3, 15, days), rng.random((days, len(PROBABILITY_COLUMNS)))
    steps = np.linspace(-10, 10, len(QUANTILE_COLUMNS))
    return pd.DataFrame(
        {
            "city": city,
            "model": model,
            "issue_time": issue,
            "target": "daily",
            "valid_start": start,
            "valid_end": ends,
            "lead_hours": ((ends - issue) / pd.Timedelta(hours=1)).astype("int64"),
            "lead_day": pd.array([lead] * days, "Int64"),
            "mean": mean,
            **{c: mean + s for c, s in zip(QUANTILE_COLUMNS, steps, strict=True)},
            **dict(zip(PROBABILITY_COLUMNS, chance.T, strict=True)),
            "observed_share": 0.0,
            "model_id": model,
            "degraded": "",
        }
    )


def _hourly(part: pd.DataFrame, hour: int) -> pd.DataFrame:
    later = pd.Timedelta(hours=hour)
    moved = {"valid_start": part["valid_start"] + later, "valid_end": part["valid_end"] + later}
    return part.assign(**moved, target="hourly", lead_hours=HOURLY_LEADS)


def verification_of(days: int) -> dict[str, float]:
    """Score a time of forecasts and return what it took."""
    rng = np.random.default_rng(0)
    table, ends = predictions(days, rng), FIRST + pd.to_timedelta(np.arange(days), "D")
    measured = {"target": "daily", "valid_end": ends, "observed": rng.gamma(3, 15, days)}
    truth = pd.concat([pd.DataFrame({"city": city, **measured}) for city in CITIES])
    begun = time.process_time()
    verify(table, truth, "pm2p5", grades=KOREA)
    return {"took": time.process_time() - begun, "gib": peak_gib(), "rows": len(table)}


def situations_of(days: int) -> dict[str, float]:
    """Tell the situations of a time's cycles from six years of weather around and return what it took."""
    rng = np.random.default_rng(3)
    t = np.datetime64("2015-01-01", "ns") + np.arange(0, 17_500) * 3 * HOUR
    quantities = ("air_temperature", "relative_humidity", "wind_speed", "wind_from_direction")
    places = [p.id for p in all_places().values() if p.group == "weather" and p.quantities("measured")]
    series = {
        f"around.{q}.{place}": AsOfSeries(t, t + HOUR, rng.random(len(t)), 3)
        for q in quantities
        for place in places
    }
    panel, first = AsOfPanel(series, "measured"), datetime(2015, 2, 1, tzinfo=UTC)
    cycles = cycles_between(first, first + timedelta(days=days - 1))
    cities = [all_cities()[c] for c in CITIES]
    recipe = recipe_of(panel, cities, datetime(2021, 1, 1, tzinfo=UTC))
    begun = time.process_time()
    situations(panel, recipe, np.array([to_ns(c) for c in cycles]))
    return {"took": time.process_time() - begun, "gib": peak_gib(), "rows": len(cycles)}


def main() -> int:
    """Measure, print, and tell whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=360)
    sizes = (parser.parse_args().days // 4, parser.parse_args().days)
    found, limits = {}, dict(LIMITS)
    for name, job in (("verification", verification_of), ("situations", situations_of)):
        costs = [apart(job, days) for days in sizes]
        for days, cost in zip(sizes, costs, strict=True):
            took, gib = cost["took"], cost["gib"]
            print(f"{name:14s} {days:4d} days {cost['rows']:9,.0f} rows {took:8.2f} s {gib:6.2f} GiB")
        found[f"{name} [CPU s]"] = costs[-1]["took"]
        found[f"{name}, exponent"] = exponent(sizes, [cost["took"] for cost in costs])
        limits[f"{name}, exponent"] = LINEAR
    return judged(found, limits)


if __name__ == "__main__":
    sys.exit(main())
