"""What the benchmarks of heavy work do: training, a hindcast and paths of air, each of a size of choice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.forecast_scene import LEARNED, cities, invented, models
from benchmarks.trajectory_scene import Scene, scene
from forecasting.hindcast import hindcast
from forecasting.model import Model
from forecasting.situation_memory import Remembered
from forecasting.train import train
from forecasting.transport.trajectories import Method, Starts, trajectories
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.heavy import Errand, Heavy
from pipeline.times import cycles_between, to_ns

Part = Callable[[Heavy], str]


@dataclass(frozen=True)
class Size:
    """How much: years learned from, series, days replayed, and blocks of parcels."""

    years: float
    series: int
    days: int
    blocks: int


def cut(panel: AsOfPanel, size: Size) -> AsOfPanel:
    """Return the cities' own series and so many of all, of the last years before LEARNED and what follows."""
    first = to_ns(LEARNED - timedelta(days=365 * size.years))
    own = [key for key in panel if key.split(".")[0] in {c.id for c in cities()}]
    chosen = list(dict.fromkeys([*own, *panel]))[: size.series]
    parts = {}
    for key in chosen:
        one = panel[key]
        after = one.times > first
        parts[key] = AsOfSeries(one.times[after], one.received[after], one.values[after], one.interval_hours)
    return AsOfPanel(parts, panel.world)


def parts_of(size: Size, folder: Path | None) -> dict[str, Part]:
    """Return what is measured by name; with a folder of models the hindcast uses those, on all series."""
    whole = invented()
    panel = cut(whole, size)
    issues = cycles_between(LEARNED, LEARNED + timedelta(days=size.days))
    learned: dict[str, Model | None] = {}

    def training(heavy: Heavy) -> str:
        learned["pm2p5"] = train(
            panel, cities(), "pm2p5", data_until=LEARNED, read=Remembered(heavy), heavy=heavy
        )
        return learned["pm2p5"].model_id

    def replay(heavy: Heavy) -> str:
        known = dict(models(folder)) if folder else learned
        seen = whole if folder else panel
        tables = hindcast(seen, cities(), issues, known, heavy=heavy, quantities=tuple(known))
        return digest([pd.util.hash_pandas_object(rows).to_numpy() for rows in tables.values()])

    wind = scene(1000, 48)

    def paths(heavy: Heavy) -> str:
        errands = [Errand(f"paths, block {n + 1}", (n,)) for n in range(size.blocks)]
        return digest(list(heavy.ordered(block_of_paths, errands, (wind,))))

    return {"training": training, "hindcast": replay, "paths": paths}


def block_of_paths(wind: Scene, number: int) -> np.ndarray[Any, Any]:
    """Return where the parcels of one block end, a thousand of them."""
    start = np.datetime64("2025-01-01", "ns")
    moved = wind.longitude + 0.01 * number
    starts = Starts(np.full(len(moved), start), wind.latitude, moved, wind.height)
    found = trajectories(wind.winds, starts, wind.hours, method=Method(step_minutes=15.0))
    return np.stack([found[name].to_numpy()[:, -1] for name in ("latitude", "longitude", "height")])


def solving(threads: int, seed: int, rows: int = 1800) -> float:
    """Solve kernels for 130 outputs on so many threads, as those of one city at one hour are solved."""
    from forecasting.kernel.solve import coefficients, inverse

    rng = np.random.default_rng(seed)
    with threadpool_limits(threads):
        a = rng.standard_normal((rows, 2700)).astype(np.float32)
        total = 0.0
        for penalty in (0.5, 1.0):
            inverted = inverse((a @ a.T).astype(np.float64) / 2700, penalty)
            total += float(coefficients(inverted, rng.standard_normal((rows, 130))).sum())
    return total


def digest(arrays: list[Any]) -> str:
    """Return a digest of numbers to the last bit."""
    found = hashlib.sha256()
    for one in arrays:
        found.update(np.ascontiguousarray(one).tobytes())
    return found.hexdigest()[:12]
