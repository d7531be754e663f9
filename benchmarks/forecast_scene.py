"""What the benchmarks of the forecast run on: measured archives, or an invented panel of the same size."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from forecasting.model import Model
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, SeriesSpec, all_cities
from pipeline.ledger import open_ledger
from pipeline.names import MEASURED
from pipeline.observations import ObservationStore
from pipeline.series import load_panel
from pipeline.surroundings import AROUND, all_places
from pipeline.times import system_clock, to_ns

FIRST = datetime(2015, 1, 1, tzinfo=UTC)
LEARNED = datetime(2020, 1, 1, tzinfo=UTC)
LAST = datetime(2021, 1, 1, tzinfo=UTC)
"""Five years to learn from, and one to forecast."""

QUANTITIES = ("pm2p5", "pm10")
HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")
WEATHER = {
    "air_temperature": (12.0, 10.0),
    "relative_humidity": (60.0, 15.0),
    "air_pressure_at_mean_sea_level": (1015.0, 8.0),
    "surface_air_pressure": (950.0, 8.0),
    "wind_from_direction": (180.0, 90.0),
}
"""Mean and spread of invented weather, in the units of the store; others are 5 with a spread of 3."""

KNOWN = 0.9
"""Share of invented values that are not missing."""


def cities() -> list[City]:
    """Return all cities."""
    return list(all_cities().values())


def panel() -> tuple[AsOfPanel, str]:
    """Return the panel that is forecast from, and what it is."""
    folder = os.environ.get("SAMEAIR_DATA_DIR")
    if not folder:
        return invented(), "invented"
    ledger = open_ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
    store = ObservationStore(Path(folder) / "observations", ledger, system_clock)
    found = load_panel(store, cities(), MEASURED)
    ledger.close()
    return found, "measured"


def invented(seed: int = 0) -> AsOfPanel:
    """Return series of every city and place that has an archive, at the documented intervals.

    Every series follows a weather of days that all share, one of its own, and the season; concentrations are
    the exponential of that. A value in ten is missing; all are received an hour after their interval.
    """
    rng = np.random.default_rng(seed)
    shared = wandering(rng, 0.985)
    specs = [(f"{c.id}.{s.quantity}.{s.role}", s) for c in cities() for s in c.series]
    specs += [(f"{AROUND}.{s.quantity}.{p.id}", s) for p in all_places().values() for s in p.series]
    kept = {key: s for key, s in specs if s.world == MEASURED and s.stations and not is_live(s)}
    return AsOfPanel({key: one_series(rng, spec, shared) for key, spec in kept.items()}, MEASURED)


def is_live(spec: SeriesSpec) -> bool:
    """Tell whether a series has no archive."""
    return spec.stations[0].startswith("open_meteo:")


def wandering(rng: np.random.Generator, memory: float) -> npt.NDArray[np.float64]:
    """Return an hourly autoregression of unit spread, over all years."""
    hours = int((LAST - FIRST).total_seconds() // 3600)
    shocks = rng.standard_normal(hours) * np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks))


def one_series(rng: np.random.Generator, spec: SeriesSpec, shared: npt.NDArray[np.float64]) -> AsOfSeries:
    """Return one invented series."""
    hours = np.arange(1, len(shared) + 1)
    season = np.cos(2 * np.pi * hours / 8766)
    state = 0.6 * shared + 0.6 * wandering(rng, 0.97) + 0.5 * season
    if spec.quantity in QUANTITIES:
        value = np.exp(3.6 + 0.6 * state)
    else:
        mean, spread = WEATHER.get(spec.quantity, (5.0, 3.0))
        value = mean + spread * state
    if spec.quantity == "wind_from_direction":
        value %= 360
    if spec.quantity == "wind_speed":
        value = np.abs(value)
    kept = (hours % spec.interval_hours == 0) & (rng.random(len(hours)) < KNOWN)
    times = to_ns(FIRST) + hours[kept] * HOUR
    return AsOfSeries(times, times + HOUR, value[kept], spec.interval_hours)


def models(folder: Path) -> dict[str, Model]:
    """Return the models that ``benchmarks.forecast_training`` leaves in a folder, trained if it has none.

    That is done by another process, so that its memory is not counted here.
    """
    if not all((folder / f"{quantity}.pickle").exists() for quantity in QUANTITIES):
        command = [sys.executable, "-m", "benchmarks.forecast_training", "--models", str(folder)]
        subprocess.run(command, check=False)
    found = {}
    for quantity in QUANTITIES:
        with (folder / f"{quantity}.pickle").open("rb") as file:
            found[quantity] = pickle.load(file)
    return found
