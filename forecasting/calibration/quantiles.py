"""Distributions: the shape of standardised errors, and probabilities and quantiles that agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from forecasting.calibration.adaptive import Adjustment
from forecasting.calibration.groups import Floats, Groups, Ints

NODES = np.linspace(-2.6, 2.6, 27)
"""Standard normal scores at which a shape is tabulated; straight lines between and beyond them."""

SHAPE_PRIOR = 2000.0
"""Issues' worth of belief that a group has the shape of its family, and a family that of everything."""

STEEPEST, FLATTEST = 2.5, 0.25
"""Bounds of the slope of a shape: it rises everywhere, and no tail runs away."""


@dataclass(frozen=True)
class Shape:
    """Standardised error as a function of its normal score, rising, for every group.

    Parameters
    ----------
    groups : the tree of outputs
    table : (group, node) standardised errors at NODES
    """

    groups: Groups
    table: Floats

    @property
    def half_width(self) -> Floats:
        """Return how far the central 80 % of standardised errors reach below and above 0, (group, 2)."""
        ends = np.array([[-Z80], [Z80]]) * np.ones(self.groups.count)
        low, high = _broken_line(ends, NODES, self.table, values=True)
        return np.asarray(np.maximum(np.stack([-low, high], axis=-1), 0.1))

    def errors_at(self, scores: Floats) -> Floats:
        """Return standardised errors (..., output) at normal scores of the same shape."""
        return _broken_line(scores, NODES, self.table[self.groups.group], values=True)

    def scores_of(self, z: Floats) -> Floats:
        """Return the normal scores (..., output) of standardised errors: the inverse of ``errors_at``."""
        return _broken_line(z, NODES, self.table[self.groups.group], values=False)


Z80 = float(ndtri(0.9))


def fit_shape(z: Floats, groups: Groups) -> Shape:
    """Tabulate the quantiles of standardised held-out errors of every group.

    A group's quantiles are averaged with those of its family, a family's with those of everything, and
    those with the normal distribution's, by the number of issues against SHAPE_PRIOR.

    Parameters
    ----------
    z : (issue, output) standardised errors, NaN where unknown
    groups : whose errors are pooled

    References
    ----------
    Ratcliff (1979), https://doi.org/10.1037/0033-2909.86.3.446 (averaging quantiles keeps the shape)

    Examples
    --------
    >>> from forecasting.calibration.groups import groups_of
    >>> z = np.random.default_rng(0).normal(size=(20000, 1))
    >>> shape = fit_shape(z, groups_of(["seoul"], [1]))
    >>> bool(np.abs(shape.table[0] - NODES).max() < 0.15)
    True
    """
    everything = _shrunk(z, NODES)
    families = [_shrunk(z[:, groups.family[groups.group] == f], everything) for f in range(groups.families)]
    table = [_shrunk(z[:, groups.group == g], families[groups.family[g]]) for g in range(groups.count)]
    return Shape(groups, np.array(table).reshape(groups.count, len(NODES)))


def _shrunk(z: Floats, prior: Floats) -> Floats:
    """Return the quantiles of some standardised errors at NODES, averaged with what was believed before."""
    known = z[np.isfinite(z)]
    issues = float(np.isfinite(z).any(axis=1).sum()) if z.size else 0.0
    if issues < 2:
        return prior
    own = np.quantile(known, ndtr(NODES))
    reach = np.clip(issues * (1 - ndtr(np.abs(NODES))) * 8, 0.0, issues)
    weight = reach / (reach + SHAPE_PRIOR)
    mixed = weight * own + (1 - weight) * prior
    middle = len(NODES) // 2
    rise = np.clip(np.diff(mixed) / np.diff(NODES), FLATTEST, STEEPEST) * np.diff(NODES)
    return np.asarray(mixed[middle] + np.r_[0.0, np.cumsum(rise)] - rise[:middle].sum())


def _broken_line(x: Floats, nodes: Floats, rows: Floats, *, values: bool) -> Floats:
    """Return a rising broken line, one for each entry of the last axis, or its inverse, continued beyond.

    Parameters
    ----------
    x : (..., output)
    nodes : (node,) equally spaced
    rows : (output, node) values at the nodes
    values : the values at positions ``x``, else the positions of values ``x``
    """
    step, last = nodes[1] - nodes[0], len(nodes) - 2
    if values:
        at = np.clip(np.floor((x - nodes[0]) / step), 0, last)
    else:
        at = np.zeros(x.shape)
        for k in range(1, last + 1):
            at += x >= rows[:, k]
    at = np.nan_to_num(at, nan=0.0).astype(np.int64)
    output = np.broadcast_to(np.arange(len(rows)), x.shape)
    low, high = rows[output, at], rows[output, at + 1]
    start = nodes[0] + step * at
    if values:
        return np.asarray(low + (x - start) * (high - low) / step)
    return np.asarray(start + (x - low) * step / (high - low))


@dataclass(frozen=True)
class Distribution:
    """What is forecast: a continuous rising distribution function for every issue and output.

    Probabilities, quantiles and scores are read from the one function, so they agree, and quantiles never
    cross.

    Parameters
    ----------
    shape : of standardised errors
    centre, scale : (issue, output) on the scale of the errors
    adjustment : what recent errors taught
    """

    shape: Shape
    centre: Floats
    scale: Floats
    adjustment: Adjustment

    def of(self, wanted: Ints) -> Distribution:
        """Return the distribution of some outputs (n,) only."""
        groups = Groups(self.shape.groups.group[wanted], self.shape.groups.family)
        kept = Adjustment(self.adjustment.shift[:, wanted], self.adjustment.stretch[:, wanted])
        shape = Shape(groups, self.shape.table)
        return Distribution(shape, self.centre[:, wanted], self.scale[:, wanted], kept)

    def quantiles(self, levels: Floats) -> Floats:
        """Return the quantiles (issue, output, level) at levels in (0, 1)."""
        return np.stack([self.at_scores(np.full(self.centre.shape, s)) for s in ndtri(levels)], axis=-1)

    def at_scores(self, scores: Floats) -> Floats:
        """Return the values (..., issue, output) at normal scores of that shape; samples come from this."""
        z = self.shape.errors_at(scores) * self.adjustment.stretch + self.adjustment.shift
        return np.asarray(self.centre + self.scale * z)

    def scores_of(self, values: Floats) -> Floats:
        """Return the normal scores (..., issue, output) of values: the inverse of ``at_scores``."""
        z = ((values - self.centre) / self.scale - self.adjustment.shift) / self.adjustment.stretch
        return self.shape.scores_of(z)

    def probability(self, thresholds: Floats) -> Floats:
        """Return the probability (issue, output, threshold) that a threshold is exceeded."""
        scores = [self.scores_of(np.full(self.centre.shape, t)) for t in np.atleast_1d(thresholds)]
        return np.stack([ndtr(-s) for s in scores], axis=-1)
