"""Air-quality indices of both countries: the Chinese AQI (HJ 633) and sub-indices of the Korean CAI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.rules import Rule, rule

Floats = npt.NDArray[np.float64]

CAI_EDGES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "pm2p5": ((0, 15), (16, 35), (36, 75), (76, 500)),
    "pm10": ((0, 30), (31, 80), (81, 150), (151, 600)),
    "o3": ((0, 0.030), (0.031, 0.090), (0.091, 0.150), (0.151, 0.600)),
    "no2": ((0, 0.030), (0.031, 0.060), (0.061, 0.200), (0.201, 2)),
    "co": ((0, 2), (2.01, 9), (9.01, 15), (15.01, 50)),
    "so2": ((0, 0.020), (0.021, 0.050), (0.051, 0.150), (0.151, 1)),
}
"""Lower and upper concentration of good, moderate, bad and very bad: PM [ug m-3], gases [ppm]."""

_CAI_INDEX = ((0, 50), (51, 100), (101, 250), (251, 500))
_CAI_DECIMALS = {"pm2p5": 0, "pm10": 0, "o3": 3, "no2": 3, "co": 2, "so2": 3}
_NOISE_DECIMALS = 6


@dataclass(frozen=True)
class Aqi:
    """One Chinese index: value, level id, and the pollutants that set it (empty at 50 and below)."""

    value: int
    level: str
    primary: tuple[str, ...]
    version: str


def settle(values: npt.ArrayLike) -> Floats:
    """Remove binary noise below 1e-6 ug m-3, so that a mean of exactly 35.5 or 50 is judged as that."""
    return np.asarray(np.round(np.asarray(values, dtype=np.float64), _NOISE_DECIMALS), dtype=np.float64)


def round_half_up(values: npt.ArrayLike) -> Floats:
    """Round to integers, halves upward, as Korean grades are read.

    >>> round_half_up([35.49, 35.5, 36.5]).tolist()
    [35.0, 36.0, 37.0]
    """
    return np.floor(settle(values) + 0.5)


def round_half_even(values: npt.ArrayLike) -> Floats:
    """Round to integers, halves to even (GB/T 8170), as Chinese concentrations are read.

    >>> round_half_even([35.5, 36.5, 37.5]).tolist()
    [36.0, 36.0, 38.0]
    """
    return np.rint(settle(values))


def iaqi(concentration: npt.ArrayLike, quantity: str, table: Rule) -> Floats:
    """Return the Chinese individual index of PM2.5 or PM10; NaN stays NaN.

    Parameters
    ----------
    concentration : 24-h means (or 1-h means in real time) [ug m-3]
    quantity : ``pm2p5`` or ``pm10``
    table : a version of the rule ``cn.aqi``

    Notes
    -----
    HJ 633-2012 and HJ 633-2026: concentration rounded half to even, linear between break-points, index
    rounded up; above the last break-point 500. Computed in whole numbers, so no index is one too high.

    Examples
    --------
    >>> iaqi([60, 75], "pm2p5", rule("cn.aqi", date(2026, 2, 28))).tolist()
    [82.0, 100.0]
    >>> iaqi([60, 75], "pm2p5", rule("cn.aqi", date(2026, 3, 1))).tolist()
    [100.0, 114.0]
    """
    rounded = round_half_even(concentration)
    index = np.array(table.parameters["iaqi"], dtype=np.int64)
    edges = np.array(table.parameters["breakpoints"][quantity], dtype=np.int64)
    whole = np.clip(np.nan_to_num(rounded), edges[0], edges[-1]).astype(np.int64)
    upper = np.clip(np.searchsorted(edges, whole, side="left"), 1, len(edges) - 1)
    rise = (index[upper] - index[upper - 1]) * (whole - edges[upper - 1])
    result = index[upper - 1] - (-rise // (edges[upper] - edges[upper - 1]))
    return np.where(np.isnan(rounded), np.nan, result.astype(np.float64))


def level_number(index: npt.ArrayLike, table: Rule) -> npt.NDArray[np.int64]:
    """Return the level of an index, 0 for excellent to 5 for severe.

    >>> level_number([50, 51, 300, 301], rule("cn.aqi", date(2026, 3, 1))).tolist()
    [0, 1, 4, 5]
    """
    found: npt.NDArray[np.int64] = np.searchsorted(table.parameters["level_above"], index, side="left")
    return found


def aqi(concentrations: Mapping[str, float], day: date) -> Aqi:
    """Return the Chinese AQI of the pollutants given, by the standard in force on a day.

    The full index needs six pollutants; one computed from PM alone is a lower bound of it.

    >>> aqi({"pm2p5": 43, "pm10": 80}, date(2022, 1, 4))
    Aqi(value=65, level='cn.aqi.good', primary=('pm10',), version='HJ 633-2012')
    """
    table = rule("cn.aqi", day)
    parts = {q: int(iaqi(c, q, table)) for q, c in concentrations.items()}
    value = max(parts.values())
    primary = tuple(q for q, part in parts.items() if part == value) if value > 50 else ()
    return Aqi(value, table.levels[int(level_number(value, table))], primary, table.version)


def cai_subindex(concentration: float, quantity: str) -> float:
    """Return the unrounded sub-index of the Korean comprehensive index (통합대기환경지수).

    Parameters
    ----------
    concentration : PM as the 24-h value of AirKorea [ug m-3], gases as the 1-h mean [ppm]
    quantity : a key of CAI_EDGES

    Notes
    -----
    Linear within each class (airkorea caiCalculator); the concentration is first rounded half up to the
    published digits, because classes have gaps between them. Published totals agree within 1.

    Examples
    --------
    >>> round(cai_subindex(25, "pm2p5"), 2), round(cai_subindex(0.037, "o3"), 2)
    (74.21, 55.98)
    """
    digits = _CAI_DECIMALS[quantity]
    value = float(round_half_up(concentration * 10**digits)) / 10**digits
    for (low, high), (bottom, top) in zip(CAI_EDGES[quantity], _CAI_INDEX, strict=True):
        if value <= high:
            return float(bottom + (top - bottom) * (value - low) / (high - low))
    return 500.0
