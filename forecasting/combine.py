"""Other forecasts as members: what an interval that somebody stated says about a distribution of ours.

Everything is on the modelling scale, ln(c + 5). A member is thought of as a number that errs around the truth
by a bias and a spread, of which only the interval is told in which it lies. Its likelihood is raised to a
power from 0 to 1, so that what it shares with us is not counted twice (a logarithmic opinion pool).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from forecasting.targets import Floats, to_log
from pipeline.names import QUANTILE_LEVELS

ASTRAY: Final = 0.05
"""Share of statements that have nothing to do with the day, so that none can rule out what we expect."""

USUAL_MEAN, USUAL_SPREAD = 3.8, 0.9
"""How statements that went astray are spread, ln(c + 5): as day means of both cities are over the years."""

MOST: Final = 1500.0
"""No mean is above [ug m-3]; stands for "no upper bound" in what is stored."""


@dataclass(frozen=True)
class Claim:
    """What somebody stated of a local day of a city: its mean lies from ``low`` to ``high`` [ug m-3].

    Parameters
    ----------
    day : number of the local day, 0 for 1970-01-01
    low, high : 0 and infinity where it is not bounded
    received : from when on it may be used [UTC]
    """

    source: str
    city: str
    day: int
    low: float
    high: float
    received: datetime


@dataclass(frozen=True)
class Member:
    """How a source has been found to state days so far ahead.

    Parameters
    ----------
    bias, spread : of what it has in mind about the truth, ln(c + 5)
    weight : power of its likelihood, 0 (not heard) to 1
    cases : days by which it was judged
    gain : mean CRPS that it saved on days it had not been fitted to [ug m-3]
    """

    source: str
    bias: float
    spread: float
    weight: float
    cases: int
    gain: float


def log_bounds(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return bounds [ug m-3] on the modelling scale; 0 and infinity bound nothing.

    >>> [bounds.tolist() for bounds in log_bounds(np.array([0.0, 95.0]), np.array([15.0, np.inf]))]
    [[-inf, 4.605170185988092], [2.995732273553991, inf]]
    """
    below = np.where(low > 0, to_log(np.maximum(low, 0.0)), -np.inf)
    return below, np.where(np.isfinite(high), to_log(np.minimum(high, MOST)), np.inf)


def log_likelihood(truth: Floats, low: Floats, high: Floats, bias: float, spread: float) -> Floats:
    """Return the logarithm of the probability of a stated interval if the truth were this.

    Parameters
    ----------
    truth : ln(c + 5), of any shape
    low, high : bounds of the intervals, ln(c + 5), of a shape that goes with it; without bounds: 0
    bias, spread : of the member

    Examples
    --------
    >>> open_ended = np.array([-np.inf]), np.array([np.inf])
    >>> log_likelihood(np.array([4.0]), *open_ended, 0.1, 0.3).item()
    0.0
    >>> bad = log_likelihood(np.array([3.0, 4.0]), np.array([3.7]), np.array([4.4]), 0.0, 0.3)
    >>> bool(bad[1] > bad[0])
    True
    """
    told = _between((low - truth - bias) / spread, (high - truth - bias) / spread)
    astray = _between((low - USUAL_MEAN) / USUAL_SPREAD, (high - USUAL_MEAN) / USUAL_SPREAD)
    found: Floats = np.log(np.maximum((1 - ASTRAY) * told + ASTRAY * astray, 1e-12))
    return np.where(np.isneginf(low) & np.isposinf(high), 0.0, found)


def _between(low: Floats, high: Floats) -> Floats:
    """Return the normal probability between two scores, exact in both tails."""
    flip = low > 0
    return np.asarray(ndtr(np.where(flip, -low, high)) - ndtr(np.where(flip, -high, low)))


def shares_of(logs: Floats) -> Floats:
    """Return the share of each draw (…, draw) from its log-likelihood; they sum to 1.

    >>> shares_of(np.log(np.array([1.0, 3.0]))).tolist()
    [0.25, 0.75]
    """
    raised = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def pooled(draws: Floats, members: Sequence[Member], bounds: Sequence[tuple[float, float]]) -> Floats:
    """Return the draws of one day after what the members stated, each with the rank that it had.

    Parameters
    ----------
    draws : (draw,) of our forecast alone [ug m-3], in any order
    members, bounds : who spoke, and the lowest and highest mean that each left possible [ug m-3]

    Nothing is said that none of the draws held possible: members move probability between them.

    Examples
    --------
    >>> ours = np.linspace(20.0, 120.0, 201)
    >>> told = pooled(ours, [Member("a", 0.0, 0.2, 1.0, 99, 1.0)], [(75.5, 115.5)])
    >>> bool(np.median(told) > np.median(ours)), bool(told.min() >= 20), bool((np.diff(told) >= 0).all())
    (True, True, True)
    """
    order = np.argsort(draws, kind="stable")
    truth = to_log(draws[order])
    logs = np.zeros(len(truth))
    for member, (low, high) in zip(members, bounds, strict=True):
        ends = log_bounds(np.array([low]), np.array([high]))
        logs += member.weight * log_likelihood(truth, *ends, member.bias, member.spread)
    found = np.empty(len(truth))
    found[order] = _at_ranks(draws[order], shares_of(logs))
    return found


def _at_ranks(ordered: Floats, shares: Floats) -> Floats:
    """Return values at the ranks of as many equal draws, linear between the middles of weighted ones."""
    middles = np.cumsum(shares) - 0.5 * shares
    ranks = (np.arange(len(ordered)) + 0.5) / len(ordered)
    return np.asarray(np.interp(ranks, middles, ordered))


POINTS: Final = 99
_SCORES: Final = ndtri(np.array(QUANTILE_LEVELS))


def draws_of(quantiles: Floats) -> Floats:
    """Return equal draws (row, POINTS), ln(c + 5), of stored quantiles (row, level) [ug m-3].

    Linear in the normal score between the levels, and beyond the outermost by the slope next to it.

    >>> ours = draws_of(np.array([[10.0, 12.0, 18.0, 25.0, 35.0, 48.0, 60.0]]))
    >>> ours.shape, round(float(np.exp(ours[0, 49]) - 5), 1), bool((np.diff(ours) >= 0).all())
    ((1, 99), 25.0, True)
    """
    logs = np.maximum.accumulate(to_log(quantiles), axis=1)
    at = ndtri((np.arange(POINTS) + 0.5) / POINTS)
    left = np.clip(np.searchsorted(_SCORES, at) - 1, 0, len(_SCORES) - 2)
    part = (at - _SCORES[left]) / (_SCORES[left + 1] - _SCORES[left])
    return np.asarray(logs[:, left] + part * (logs[:, left + 1] - logs[:, left]))


def weighted_crps(draws: Floats, shares: Floats, observed: Floats) -> Floats:
    """Return the CRPS of weighted draws in order (row, draw) [unit of the draws].

    >>> weighted_crps(np.array([[0.0, 2.0]]), np.array([[0.5, 0.5]]), np.array([1.0])).tolist()
    [0.5]
    """
    apart = (shares * np.abs(draws - observed[:, None])).sum(axis=1)
    below = np.cumsum(shares, axis=1)[:, :-1]
    return np.asarray(apart - (below * (1 - below) * np.diff(draws, axis=1)).sum(axis=1))
