"""The chance of coarse particles in the days ahead, from the joint samples of PM10 and of PM2.5.

The two quantities are forecast apart, so a member of one belongs to no member of the other. Their errors are
not independent: on the held-out year 2020 those of Seoul's day means have a rank correlation of 0.75 to 0.87.
Every pair of members is weighed by a Gaussian copula of that strength.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def expected_day(
    pm10: xr.Dataset,
    pm2p5: xr.Dataset,
    city: City,
    day: date,
    signs: Sequence[DustEvidence] = (),
    *,
    lead_day: int,
    terms: Terms = TERMS,
) -> DustDay | None:
    """Judge a local day that is not over, by the paths of both quantities; None beyond them.

    Parameters
    ----------
    pm10, pm2p5 : joint paths of each quantity, ``pipeline.schema.check_paths`` [ug m-3]
    signs : of the origin of that day's air

    Returns
    -------
    with the probability of coarse particles for ``terms.hours``; the verdict says what at least LIKELY of
    the futures show, and calls it dust where a sign supports that
    """
    both = _day_values(pm10, pm2p5, city, day)
    if both is None:
        return None
    a, b, step, known = both
    weights = pair_weights(a, b)
    hours = pair_hours(a, b, step, terms)
    probability = float(weights[hours >= terms.hours].sum())
    high = float(np.mean((a >= terms.pm10).sum(axis=1) * step >= terms.hours))
    verdict: Verdict = "none"
    if probability >= LIKELY:
        verdict = "dust" if any(s.supports for s in signs) else "pm10_event"
    elif high >= LIKELY:
        verdict = "fine"
    means = a.mean(axis=1)
    return DustDay(
        city=city.id,
        day=day.isoformat(),
        lead_day=lead_day,
        verdict=verdict,
        probability=round(probability, 4),
        hours=_weighted_median(hours, weights),
        known=known,
        pm10_mean=round(float(means.mean()), 1),
        pm10_max=round(float(np.median(a.max(axis=1))), 1),
        ratio=round(float(b.mean() / max(a.mean(), 1e-9)), 3),
        observed=False,
        evidence=tuple(signs),
    )


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
    world = str(pm10.attrs.get("world", "measured"))
    specs = [city.spec(q, "reference", world) for q in ("pm10", "pm2p5")]
    steps = [spec.interval_hours if spec else 1 for spec in specs]
    step = max(steps)
    parts = [
        _on_step(paths, q, city, day, own, step)
        for paths, q, own in zip((pm10, pm2p5), ("pm10", "pm2p5"), steps, strict=True)
    ]
    there = np.isfinite(parts[0][0]).all(axis=0) & np.isfinite(parts[1][0]).all(axis=0)
    if there.sum() * step < TERMS.coverage:
        return None
    known = float((parts[0][1] & parts[1][1]).sum() * step)
    return parts[0][0][:, there], parts[1][0][:, there], step, known


def _on_step(
    paths: xr.Dataset, quantity: str, city: City, day: date, own: int, step: int
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    start, end = (to_ns(bound) for bound in local_day_bounds(day, city.timezone))
    times = paths["time"].to_numpy()
    inside = (times > start) & (times <= end)
    values = paths[quantity].sel(city=city.id).transpose("realization", "time").to_numpy()[:, inside]
    measured = paths["is_observed"].sel(city=city.id).to_numpy()[inside]
    at = np.flatnonzero(times[inside].astype("int64") % (step * NS_HOUR) == 0)
    if own == step:
        return values[:, at], measured[at]
    at = at[at >= step - 1]
    blocks = at[:, None] - np.arange(step)
    return values[:, blocks].mean(axis=2), measured[blocks].all(axis=1)


def _weighted_median(values: npt.NDArray[np.int64], weights: Floats) -> float:
    order = np.argsort(values, axis=None)
    total = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(total, 0.5 * total[-1])])
