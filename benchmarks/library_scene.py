"""What our regression and forecasting libraries are compared on: hourly stations, situations, and scores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.stations import names_of
from forecasting.targets import to_level, to_log
from pipeline.ledger import open_ledger
from pipeline.names import MEASURED, QC_FAIL, QUANTILE_LEVELS
from pipeline.observations import ObservationStore
from pipeline.times import system_clock

Floats = npt.NDArray[np.float64]
Result = TypeVar("Result")

FIRST = datetime(2015, 1, 1, tzinfo=UTC)
ISSUE_HOUR = 8
TEST_DAYS = 90
LAGS = (1, 2, 3, 4, 6, 12, 24, 48, 72, 168)
WINDOWS = (24, 48, 168)
"""Past values and means [h] that everyone is told, counted from the first hour forecast."""

LEVELS = np.array(QUANTILE_LEVELS)
HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class Stations:
    """Hourly stations without gaps.

    Parameters
    ----------
    what : which they are
    names : of the stations
    times : (hour,) interval ends
    logs : (hour, station) ln(c + 5)
    learn : hours of training, at the beginning
    leads : hours that are forecast
    """

    what: str
    names: tuple[str, ...]
    times: npt.NDArray[np.datetime64]
    logs: Floats
    learn: int
    leads: int

    def issues(self, *, test: bool) -> npt.NDArray[np.int64]:
        """Return the positions of the last known hour of every issue; all leads lie inside the same part."""
        hours = self.times.astype("M8[h]").astype(np.int64) % 24
        at = np.flatnonzero(hours == ISSUE_HOUR)
        first, last = (self.learn, len(self.times)) if test else (max(LAGS), self.learn)
        return at[(at >= first - 1) & (at < last - self.leads)]

    def truth(self, at: npt.NDArray[np.int64]) -> Floats:
        """Return what came true, ln(c + 5), (issue, lead, station)."""
        return self.logs[at[:, None] + np.arange(1, self.leads + 1)]

    def situations(self, at: npt.NDArray[np.int64]) -> tuple[list[str], npt.NDArray[np.float32]]:
        """Return names and values (issue, column) of all lags, windows and the calendar."""
        days = self.times[at].astype("M8[D]")
        year = 2 * np.pi * (days - days.astype("M8[Y]")).astype(np.int64) / 365.25
        week = 2 * np.pi * ((days.astype(np.int64) + 3) % 7) / 7
        names = [f"calendar.{n}" for n in ("annual_cosine", "annual_sine", "week_cosine", "week_sine")]
        parts = [np.column_stack([np.cos(year), np.sin(year), np.cos(week), np.sin(week)])]
        for s, name in enumerate(self.names):
            own = self.logs[:, s]
            total = np.concatenate([[0.0], np.cumsum(own)])
            parts.append(np.column_stack([own[at + 1 - lag] for lag in LAGS]))
            parts.append(np.column_stack([(total[at + 1] - total[at + 1 - w]) / w for w in WINDOWS]))
            names += [f"{name} lag {lag}" for lag in LAGS] + [f"{name} mean {w}" for w in WINDOWS]
        return names, np.concatenate(parts, axis=1).astype(np.float32)


def stations_of(count: int, days: int, leads: int) -> Stations:
    """Return measured stations where SAMEAIR_DATA_DIR names an imported archive, else invented ones."""
    hours = (days + TEST_DAYS) * 24
    times = np.datetime64(FIRST.replace(tzinfo=None), "h") + np.arange(1, hours + 1) * HOUR
    if folder := os.environ.get("SAMEAIR_DATA_DIR"):
        names, values = measured(Path(folder), count, hours)
        what = "measured in Beijing"
    else:
        names, values = tuple(f"invented{n:02d}" for n in range(count)), invented(count, hours)
        what = "invented"
    return Stations(what, names, times.astype("M8[ns]"), to_log(values), days * 24, leads)


def measured(folder: Path, count: int, hours: int) -> tuple[tuple[str, ...], Floats]:
    """Return the stations of Beijing that report most, gaps filled along straight lines, for everyone."""
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    store = ObservationStore(folder / "observations", ledger, system_clock)
    names = names_of(store.stations(MEASURED), "beijing")
    end = FIRST + timedelta(hours=hours)
    rows = store.read(
        world=MEASURED, as_of=system_clock(), start=FIRST, end=end, stations=names, quantities=["pm2p5"]
    )
    ledger.close()
    rows = rows[rows["qc"] != QC_FAIL]
    age = (rows["time"].to_numpy("M8[ns]") - np.datetime64(FIRST.replace(tzinfo=None), "ns")) // HOUR - 1
    table = np.full((hours, len(names)), np.nan)
    place = {name: i for i, name in enumerate(names)}
    table[age, [place[str(s)] for s in rows["station"]]] = rows["value"].to_numpy(float)
    best = np.argsort(-np.isfinite(table).sum(axis=0), kind="stable")[:count]
    for i in best:
        there = np.flatnonzero(np.isfinite(table[:, i]))
        table[:, i] = np.interp(np.arange(hours), there, table[there, i])
    return tuple(names[i] for i in best), table[:, best]


def invented(count: int, hours: int, seed: int = 0) -> Floats:
    """Return stations of one city [ug m-3]: a season, a daily course, weather of days, and own noise."""
    rng = np.random.default_rng(seed)
    clock = np.arange(hours)
    weather, own = np.zeros(hours), np.zeros((hours, count))
    shocks, noise = rng.standard_normal(hours) * 0.12, rng.standard_normal((hours, count)) * 0.12
    for i in range(1, hours):
        weather[i] = 0.985 * weather[i - 1] + shocks[i]
        own[i] = 0.9 * own[i - 1] + noise[i]
    course = 0.35 * np.cos(2 * np.pi * clock / 8766) + 0.15 * np.cos(2 * np.pi * clock / 24)
    return np.exp(3.7 + (course + weather)[:, None] + own + rng.normal(0, 0.1, count))


@dataclass(frozen=True)
class Outcome:
    """What one contestant took, and what it forecast.

    Parameters
    ----------
    name : of the contestant
    wall, cpu : until it could give every quantity, from raw series [s]
    latency : of one issue with all stations, leads and quantiles, on the processor [s]
    quantiles : (issue, lead, station, level) ln(c + 5)
    note : what a reader must know
    """

    name: str
    wall: float
    cpu: float
    latency: float
    quantiles: Floats
    note: str = ""


def timed(job: Callable[[], Result]) -> tuple[Result, float, float]:
    """Return what a job returns, its wall seconds and the seconds of this process on the processor."""
    begun, worked = time.perf_counter(), time.process_time()
    found = job()
    return found, time.perf_counter() - begun, time.process_time() - worked


def scores(quantiles: Floats, truth: Floats) -> tuple[float, float, float]:
    """Return RMSE of the median, mean pinball loss [ug m-3] and the share inside the central 80 %.

    >>> bool(np.allclose(scores(np.zeros((1, 1, 1, 7)), np.zeros((1, 1, 1))), [0, 0, 1]))
    True
    """
    said, seen = to_level(quantiles), to_level(truth)[..., None]
    middle = int(np.flatnonzero(LEVELS == 0.5)[0])
    rmse = float(np.sqrt(np.mean((said[..., middle] - seen[..., 0]) ** 2)))
    over = seen - said
    pinball = float(np.mean(np.maximum(LEVELS * over, (LEVELS - 1) * over)))
    low, high = (said[..., int(np.flatnonzero(np.isclose(LEVELS, p))[0])] for p in (0.1, 0.9))
    inside = (seen[..., 0] >= low) & (seen[..., 0] <= high)
    return rmse, pinball, float(inside.mean())
