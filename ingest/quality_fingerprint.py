"""Stations whose clock is off, or that were exchanged: what a month of hours tells that no single hour can.

The hourly ups and downs of a station agree best with its neighbours' at lag zero; if they agree clearly
better at another lag, its clock is in doubt. Which neighbours it resembles, and how much, is its fingerprint;
if two stations' fingerprints have changed places since the months before, the stations have.
Measured detection and false alarms stand in docs/quality.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality_network import Matrix, Near, around

WINDOW_HOURS: Final = 28 * 24
"""The hours that are judged: two days less than the thirty within which a doubt must be raised."""
REFERENCE_HOURS: Final = 60 * 24
"""The hours before them, from which fingerprints are taken."""
LEAST_HOURS: Final = 300
"""A correlation of fewer common hours says nothing."""
LAGS: Final = np.arange(-26, 27)
"""Clock errors that are looked for [h]: time zones, hour-beginning labels, lost and doubled days."""
LEAST_LAG: Final = 2
"""A peak at ±1 h is weather: plumes take that long between stations [h]."""
LAG_GAIN: Final = 0.1
"""The correlation at another lag must exceed that at lag zero by more than this …"""
LAG_LEAST: Final = 0.2
"""… and be at least this, or neither lag means anything."""
SWAP_GAIN: Final = 0.05
"""How much better (in squared Fisher's z per neighbour) exchanged fingerprints must fit."""
_SMOOTH_HOURS: Final = 25
_FLOOR: Final = 2.0
_STILL: Final = 1e-12


@dataclass(frozen=True)
class Lag:
    """How well a station's hours fit its neighbours' at another lag: ``hours`` late, and the gain."""

    station: int
    hours: int
    gain: float


@dataclass(frozen=True)
class Swap:
    """Two stations whose fingerprints fit better exchanged, and by how much."""

    first: int
    second: int
    gain: float


def ripples(values: Matrix) -> Matrix:
    """Return what is left of log concentrations without their daily mean: hourly ups and downs.

    Parameters
    ----------
    values : (hours, stations) [ug m-3]

    Examples
    --------
    >>> ripples(np.full((30, 1), 20.0)).round(6).any()
    np.False_
    """
    with np.errstate(invalid="ignore"):
        logs = np.log(np.maximum(values, _FLOOR))
    there = np.isfinite(logs)
    nothing = np.zeros((1, values.shape[1]))
    sums = np.cumsum(np.concatenate([nothing, np.where(there, logs, 0)]), axis=0)
    counts = np.cumsum(np.concatenate([nothing, there]), axis=0)
    hour = np.arange(len(values))
    low = np.maximum(hour - _SMOOTH_HOURS // 2, 0)
    high = np.minimum(hour + _SMOOTH_HOURS // 2 + 1, len(values))
    count = counts[high] - counts[low]
    mean = (sums[high] - sums[low]) / np.maximum(count, 1)
    out: Matrix = np.where(count >= _SMOOTH_HOURS // 2, logs - mean, np.nan)
    return out


def lag_correlations(values: Matrix, near: Near, others: Matrix | None = None) -> Matrix:
    """Return the correlation of every station with its neighbours' median at each of LAGS.

    Parameters
    ----------
    others : (hours, stations) that median, where it is known already

    Returns
    -------
    (lags, stations); NaN where too few hours are common
    """
    mine, theirs = ripples(values), ripples(around(values, near).median if others is None else others)
    hours = len(values)
    out = np.full((len(LAGS), values.shape[1]), np.nan)
    for n, lag in enumerate(LAGS):
        low, high = max(0, int(lag)), min(hours, hours + int(lag))
        if high - low >= LEAST_HOURS:
            out[n] = _columnwise(mine[low:high], theirs[low - lag : high - lag])
    return out


def late_clocks(values: Matrix, near: Near, gain: float = LAG_GAIN) -> list[Lag]:
    """Return the stations whose clock is in doubt, given WINDOW_HOURS of values.

    A positive lag means that a station's values come late: its stamps are too late by so many hours.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> air = 40 * np.exp(rng.normal(0, 0.5, (700, 1)) + rng.normal(0, 0.2, (700, 4)))
    >>> air[:, 0] = np.roll(air[:, 0], 9)
    >>> everyone = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    >>> [(lag.station, lag.hours) for lag in late_clocks(air, Near(everyone, np.ones((4, 3), bool)))]
    [(0, 9)]
    """
    gains, lags, best = lag_gains(values, near)
    with np.errstate(invalid="ignore"):
        doubtful = (gains > gain) & (best >= LAG_LEAST)
    return [Lag(int(i), int(lags[i]), float(gains[i])) for i in np.flatnonzero(doubtful)]


def lag_gains(
    values: Matrix, near: Near, others: Matrix | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return for each station the gain over lag zero of its best other lag, that lag, its correlation.

    Lags of less than LEAST_LAG are not looked at; NaN where nothing can be told.
    """
    found = lag_correlations(values, near, others)
    apart = np.where((np.abs(LAGS) >= LEAST_LAG)[:, None] & np.isfinite(found), found, -np.inf)
    best = apart.max(axis=0)
    best = np.where(np.isfinite(best), best, np.nan)
    return best - found[LAGS == 0][0], LAGS[apart.argmax(axis=0)], best


def swap_gains(reference: Matrix, values: Matrix, near: Near) -> Matrix:
    """Return for each pair of stations how much better their fingerprints fit exchanged.

    A fingerprint is Fisher's z of the correlations with the station's neighbours; with t and r those of now
    and of before, exchanging i and j changes the squared misfit by the mean of 2 (t_i - t_j)(r_i - r_j).

    Returns
    -------
    (stations, stations), symmetric; positive where exchanged fits better; NaN where it cannot be told
    """
    before, now = _fisher(ripples(reference)), _fisher(ripples(values))
    count = values.shape[1]
    half = np.full((count, count), np.nan)
    for i in range(count):
        others = near.index[i][near.there[i]]
        if len(others):
            product = (now[i, others] - now[:, others]) * (before[i, others] - before[:, others])
            known = np.isfinite(product)
            total = np.where(known, product, 0).sum(axis=1)
            half[i] = np.where(known.sum(axis=1) >= 2, -2 * total / np.maximum(known.sum(axis=1), 1), np.nan)
    np.fill_diagonal(half, np.nan)
    gains: Matrix = (half + half.T) / 2
    return gains


def swapped(reference: Matrix, values: Matrix, near: Near, gain: float = SWAP_GAIN) -> list[Swap]:
    """Return the pairs of stations that seem exchanged; of each station only its best pair.

    Parameters
    ----------
    reference, values : (hours, stations) REFERENCE_HOURS before, and WINDOW_HOURS to be judged
    """
    gains = swap_gains(reference, values, near)
    known = np.where(np.isfinite(gains), gains, -np.inf)
    found = []
    for i in range(known.shape[0]):
        j = int(known[i].argmax())
        if known[i, j] > gain and (i < j or int(known[j].argmax()) != i):
            found.append(Swap(min(i, j), max(i, j), float(known[i, j])))
    return found


def _columnwise(a: Matrix, b: Matrix) -> npt.NDArray[np.float64]:
    """Return the correlation of each column with the same column of another matrix."""
    both = np.isfinite(a) & np.isfinite(b)
    count = both.sum(axis=0)
    a, b = np.where(both, a, 0), np.where(both, b, 0)
    enough = np.maximum(count, 1)
    ma, mb = a.sum(axis=0) / enough, b.sum(axis=0) / enough
    shared = (a * b).sum(axis=0) / enough - ma * mb
    spread = ((a * a).sum(axis=0) / enough - ma**2) * ((b * b).sum(axis=0) / enough - mb**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Matrix = np.where((count >= LEAST_HOURS) & (spread > _STILL), shared / np.sqrt(spread), np.nan)
    return out


def _fisher(ripple: Matrix) -> Matrix:
    """Return Fisher's z of the correlations between all stations; NaN with itself and where unknown."""
    there = np.isfinite(ripple).astype(np.float64)
    x = np.nan_to_num(ripple)
    count = there.T @ there
    sums, squares = x.T @ there, (x * x).T @ there
    enough = np.maximum(count, 1)
    mean = sums / enough
    shared = (x.T @ x) / enough - mean * mean.T
    variance = np.maximum(squares / enough - mean**2, 0)
    spread = variance * variance.T
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where((count >= LEAST_HOURS) & (spread > _STILL), shared / np.sqrt(spread), np.nan)
    np.fill_diagonal(out, np.nan)
    z: Matrix = np.arctanh(np.clip(out, -0.99, 0.99))
    return z
