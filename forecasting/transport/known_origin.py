"""How near receptor methods come where the origin is known: ranks and bias by region, with intervals.

The truth is the part of each source in the concentration of every arrival. The methods see paths and the
concentration as a whole. Compared are the season's mean parts with what a reader might take for them: the
share of hours over a region, and that of hours weighted by concentration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from forecasting.transport.receptor import HIGH, cwt, pscf, weights
from forecasting.transport.significance import Times, days_of, require_enough
from forecasting.verification.intervals import block_counts, interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Estimator = Callable[[Floats, Floats], Floats]

DRAWS: Final = 500
REACH: Final = 1.5
"""A place belongs to a source within so many sizes of its middle, to the nearest by size."""


@dataclass(frozen=True)
class Sources:
    """Round sources as places that points of paths lie in: middles and sizes [degree], in order."""

    names: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    radius: Floats

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(self.names)

    def cells(self, latitude: Floats, longitude: Floats) -> Ints:
        """Return the number of the source of each position; -1 in none.

        >>> two = Sources(("a", "b"), np.array([35.0, 35.0]), np.array([110.0, 114.0]), np.array([1.0, 2.0]))
        >>> two.cells(np.array([35.0, 35.0, 40.0]), np.array([111.0, 112.0, 112.0])).tolist()
        [0, 1, -1]
        """
        north = latitude[..., None] - self.latitude
        east = (longitude[..., None] - self.longitude) * np.cos(np.radians(self.latitude))
        away = np.hypot(north, east) / self.radius
        away = np.where(np.isfinite(away), away, np.inf)
        nearest = away.argmin(axis=-1)
        found: Ints = np.where(away.min(axis=-1) <= REACH, nearest, -1).astype(np.int64)
        return found


def hours_share(hours: Floats, concentration: Floats) -> Floats:
    """Return the share of each region in the hours over all regions (region,), concentration unseen."""
    total = hours.sum(axis=0)
    return np.asarray(total / total.sum(), np.float64)


def weighted_share(hours: Floats, concentration: Floats) -> Floats:
    """Return the share of each region in the hours weighted by the concentration on arrival (region,).

    >>> weighted_share(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([30.0, 10.0])).tolist()
    [0.75, 0.25]
    """
    return hours_share(hours * concentration[:, None], concentration)


def _pscf(hours: Floats, concentration: Floats) -> Floats:
    return pscf(hours, concentration > np.percentile(concentration, HIGH))


def _weighted(estimate: Estimator) -> Estimator:
    """Return an estimator times the weights by hours, as maps show it; 0 where no path came."""
    return lambda hours, concentration: (
        np.nan_to_num(estimate(hours, concentration)) * weights(hours.sum(axis=0))
    )


ESTIMATORS: Final[Mapping[str, Estimator]] = {
    "hours": hours_share,
    "weighted hours": weighted_share,
    "CWT": cwt,
    "PSCF": _pscf,
    "CWT times weight": _weighted(cwt),
    "PSCF times weight": _weighted(_pscf),
}


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's correlation of two series; NaN where one is constant or unknown.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([1.0, 5.0, 6.0]))
    1.0
    """
    known = np.isfinite(one) & np.isfinite(other)
    first, second = (rankdata(values[known]) for values in (one, other))
    if known.sum() < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return round(float(np.corrcoef(first, second)[0, 1]), 12)


def across_regions(
    hours: Floats, parts: Floats, times: Times, rng: np.random.Generator, *, what: str, draws: int = DRAWS
) -> pd.DataFrame:
    """Return how well each method ranks the regions by their true part.

    Parameters
    ----------
    hours : (arrival, region) [h]
    parts : (arrival, region) of the concentration [ug m-3]
    times : (arrival,) ascending

    Returns
    -------
    A row for each method: ``rank_correlation`` with the central 90 % of resampled blocks of days

    Raises
    ------
    UsageError
        fewer than 200 independent arrivals
    """
    require_enough(times, what)
    total, rows = parts.sum(axis=1), []
    chosen = _drawn(times, rng, draws)
    for name, estimate in ESTIMATORS.items():
        value = rank_correlation(estimate(hours, total), parts.mean(axis=0))
        drawn = np.array(
            [rank_correlation(estimate(hours[i], total[i]), parts[i].mean(axis=0)) for i in chosen]
        )
        low, high = interval(drawn[:, None])
        rows.append({"method": name, "rank_correlation": value, "low": float(low[0]), "high": float(high[0])})
    return pd.DataFrame(rows)


def by_region(
    names: Sequence[str],
    hours: Floats,
    parts: Floats,
    times: Times,
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Return for each region its true share, the bias of the shares of hours, and how its days are ranked.

    Returns
    -------
    Columns ``true_share``, ``hours_bias`` and ``weighted_bias`` (estimated less true share) and ``days``
    (rank correlation of an arrival's hours over the region with the dust from there), each also with
    ``_low`` and ``_high``: the central 90 % of resampled blocks of days
    """
    total = parts.sum(axis=1)
    chosen = _drawn(times, rng, draws)

    def biases(i: Ints | slice) -> Floats:
        true = parts[i].sum(axis=0) / total[i].sum()
        return np.stack(
            [
                true,
                hours_share(hours[i], total[i]) - true,
                weighted_share(hours[i], total[i]) - true,
                np.array([rank_correlation(hours[i, k], parts[i, k]) for k in range(len(names))]),
            ]
        )

    value = biases(slice(None))
    low, high = interval(np.stack([biases(i) for i in chosen]))
    table = pd.DataFrame({"region": list(names)})
    for row, name in enumerate(("true_share", "hours_bias", "weighted_bias", "days")):
        table[name], table[f"{name}_low"], table[f"{name}_high"] = value[row], low[row], high[row]
    return table.sort_values("true_share", ascending=False, ignore_index=True)


def _drawn(times: Times, rng: np.random.Generator, draws: int) -> list[Ints]:
    """Return the arrivals of each resample of blocks of days."""
    day = days_of(times)
    counts = block_counts(int(day[-1]) + 1, rng, draws=draws)[1:].astype(np.int64)
    return [np.repeat(np.arange(len(day)), row[day]).astype(np.int64) for row in counts]
