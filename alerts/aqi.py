"""The Chinese air-quality index (HJ 633), and how both countries round concentrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from alerts.rules import Rule, rule
from pipeline.errors import UsageError

Floats = npt.NDArray[np.float64]

_NOISE_DECIMALS = 6

POLLUTANTS = frozenset({"pm2p5", "pm10", "so2", "no2", "co", "o3"})
"""What a whole Chinese index is made of."""


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
    """Return the Chinese individual index of a pollutant; NaN stays NaN.

    Parameters
    ----------
    concentration : 24-h means (or 1-h means in real time) [ug m-3, CO mg m-3]
    quantity : ``pm2p5``, ``pm10``, or a gas with its mean, such as ``o3_1h``
    table : a version of the rule ``cn.aqi``

    Notes
    -----
    HJ 633-2012 and HJ 633-2026: concentration rounded half to even, linear between break-points, index
    rounded up; above the last break-point its index, or none where the standard gives none. Computed in
    whole numbers, so no index is one too high.

    Examples
    --------
    >>> iaqi([60, 75], "pm2p5", rule("cn.aqi", date(2026, 2, 28))).tolist()
    [82.0, 100.0]
    >>> iaqi([60, 75], "pm2p5", rule("cn.aqi", date(2026, 3, 1))).tolist()
    [100.0, 114.0]
    """
    p = table.parameters
    scale = 10 ** int(p["decimals"].get(quantity, 0))
    edges = np.rint(np.array(p["breakpoints"].get(quantity) or p["gases"][quantity]) * scale).astype(np.int64)
    index = np.array(p["iaqi"][: len(edges)], dtype=np.int64)
    rounded = round_half_even(np.asarray(concentration, dtype=np.float64) * scale)
    whole = np.clip(np.nan_to_num(rounded), edges[0], edges[-1]).astype(np.int64)
    upper = np.clip(np.searchsorted(edges, whole, side="left"), 1, len(edges) - 1)
    rise = (index[upper] - index[upper - 1]) * (whole - edges[upper - 1])
    result = index[upper - 1] - (-rise // (edges[upper] - edges[upper - 1]))
    none = np.isnan(rounded) | ((quantity in p["no_index_above"]) & (rounded > edges[-1]))
    return np.where(none, np.nan, result.astype(np.float64))


def level_number(index: npt.ArrayLike, table: Rule) -> npt.NDArray[np.int64]:
    """Return the level of an index, 0 for excellent to 5 for severe.

    >>> level_number([50, 51, 300, 301], rule("cn.aqi", date(2026, 3, 1))).tolist()
    [0, 1, 4, 5]
    """
    found: npt.NDArray[np.int64] = np.searchsorted(table.parameters["level_above"], index, side="left")
    return found


def is_reported(value: int, quantities: Iterable[str], day: date) -> bool:
    """Tell whether an index of these pollutants is reported; HJ 633-2026 keeps back low ones with gaps.

    >>> is_reported(82, ["pm2p5", "pm10"], date(2026, 2, 28)), is_reported(82, ["pm2p5"], date(2026, 3, 1))
    (True, False)
    >>> is_reported(101, ["pm2p5"], date(2026, 3, 1))
    True
    """
    limit = rule("cn.aqi", day).parameters.get("not_reported_to")
    known = {quantity.partition("_")[0] for quantity in quantities}
    return limit is None or value > limit or known >= POLLUTANTS


def aqi(concentrations: Mapping[str, float], day: date) -> Aqi:
    """Return the Chinese AQI of the pollutants given, by the standard in force on a day.

    The full index needs six pollutants; one computed from fewer is a lower bound of it. Raises
    UsageError where none of the pollutants given has an index.

    >>> aqi({"pm2p5": 43, "pm10": 80}, date(2022, 1, 4))
    Aqi(value=65, level='cn.aqi.good', primary=('pm10',), version='HJ 633-2012')
    """
    table = rule("cn.aqi", day)
    found = {q: float(iaqi(c, q, table)) for q, c in concentrations.items()}
    parts = {q: int(part) for q, part in found.items() if np.isfinite(part)}
    if not parts:
        raise UsageError(f"{table.version} has no index of {', '.join(found) or 'nothing'} at such values")
    value = max(parts.values())
    primary = tuple(q for q, part in parts.items() if part == value) if value > 50 else ()
    return Aqi(value, table.levels[int(level_number(value, table))], primary, table.version)
