"""The numbers that a run forecast, as its stored predictions hold them; read once: a run never changes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.cities import all_cities
from pipeline.ledger.runs import RunRow
from pipeline.settings import Settings
from pipeline.times import local_date, to_utc
from review.security import product_file

log = logging.getLogger(__name__)

OURS: Final = "sameair"
QUANTILES: Final = ("q05", "q10", "q25", "q50", "q75", "q90", "q95")
_EXCEEDS: Final = "p_gt_"


@dataclass(frozen=True)
class Day:
    """One local day of a city: quantiles of the mean [ug m-3] and chances of exceeding thresholds [1]."""

    day: date
    lead_day: int
    quantiles: Mapping[str, float]
    chance: Mapping[int, float]
    observed_share: float
    is_outlook: bool

    def chance_over(self, threshold: float) -> float | None:
        """Return the chance that the mean of the day exceeds a threshold [ug m-3], None if not held."""
        return self.chance.get(int(threshold))


@dataclass(frozen=True)
class CityForecast:
    """What one model says of one city: ends of its intervals, quantiles of each [ug m-3], and its days."""

    times: tuple[datetime, ...] = ()
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    days: tuple[Day, ...] = ()

    def of_day(self, day: date) -> Day | None:
        """Return what is said of a local day, or None."""
        return next((one for one in self.days if one.day == day), None)


@dataclass(frozen=True)
class RunForecast:
    """Everything that a run says, by model and city; ``sameair`` is the forecast, the others baselines."""

    models: Mapping[str, Mapping[str, CityForecast]]

    def of(self, city: str, model: str = OURS) -> CityForecast:
        """Return what a model says of a city; an empty forecast where it says nothing."""
        return self.models.get(model, {}).get(city, CityForecast())


def forecast_of(run: RunRow | None, settings: Settings) -> RunForecast | None:
    """Return the forecast of a run, or None where it stored none that can be read."""
    path = product_file(run, "predictions", settings) if run is not None else None
    return _read(path) if path is not None else None


@lru_cache(maxsize=256)
def _read(path: Path) -> RunForecast | None:
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException):
        log.exception("%s cannot be read", path)
        return None
    chances = [name for name in table.column_names if name.startswith(_EXCEEDS)]
    kept = ["city", "model", "target", "valid_start", "valid_end", "lead_day", "observed_share"]
    rows = table.select([*kept, *QUANTILES, *chances]).to_pylist()
    grouped: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        grouped.setdefault(row["model"], {}).setdefault(row["city"], []).append(row)
    return RunForecast(
        {
            model: {city: _city(city, said, chances) for city, said in cities.items()}
            for model, cities in grouped.items()
        }
    )


def _city(city: str, rows: Iterable[dict[str, Any]], chances: list[str]) -> CityForecast:
    hourly: list[dict[str, Any]] = []
    days = []
    zone = all_cities()[city].timezone if city in all_cities() else "UTC"
    for row in rows:
        if row["target"] == "hourly":
            hourly.append(row)
        elif row["lead_day"] is not None:
            days.append(_day(row, zone, chances))
    hourly.sort(key=lambda row: row["valid_end"])
    return CityForecast(
        tuple(to_utc(row["valid_end"]) for row in hourly),
        {name: tuple(float(row[name]) for row in hourly) for name in QUANTILES},
        tuple(sorted(days, key=lambda one: one.day)),
    )


def _day(row: dict[str, Any], zone: str, chances: list[str]) -> Day:
    return Day(
        day=local_date(to_utc(row["valid_start"]), zone),
        lead_day=int(row["lead_day"]),
        quantiles={name: float(row[name]) for name in QUANTILES},
        chance={
            int(name.removeprefix(_EXCEEDS)): float(row[name]) for name in chances if row[name] is not None
        },
        observed_share=float(row["observed_share"] or 0.0),
        is_outlook=row["target"] == "outlook",
    )
