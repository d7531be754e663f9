"""Which probability is worth acting on: cost and loss, recalibration with pooled cells, and its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from forecasting.verification.intervals import block_counts, interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

EDGE: Final = 0.005
"""Probabilities nearer to 0 or 1 than this are taken as this: a count of samples knows no smaller ones."""

CENTRE: Final = -0.2
"""Log odds around which slopes turn, those of 0.45: near the probabilities that are acted on."""

OVERALL_SD: Final = 0.5
GROUP_SD: Final = 0.25
"""Standard deviations of what is believed before: of shift and slope of all cells together, and of what each
group of cells, and each cell, adds to them."""

BINS: Final = 40
STEPS: Final = 50


@dataclass(frozen=True)
class Recalibration:
    """Log odds of the event by cell: ``x + shift + slope · (x - CENTRE)``, x those of the forecast."""

    shift: Floats
    slope: Floats

    def acting(self, ratio: Floats) -> Floats:
        """Return the forecast probability at which the event has the probability ``ratio``, by cell [1].

        >>> Recalibration(np.zeros(1), np.zeros(1)).acting(np.array([0.4])).round(6).tolist()
        [0.4]
        """
        slope = np.maximum(1 + self.slope, 0.2)
        x = (log_odds(ratio) - CENTRE - self.shift) / slope + CENTRE
        found: Floats = expit(x)
        return found


def log_odds(p: Floats) -> Floats:
    """Return ln(p / (1 - p)), with p kept EDGE away from 0 and 1.

    >>> log_odds(np.array([0.5, 0.0])).round(3).tolist()
    [0.0, -5.293]
    """
    inside = np.clip(p, EDGE, 1 - EDGE)
    found: Floats = np.log(inside / (1 - inside))
    return found


def recalibrate(p: Floats, event: Bools, weight: Floats, cell: Ints, groups: Sequence[Ints]) -> Recalibration:
    """Fit shift and slope of the log odds by cell, each cell leaning on its groups and on all together.

    Penalised maximum likelihood, that is the mode of a hierarchical logistic model with normal priors around
    a calibrated forecast: a cell without events takes over what its groups show.

    Parameters
    ----------
    p, event, weight, cell : (case,) forecast probability, outcome, worth of the case in independent ones,
        and its cell
    groups : for every way of grouping, the (cell,) group of each cell, counted from 0

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0, 1, 4000)
    >>> happened = rng.uniform(0, 1, 4000) < p
    >>> fit = recalibrate(p, happened, np.ones(4000), np.zeros(4000, int), [np.zeros(1, int)])
    >>> bool(abs(fit.shift[0]) < 0.15 and abs(fit.slope[0]) < 0.15)
    True
    """
    cells = len(groups[0])
    x, share, count, at = _binned(p, event, weight, cell, cells)
    ways = [np.zeros(cells, np.int64), *groups, np.arange(cells)]
    spreads = [OVERALL_SD] + [GROUP_SD] * (len(groups) + 1)
    members = np.concatenate([np.eye(int(way.max()) + 1)[way] for way in ways], axis=1)
    penalty = np.concatenate([[sd**-2] * (int(w.max()) + 1) for w, sd in zip(ways, spreads, strict=True)])
    design = np.concatenate([members[at], members[at] * (x - CENTRE)[:, None]], axis=1)
    both = np.concatenate([penalty, penalty])
    found = np.zeros(design.shape[1])
    for _ in range(STEPS):
        q = expit(x + design @ found)
        gradient = design.T @ (count * (share - q)) - both * found
        curvature = (design.T * (count * q * (1 - q))) @ design + np.diag(both)
        step = np.linalg.solve(curvature, gradient)
        longest = float(np.abs(step).max())
        found += step / max(longest, 1.0)
        if longest < 1e-8:
            break
    half = len(found) // 2
    return Recalibration(members @ found[:half], members @ found[half:])


def _binned(
    p: Floats, event: Bools, weight: Floats, cell: Ints, cells: int
) -> tuple[Floats, Floats, Floats, Ints]:
    """Return mean log odds, frequency, weight and cell of every bin of log odds that holds a case."""
    x = log_odds(p)
    low, high = log_odds(np.array([0.0, 1.0]))
    place = np.minimum(((x - low) / (high - low) * BINS).astype(np.int64), BINS - 1) + BINS * cell
    count = np.bincount(place, weight, BINS * cells).astype(np.float64)
    there = np.flatnonzero(count > 0)
    total = count[there]
    mean = np.bincount(place, weight * x, BINS * cells)[there] / total
    share = np.bincount(place, weight * event, BINS * cells)[there] / total
    return mean, share, total, (there // BINS).astype(np.int64)


def expense(acts: Bools, event: Bools, ratio: Floats) -> Floats:
    """Return what each case costs, in units of the loss that acting saves: the cost if acted, else the loss.

    Richardson (2000), https://doi.org/10.1002/qj.49712656313.

    >>> expense(np.array([True, False, False]), np.array([False, True, False]), np.full(3, 0.4)).tolist()
    [0.4, 1.0, 0.0]
    """
    found: Floats = np.where(acts, ratio, event.astype(np.float64))
    return found


def value(
    spent: Floats, without: Floats, perfect: Floats, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the relative economic value of a rule and its 90 % interval over blocks of days.

    Parameters
    ----------
    spent, without, perfect : (day,) expense by successive days: of the rule, of acting as the climate alone
        tells, and of who knows what comes

    Returns
    -------
    1 for who knows, 0 for no better than the climate, with low and high; NaN where nothing can be gained

    Examples
    --------
    >>> spent, without, perfect = np.full(30, 0.3), np.full(30, 0.4), np.full(30, 0.2)
    >>> [round(v, 3) for v in value(spent, without, perfect, np.random.default_rng(0))]
    [0.5, 0.5, 0.5]
    """
    counts = block_counts(len(spent), rng)
    gain, most = counts @ (without - spent), counts @ (without - perfect)
    ratio = np.divide(gain, most, out=np.full(len(gain), np.nan), where=most > 1e-9)
    low, high = interval(ratio[1:, None])
    return float(ratio[0]), float(low[0]), float(high[0])
