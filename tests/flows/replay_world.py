"""An invented archive of three winters in which air from Beijing reaches Seoul a day later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

START, END = "2016-09-01", "2019-03-12"
EPISODE = datetime(2019, 3, 3, 8, tzinfo=UTC)
"""The cycle at which the last episode stands over Beijing and has not yet reached Seoul."""

LAG = 24


def rise(index: pd.DatetimeIndex) -> np.ndarray:
    """Return the episodes [ln]: one every twelve days of the cold season, the last one around EPISODE."""
    last = (index - pd.Timestamp("2019-03-03 08:00")).total_seconds().to_numpy() / 86400
    phase = (last + 6) % 12 - 6
    cold = np.isin(index.month, (11, 12, 1, 2, 3))
    return np.where(cold, 1.5 * np.exp(-((phase / 0.9) ** 2)), 0.0)


def write_archive(folder: Path, seed: int = 3) -> Path:
    """Write `pm25/seoul_city`, `pm25/beijing_city` and PM10 of Beijing with invented values."""
    rng = np.random.default_rng(seed)
    index = pd.date_range(START, END, freq="h", name="time", unit="us")
    noise = np.zeros((2, len(index)))
    for i in range(1, len(index)):
        noise[:, i] = 0.95 * noise[:, i - 1] + 0.08 * rng.standard_normal(2)
    course = 0.1 * np.sin(2 * np.pi * index.hour.to_numpy() / 24)
    beijing = np.exp(3.9 + course + rise(index) + noise[0])
    seoul = np.exp(3.2 + course + 1.25 * rise(index - pd.Timedelta(hours=LAG)) + noise[1])
    trailing = pd.Series(seoul).rolling(3, min_periods=1).mean().to_numpy(copy=True)
    trailing[index.hour % 3 != 0] = np.nan
    tables = {
        "pm25/seoul_city": {"city_3h_trailing": trailing, "best_hourly": seoul},
        "pm25/beijing_city": {"best_hourly": beijing},
        "pm10/beijing_city_pm10": {"mean_35st": 1.6 * beijing},
    }
    for name, columns in tables.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns, index=index).to_parquet(path)
    return folder
