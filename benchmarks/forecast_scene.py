"""What the benchmarks of the forecast share: the panel of an imported archive, models, clocks, peak memory.

The archive is that of ``sameair import-archive FOLDER``; nothing is written to it. Trained models are kept
in a folder, so that only the first benchmark waits for them.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

from forecasting.model import Model
from forecasting.situation_memory import Remembered
from forecasting.threads import one_thread
from forecasting.train import train
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.ledger import open_ledger
from pipeline.names import MEASURED
from pipeline.observations import ObservationStore
from pipeline.series import load_panel
from pipeline.times import system_clock

QUANTITIES = ("pm2p5", "pm10")
CITIES = list(all_cities().values())


@dataclass
class Spent:
    """Seconds of a block: on the wall, and of all processors, those of child processes included."""

    wall: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        """Return both."""
        return f"{self.wall:7.2f} s wall, {self.cpu:7.2f} CPU-s"


@contextmanager
def measured() -> Iterator[Spent]:
    """Measure a block, numerical libraries on one thread."""
    spent, wall, cpu = Spent(), time.perf_counter(), sum(os.times()[:4])
    with one_thread():
        yield spent
    get_reusable_executor().shutdown(wait=True)  # what children spent is told once they are gone
    spent.wall, spent.cpu = time.perf_counter() - wall, sum(os.times()[:4]) - cpu


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all of them have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data-dir", type=Path, required=True, help="data folder of an imported archive")
    parser.add_argument("--models", type=Path, default=Path("var/benchmarks"), help="where models are kept")
    parser.add_argument("--train-until", type=date.fromisoformat, default=date(2020, 1, 1))
    return parser


def archive(data_dir: Path, start: datetime | None = None, end: datetime | None = None) -> AsOfPanel:
    """Return the series of the archive, all or those of a period."""
    ledger = open_ledger(f"sqlite:///{data_dir}/ledger.sqlite")
    store = ObservationStore(data_dir / "observations", ledger, system_clock)
    panel = load_panel(store, CITIES, MEASURED, start=start, end=end)
    ledger.close()
    return panel


def instant(day: date) -> datetime:
    """Return the beginning of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def models(panel: AsOfPanel, chosen: argparse.Namespace) -> dict[str, Model | None]:
    """Return models that learned until a day, trained unless they are there."""
    found: dict[str, Model | None] = {}
    read = Remembered()
    for quantity in QUANTITIES:
        path = chosen.models / f"{quantity}-{chosen.train_until}.pickle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with one_thread():
                model = train(panel, CITIES, quantity, data_until=instant(chosen.train_until), read=read)
            path.write_bytes(pickle.dumps(model, protocol=5))
        found[quantity] = pickle.loads(path.read_bytes())
    return found


def peak_gib() -> float:
    """Return the largest memory this process has had [GiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def verdict(name: str, value: float, limit: float, unit: str) -> bool:
    """Print a figure beside its limit, and tell whether it is kept."""
    print(f"{name:52s} {value:8.2f} {unit:6s} limit {limit:g}  {'kept' if value <= limit else 'MISSED'}")
    return value <= limit
