"""The Korean comprehensive index (통합대기환경지수): sub-indices, total, and the highest of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.aqi import Floats, round_half_up
from alerts.judged import Judged, Undecidable
from alerts.rule_series import Series, basis_of, covered, day_bounds, hourly_series
from alerts.rules import Rule, rule
from pipeline.cities import City

LONG, SHORT = 12, 4
"""Hours of the two means that make the 24-h value of PM in real time."""


def subindex(concentration: npt.ArrayLike, quantity: str, table: Rule) -> Floats:
    """Return unrounded sub-indices; NaN stays NaN.

    Parameters
    ----------
    concentration : PM as the 24-h value of AirKorea [ug m-3], gases as the 1-h mean [ppm]
    quantity : pm2p5, pm10, o3, no2, co or so2
    table : a version of the rule ``kr.cai``

    Notes
    -----
    Linear within each class (airkorea caiCalculator); the concentration is first rounded half up to the
    published digits, because classes have gaps between them. Published totals agree within 1.

    Examples
    --------
    >>> subindex([25, 35], "pm2p5", rule("kr.cai", date(2026, 1, 1))).round(2).tolist()
    [74.21, 100.0]
    >>> round(float(subindex(0.037, "o3", rule("kr.cai", date(2026, 1, 1)))), 2)
    55.98
    """
    scale = 10.0 ** int(table.parameters["decimals"].get(quantity, 0))
    value = round_half_up(np.asarray(concentration, dtype=np.float64) * scale) / scale
    low, high = (np.array(edge) for edge in zip(*table.parameters["classes"][quantity], strict=True))
    bottom, top = (np.array(edge, dtype=np.float64) for edge in zip(*table.parameters["index"], strict=True))
    known = np.clip(np.nan_to_num(value), low[0], high[-1])
    at = np.searchsorted(high, known, side="left")
    found = bottom[at] + (top[at] - bottom[at]) * (known - low[at]) / (high[at] - low[at])
    return np.where(np.isnan(value), np.nan, found)


def cai(concentrations: Mapping[str, float], day: date) -> int:
    """Return the index of the pollutants given: the worst, and a surcharge where several are bad.

    The full index needs PM10, PM2.5, O3 and NO2; one without them is a lower bound of it.

    >>> cai({"pm2p5": 16, "pm10": 24, "o3": 0.035, "no2": 0.008}, date(2025, 2, 4))
    54
    >>> cai({"pm2p5": 36, "pm10": 81}, date(2025, 2, 4))
    151
    """
    table = rule("kr.cai", day)
    parts = [float(subindex(c, q, table)) for q, c in concentrations.items()]
    total = float(_total(np.array(parts)[:, None], table)[0])
    return int(round_half_up(total))


def day_cai(rule: Rule, paths: xr.Dataset, city: City, day: date) -> Judged:
    """Judge the class of the highest index of a local day, from PM alone in real time."""
    found: list[Floats] = []
    notes, quantities, bases = ["gases not forecast: the index is at least this"], [], set()
    for quantity in ("pm2p5", "pm10"):
        try:
            series = hourly_series(paths, city, quantity)
            part = covered(rule, _of_day(series, city, day, rule, quantity), 24, "hours of the day")
        except Undecidable:
            if quantity == "pm2p5":
                raise
            notes.append(f"{quantity.upper()} not available: the level is at least this")
            continue
        found.append(subindex(part, quantity, rule))
        quantities.append(quantity)
        bases.add(basis_of(series.part(*day_bounds(city, day))))
        notes.append(series.note)
    total = _total(np.stack(found), rule)
    highest = np.nanmax(round_half_up(total), axis=1)
    levels = np.searchsorted([top for _, top in rule.parameters["index"]][:-1], highest, side="left")
    basis = bases.pop() if len(bases) == 1 else "mixed"
    return Judged(levels, basis, tuple(quantities), "; ".join(dict.fromkeys(n for n in notes if n)))


def adjusted_day_value(hours: Floats, floor: float) -> Floats:
    """Return the 24-h value that AirKorea uses in real time from the last 12 h, oldest first [ug m-3].

    Half is the mean of 12 h, half that of the last 4 h, of which an hour at or above ``floor`` counts by
    three quarters unless it is below 0.9 or above 1.7 times the mean of 12 h. Three quarters of either
    stretch must be there, else NaN. Shape (…, 12) gives (…).

    >>> adjusted_day_value(np.array([[20.0] * 12, [40.0] * 12]), 30).tolist()
    [20.0, 35.0]
    """
    mean, enough = _mean_of(hours)
    last = hours[..., -SHORT:]
    whole = mean[..., None]
    taken = (last < floor) | (last < 0.9 * whole) | (last > 1.7 * whole)
    recent, enough_recent = _mean_of(np.where(taken, last, 0.75 * last))
    return np.where(enough & enough_recent, 0.5 * mean + 0.5 * recent, np.nan)


def _mean_of(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return means over the last axis, and where three quarters of the values are there."""
    there = np.isfinite(values)
    count = there.sum(axis=-1)
    mean = np.where(there, values, 0.0).sum(axis=-1) / np.maximum(count, 1)
    return mean, count >= 0.75 * values.shape[-1]


def _of_day(series: Series, city: City, day: date, rule: Rule, quantity: str) -> Floats:
    start, end = day_bounds(city, day)
    inside = (series.times > start) & (series.times <= end)
    before = np.full((len(series.values), LONG - 1), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.hstack([before, series.values]), LONG, axis=1)
    floor = float(rule.parameters["adjust_from"][quantity])
    return adjusted_day_value(windows[:, inside], floor)


def _total(parts: Floats, table: Rule) -> Floats:
    """Return the worst of sub-indices (pollutant, …) with the surcharge for several at bad or worse."""
    bad = (parts >= table.parameters["index"][2][0]).sum(axis=0)
    extra = np.array(table.parameters["surcharge"], dtype=np.float64)
    worst: Floats = np.nanmax(np.where(np.isnan(parts), -np.inf, parts), axis=0)
    worst = np.where(np.isfinite(worst), worst, np.nan)
    total: Floats = worst + extra[np.minimum(bad, len(extra) - 1)]
    return total
