"""Moving-block bootstrap: whole stretches of days are drawn again, every model on the same days."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCK_DAYS = 5
"""Days that are drawn together: an episode's days are alike, so single days would feign certainty."""

LEVEL = 0.9
"""Coverage of every interval that is written."""

DRAWS = 1000


def block_counts(days: int, rng: np.random.Generator, *, draws: int = DRAWS) -> Floats:
    """Return how often each day is drawn, a row for the sample itself and then one for each resample.

    Blocks of BLOCK_DAYS successive days of the sample begin anywhere and go round its end, so that every
    day is as likely as any other.

    Parameters
    ----------
    days : number of days in the sample, in order
    rng : source of randomness
    draws : number of resamples; none are made of fewer than two blocks

    Returns
    -------
    (1 + draws, day); the first row is all ones. Only that row when there are fewer than two blocks of days

    References
    ----------
    Künsch (1989), https://doi.org/10.1214/aos/1176347265; Politis and Romano (1992), circular blocks.

    Examples
    --------
    >>> counts = block_counts(12, np.random.default_rng(1), draws=3)
    >>> counts.shape, counts[0].tolist() == [1.0] * 12, counts[1:].sum(axis=1).tolist()
    ((4, 12), True, [15.0, 15.0, 15.0])
    >>> block_counts(9, np.random.default_rng(1)).shape
    (1, 9)
    """
    itself = np.ones((1, days))
    if days < 2 * BLOCK_DAYS:
        return itself
    blocks = -(-days // BLOCK_DAYS)
    starts = rng.integers(0, days, (draws, blocks))
    drawn = (starts[:, :, None] + np.arange(BLOCK_DAYS)) % days
    flat = drawn.reshape(draws, -1) + days * np.arange(draws)[:, None]
    counts = np.bincount(flat.ravel(), minlength=draws * days).reshape(draws, days)
    return np.concatenate([itself, counts.astype(np.float64)])


def interval(resampled: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Return the central interval of a statistic over its resamples (percentile method).

    Parameters
    ----------
    resampled : (draw, …), NaN where a resample leaves the statistic undefined
    level : share of the defined resamples inside

    Returns
    -------
    low and high, (…); NaN where at most half of the resamples define the statistic

    Examples
    --------
    >>> low, high = interval(np.arange(101.0)[:, None])
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([5.0], [95.0])
    """
    if not len(resampled):
        empty: Floats = np.full(resampled.shape[1:], np.nan)
        return empty, empty.copy()
    ordered = np.sort(np.where(np.isfinite(resampled), resampled, np.nan), axis=0)
    there = np.isfinite(ordered).sum(axis=0)
    enough = 2 * there > len(resampled)
    bounds = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        at = share * np.maximum(there - 1, 0)
        below = np.floor(at).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(there - 1, 0))
        left, right = (np.take_along_axis(ordered, i[None], axis=0)[0] for i in (below, above))
        bounds.append(np.where(enough, left + (at - below) * (right - left), np.nan))
    return bounds[0], bounds[1]
