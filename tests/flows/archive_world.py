"""A small invented archive in the documented shape, imported into a store as a user would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flows.ingest import ingest_archive
from flows.workspace import Workspace, open_workspace
from pipeline.settings import Settings

START, DAYS = "2018-07-01", 324
"""Long enough to learn from at each hour of the day."""

LEARNED = "2019-05-05"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPISODE = 120.0, 260.0
"""What is measured in Seoul and Beijing during the episode [µg/m³]."""


def write_archive(folder: Path, days: int = DAYS, seed: int = 5, end: datetime | None = None) -> Path:
    """Write `pm25/seoul_city` and `pm25/beijing_city`: a daily course and AR(1) noise.

    Parameters
    ----------
    end : last hour, if not that of so many days from ``START``; the three days before it are an episode
    """
    rng = np.random.default_rng(seed)
    begin = START if end is None else end.replace(tzinfo=None) - timedelta(hours=24 * days - 1)
    index = pd.date_range(begin, periods=24 * days, freq="h", name="time", unit="us")
    noise = np.zeros((2, len(index)))
    for i in range(1, len(index)):
        noise[:, i] = 0.97 * noise[:, i - 1] + 0.15 * rng.standard_normal(2)
    course = 0.2 * np.sin(2 * np.pi * index.hour.to_numpy() / 24)
    seoul, beijing = np.exp(3.2 + course + noise[0]), np.exp(3.8 + course + noise[1])
    if end is not None:
        seoul[-72:], beijing[-72:] = EPISODE
    trailing = pd.Series(seoul).rolling(3, min_periods=1).mean().to_numpy(copy=True)
    trailing[index.hour % 3 != 0] = np.nan
    tables = {
        "seoul_city": {"city_3h_trailing": trailing, "best_hourly": seoul},
        "beijing_city": {"best_hourly": beijing},
    }
    for name, columns in tables.items():
        path = folder / "pm25" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns, index=index).to_parquet(path)
    return folder


def open_imported(folder: Path, days: int = DAYS) -> Workspace:
    """Return a workspace in ``folder`` that holds the invented archive as the measured world."""
    ws = open_workspace(Settings(data_dir=folder / "var", heavy_work="1"), lambda: NOW)
    ingest_archive(ws, write_archive(folder / "archive", days))
    return ws


def open_episode(folder: Path, now: datetime, days: int = 120) -> Workspace:
    """Return a workspace in ``folder`` whose measured world ends now, in the midst of an episode."""
    ws = open_workspace(Settings(data_dir=folder / "var", heavy_work="1"))
    end = now.replace(minute=0, second=0, microsecond=0)
    ingest_archive(ws, write_archive(folder / "archive", days, end=end))
    return ws
