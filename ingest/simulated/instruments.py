"""The instruments of a simulated network: they differ, drift, drop out, and sometimes report late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.simulated.city_air import CityAir
from ingest.simulated.grid import Floats

QUANTITIES: Final = ("pm2p5", "pm10")
CALIBRATION_DAYS: Final = 90
PUBLISHED_MINUTES: Final = {"airkorea": 15, "cnemc": 20, "open_meteo": 10, "openaq": 25}
"""Minutes after the hour at which each service publishes when nothing is late."""


@dataclass(frozen=True)
class Network:
    """What the instruments of one network show, and when it is published.

    ``stations`` ids; ``readings`` per quantity (hours, stations) [ug m-3], whole numbers, NaN where silent;
    ``silent`` (hours, stations) the cause as a number (0 none, 1 fault, 2 calibration, 3 network);
    ``delay_minutes`` (hours, stations) after the hour; ``truth`` per quantity (hours,) mean over ``core``
    stations of the air itself.
    """

    stations: tuple[str, ...]
    readings: dict[str, Floats]
    silent: npt.NDArray[np.int8]
    delay_minutes: npt.NDArray[np.int64]
    truth: dict[str, Floats]


def build_network(
    rng: np.random.Generator, name: str, air: CityAir, stations: dict[str, float], core: npt.NDArray[np.bool_]
) -> Network:
    """Put instruments into a city's air.

    Parameters
    ----------
    rng : the world's generator
    name : key of PUBLISHED_MINUTES
    air : hourly truth of the city
    stations : id → share of the city's level
    core : (stations,) which of them make up the city mean
    """
    hours, n = len(air.pm2p5), len(stations)
    share = np.array(list(stations.values())) * np.exp(rng.normal(0, 0.07, n))
    around = np.exp(_wander(rng, hours, n, 8.0, 0.09))
    silent = _silences(rng, hours, n)
    readings, truth = {}, {}
    for quantity in QUANTITIES:
        there = getattr(air, quantity)[:, None] * share * around
        truth[quantity] = there[:, core].mean(axis=1)
        noise = rng.normal(0, 1, (hours, n)) * (1.0 + 0.04 * there)
        seen = np.clip(np.rint(there * (1 + _drift(rng, hours, n)) + noise), 1, None)
        faulty = (silent > 0) | (rng.random((hours, n)) < 0.004)
        readings[quantity] = np.where(faulty, np.nan, seen)
    return Network(tuple(stations), readings, silent, _delays(rng, name, hours, n), truth)


def join_networks(parts: list[Network]) -> Network:
    """Return one network of the stations of all parts; its truth is that of the first."""
    return Network(
        tuple(s for part in parts for s in part.stations),
        {q: np.concatenate([part.readings[q] for part in parts], axis=1) for q in QUANTITIES},
        np.concatenate([part.silent for part in parts], axis=1),
        np.concatenate([part.delay_minutes for part in parts], axis=1),
        parts[0].truth,
    )


def _wander(rng: np.random.Generator, hours: int, n: int, memory_h: float, spread: float) -> Floats:
    """Return red noise per station, (hours, n): neighbourhoods differ for some hours."""
    keep = float(np.exp(-1 / memory_h))
    steps = rng.normal(0, spread * np.sqrt(1 - keep**2), (hours, n))
    for h in range(1, hours):
        steps[h] += keep * steps[h - 1]
    return steps


def _drift(rng: np.random.Generator, hours: int, n: int) -> Floats:
    """Return the relative error of calibration, (hours, n): it grows until the next calibration."""
    period = CALIBRATION_DAYS * 24
    since = (np.arange(hours)[:, None] + rng.integers(0, period, n)) % period / period
    slope: Floats = rng.normal(0, 0.04, n) * since + rng.normal(0, 0.015, n)
    return slope


def _silences(rng: np.random.Generator, hours: int, n: int) -> npt.NDArray[np.int8]:
    """Return why an instrument shows nothing, (hours, n): faults of hours or days, calibration, lines."""
    silent = np.zeros((hours, n), dtype=np.int8)
    for station in range(n):
        for start in np.flatnonzero(rng.random(hours) < 1 / 700):
            silent[start : start + 1 + int(rng.exponential(6)), station] = 1
        silent[int(rng.integers(0, CALIBRATION_DAYS * 24)) :: CALIBRATION_DAYS * 24, station] = 2
    for start in np.flatnonzero(rng.random(hours) < 1 / 3000):
        silent[start : start + int(rng.integers(2, 9)), rng.random(n) < 0.8] = 3
    return silent


def _delays(rng: np.random.Generator, name: str, hours: int, n: int) -> npt.NDArray[np.int64]:
    """Return minutes from the hour to publication, (hours, n): single stations late, rarely all of them."""
    late = np.where(rng.random((hours, n)) < 0.015, rng.integers(1, 4, (hours, n)), 0)
    late = np.maximum(late, np.where(rng.random((hours, 1)) < 0.006, rng.integers(1, 3, (hours, 1)), 0))
    return (PUBLISHED_MINUTES[name] + 60 * late).astype(np.int64)
