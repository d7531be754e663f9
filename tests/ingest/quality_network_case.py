"""An invented network for the tests of quality control: stations on a grid that breathe one regional air."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.schema import STATION_COLUMNS

START = np.datetime64("2019-01-01T00", "ns")


def stations(count: int, spacing_km: float = 12.0, network: str = "net") -> pd.DataFrame:
    """Stations on a square grid, named net:000, net:001 …"""
    side = int(np.ceil(np.sqrt(count)))
    row, column = np.divmod(np.arange(count), side)
    degrees = spacing_km / 111.2
    table = pd.DataFrame(
        {
            "station": [f"{network}:{n:03d}" for n in range(count)],
            "latitude": 37 + row * degrees,
            "longitude": 127 + column * degrees / np.cos(np.radians(37)),
            "interval_hours": 1.0,
        }
    )
    return table.reindex(columns=list(STATION_COLUMNS))


def air(table: pd.DataFrame, hours: int, seed: int = 0, local: float = 0.1) -> np.ndarray:
    """Concentrations (hours, stations): lognormal ripples, shared the more the nearer, 40 on average."""
    rng = np.random.default_rng(seed)
    place = table[["latitude", "longitude"]].to_numpy() * 111.2
    far = np.hypot(*(place[:, None] - place).transpose(2, 0, 1))
    factor = np.linalg.cholesky(np.exp(-far / 60) + 1e-6 * np.eye(len(table)))
    drive = rng.normal(size=(hours, len(table))) @ factor.T
    level = np.zeros_like(drive)
    for hour in range(1, hours):
        level[hour] = 0.9 * level[hour - 1] + 0.16 * drive[hour]
    values = 40 * np.exp(level + local * rng.normal(size=level.shape))
    return np.round(np.maximum(values, 1.0) + rng.uniform(-0.4, 0.4, values.shape), 1)


def rows(table: pd.DataFrame, values: np.ndarray, quantity: str = "pm2p5", start=START) -> pd.DataFrame:
    """The same as rows of OBSERVATION_COLUMNS, sorted by station and time."""
    hours, count = values.shape
    times = start + np.arange(hours) * np.timedelta64(1, "h")
    out = pd.DataFrame(
        {
            "station": np.repeat(table["station"].to_numpy(), hours),
            "quantity": quantity,
            "time": np.tile(times, count),
            "value": values.T.ravel(),
            "qc": np.int8(0),
        }
    )
    return out[np.isfinite(out["value"])].reset_index(drop=True)
