"""The chance of coarse particles in the days ahead, from the joint samples of PM10 and of PM2.5.

The two quantities are forecast apart, so a member of one belongs to no member of the other. Their errors are
not independent: on the held-out year 2020 those of Seoul's day means have a rank correlation of 0.75 to 0.87.
Every pair of members is weighed by a Gaussian copula of that strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import ndtri

from forecasting.transport.dust import LIKELY, TERMS, Terms, is_coarse
from pipeline.cities import City
from pipeline.dust_outlook import DustDay, DustEvidence, Verdict
from pipeline.times import NS_HOUR, local_day_bounds, to_ns

Floats = npt.NDArray[np.float64]

TOGETHER: Final = 0.8
"""Correlation of the normal scores of the errors of PM10 and PM2.5."""


@dataclass(frozen=True)
class DayFutures:
    """What one local day may bring: pairs of members of both quantities.

    Parameters
    ----------
    pm10, pm2p5 : (member, interval) [ug m-3]
    step : length of the intervals [h]
    known : hours of the day that were measured [h]
    weights : (member of PM10, member of PM2.5) how likely they go together, adding up to 1
    hours : of coarse particles, of every pair [h]
    """

    pm10: Floats
    pm2p5: Floats
    step: int
    known: float
    weights: Floats
    hours: npt.NDArray[np.int64]

    def probability(self, terms: Terms = TERMS) -> float:
        """Return the probability of coarse particles for ``terms.hours`` [1]."""
        return min(float(self.weights[self.hours >= terms.hours].sum()), 1.0)

    def dusty(self, terms: Terms = TERMS) -> npt.NDArray[np.bool_]:
        """Tell of each member of PM10 whether its particles are likelier coarse than not that day."""
        share = np.where(self.hours >= terms.hours, self.weights, 0.0).sum(axis=1)
        found: npt.NDArray[np.bool_] = share > LIKELY * np.maximum(self.weights.sum(axis=1), 1e-300)
        return found


def day_futures(
    pm10: xr.Dataset, pm2p5: xr.Dataset, city: City, day: date, terms: Terms = TERMS
) -> DayFutures | None:
    """Return the futures of a local day; None where too little of it is measured or forecast.

    Parameters
    ----------
    pm10, pm2p5 : joint paths of each quantity, ``pipeline.schema.check_paths`` [ug m-3]
    """
    both = _day_values(pm10, pm2p5, city, day)
    if both is None:
        return None
    a, b, step, known = both
    return DayFutures(a, b, step, known, pair_weights(a, b), pair_hours(a, b, step, terms))


def expected_day(
    futures: DayFutures,
    city: City,
    day: date,
    signs: Sequence[DustEvidence] = (),
    *,
    lead_day: int,
    terms: Terms = TERMS,
) -> DustDay:
    """Judge a local day that is not over by its futures.

    Parameters
    ----------
    signs : of the origin of that day's air

    Returns
    -------
    with the probability of coarse particles for ``terms.hours``; the verdict says what at least LIKELY of
    the futures show, and calls it dust where a sign supports that
    """
    a, b = futures.pm10, futures.pm2p5
    probability = futures.probability(terms)
    high = float(np.mean((a >= terms.pm10).sum(axis=1) * futures.step >= terms.hours))
    verdict: Verdict = "none"
    if probability >= LIKELY:
        verdict = "dust" if any(s.supports for s in signs) else "pm10_event"
    elif high >= LIKELY:
        verdict = "fine"
    return DustDay(
        city=city.id,
        day=day.isoformat(),
        lead_day=lead_day,
        verdict=verdict,
        probability=round(probability, 4),
        hours=_weighted_median(futures.hours, futures.weights),
        known=futures.known,
        pm10_mean=round(float(a.mean()), 1),
        pm10_max=round(float(np.median(a.max(axis=1))), 1),
        ratio=_ratio(a, b),
        observed=False,
        evidence=tuple(signs),
    )


def coarse_chance(pm10: xr.Dataset, pm2p5: xr.Dataset, city: City, terms: Terms = TERMS) -> Floats:
    """Return the probability that the particles of a city are coarse, for every time of the paths [1].

    The hours of an interval share its value; 0 where either quantity is unknown.
    """
    step = _step(pm10, city)
    times = pm10["time"].to_numpy()
    a, b = (_block_means(p, q, city, step) for p, q in ((pm10, "pm10"), (pm2p5, "pm2p5")))
    found = np.zeros(len(times))
    for t in np.flatnonzero(np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)):
        one, other = a[:, [t]], b[:, [t]]
        if one.max() >= terms.pm10:
            coarse = is_coarse(one, other.T, terms)
            found[max(0, t - step + 1) : t + 1] = float(pair_weights(one, other)[coarse].sum())
    return np.minimum(found, 1.0)


def pair_weights(pm10: Floats, pm2p5: Floats, together: float = TOGETHER) -> Floats:
    """Return how likely each member of PM10 goes with each of PM2.5, by the ranks of their day means.

    Pairs with a mean of PM2.5 above that of PM10 cannot be and weigh nothing; where all are such, none is
    left out.

    Parameters
    ----------
    pm10, pm2p5 : (member, interval) [ug m-3]

    Returns
    -------
    (member of PM10, member of PM2.5), adding up to 1

    Examples
    --------
    >>> pair_weights(np.array([[10.0], [200.0]]), np.array([[5.0], [100.0]]), 0.8).round(2).tolist()
    [[0.47, 0.0], [0.06, 0.47]]
    """
    one, other = pm10.mean(axis=1), pm2p5.mean(axis=1)
    x, y = (ndtri((np.argsort(np.argsort(v, kind="stable")) + 0.5) / len(v)) for v in (one, other))
    r = together
    exponent = (2 * r * np.outer(x, y) - r**2 * (x[:, None] ** 2 + y[None] ** 2)) / (2 * (1 - r**2))
    weights = np.exp(exponent)
    possible = other[None] <= one[:, None]
    weights = np.where(possible, weights, 0.0) if possible.any() else weights
    total: Floats = weights / weights.sum()
    return total


def pair_hours(pm10: Floats, pm2p5: Floats, step: int, terms: Terms = TERMS) -> npt.NDArray[np.int64]:
    """Return the hours of coarse particles of every pair of members [h]; intervals go with intervals."""
    hours = np.zeros((len(pm10), len(pm2p5)), dtype=np.int64)
    for a, b in zip(pm10.T, pm2p5.T, strict=True):
        if a.max() >= terms.pm10:
            hours += is_coarse(a[:, None], b[None], terms)
    return hours * step


def _day_values(
    pm10: xr.Dataset, pm2p5: xr.Dataset, city: City, day: date
) -> tuple[Floats, Floats, int, float] | None:
    """Return (member, interval) of both quantities over a day, the length of its intervals, hours known."""
    step = _step(pm10, city)
    start, end = (to_ns(bound) for bound in local_day_bounds(day, city.timezone))
    times = pm10["time"].to_numpy()
    inside = (times > start) & (times <= end)
    a, b = (_block_means(p, q, city, step)[:, inside] for p, q in ((pm10, "pm10"), (pm2p5, "pm2p5")))
    there = np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)
    if there.sum() * step < TERMS.coverage:
        return None
    measured = [p["is_observed"].sel(city=city.id).to_numpy()[inside] for p in (pm10, pm2p5)]
    known = float((measured[0] & measured[1] & there).sum() * step)
    return a[:, there], b[:, there], step, known


def _step(paths: xr.Dataset, city: City) -> int:
    """Return the coarser cadence of a city's PM10 and PM2.5 [h]."""
    world = str(paths.attrs.get("world", "measured"))
    specs = [city.spec(q, "reference", world) for q in ("pm10", "pm2p5")]
    return max(spec.interval_hours if spec else 1 for spec in specs)


def _block_means(paths: xr.Dataset, quantity: str, city: City, step: int) -> Floats:
    """Return (member, time) on intervals of ``step`` hours; NaN where none ends or a part is unknown."""
    spec = city.spec(quantity, "reference", str(paths.attrs.get("world", "measured")))
    own = spec.interval_hours if spec else 1
    values = paths[quantity].sel(city=city.id).transpose("realization", "time").to_numpy()
    ends = paths["time"].to_numpy().astype("int64") % (step * NS_HOUR) == 0
    if own < step:
        parts = [np.roll(values, k, axis=1) for k in range(step)]
        values = np.mean(parts, axis=0)
        values[:, : step - 1] = np.nan
    return np.where(ends[None], values, np.nan)


def _ratio(pm10: Floats, pm2p5: Floats) -> float | None:
    """Return the expected part of PM2.5; None where the two forecasts contradict each other."""
    ratio = float(pm2p5.mean() / max(pm10.mean(), 1e-9))
    return round(ratio, 3) if ratio <= 1 else None


def _weighted_median(values: npt.NDArray[np.int64], weights: Floats) -> float:
    order = np.argsort(values, axis=None)
    total = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(total, 0.5 * total[-1])])
