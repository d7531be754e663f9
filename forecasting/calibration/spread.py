"""Spread: how large the error of a forecast will be, from what is known when it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.calibration.groups import Floats, Groups, Ints

PENALTY = 200.0
"""Issues' worth of belief that a covariate says nothing about the spread."""

OUTPUT_PRIOR = 100.0
"""Issues' worth of belief that an output has the spread of its group."""

MINIMUM_ROWS = 150
"""Known errors below which a group has a constant spread."""

SMALLEST_SCALE = 0.02
STEPS = 8
REACH = 2.5
"""Covariates are cut at so many standard deviations: beyond, the spread was never measured."""


@dataclass(frozen=True)
class Spread:
    """Logarithm of the scale of errors: linear in the covariates, with own coefficients in every group.

    Parameters
    ----------
    groups : the tree of outputs
    base : (output,) logarithm of the scale at mean covariates
    slope : (group, covariate) coefficients of the standardised covariates, the centre first
    mean, sd : (group, covariate) of the covariates in training
    told_by : (output, covariate) which of all covariates, −1 for none; None for all of them, in order
    """

    groups: Groups
    base: Floats
    slope: Floats
    mean: Floats
    sd: Floats
    told_by: Ints | None = None

    def scale(self, centre: Floats, covariates: Floats) -> Floats:
        """Return the scale of errors, > 0, (issue, output).

        Parameters
        ----------
        centre : (issue, output) the forecast, on the scale of the errors
        covariates : (issue, covariate) or (issue, output, covariate); unknown ones count as average
        """
        group = self.groups.group
        log = np.broadcast_to(self.base, centre.shape).astype(np.float64)
        for k, column in enumerate(_columns(centre, covariates, self.told_by)):
            x = _standardised(column, self.mean[group, k], self.sd[group, k])
            log += x * self.slope[group, k]
        return np.maximum(np.exp(log), SMALLEST_SCALE)

    def of(self, wanted: Ints) -> Spread:
        """Return the spread of some outputs only."""
        groups = Groups(self.groups.group[wanted], self.groups.family)
        told_by = None if self.told_by is None else self.told_by[wanted]
        return replace(self, groups=groups, base=self.base[wanted], told_by=told_by)


def fit_spread(
    errors: Floats, centre: Floats, covariates: Floats, groups: Groups, told_by: Ints | None = None
) -> Spread:
    """Fit the scale of held-out errors.

    A regression of |error| with logarithmic link and gamma likelihood, with a ridge penalty; the scale is
    then set so that squared standardised errors average to 1 in each output, shrunk towards its group.

    Parameters
    ----------
    errors : (issue, output) truth minus forecast, NaN where unknown
    centre : (issue, output) the forecast
    covariates : (issue, covariate) or (issue, output, covariate), NaN where unknown
    groups : which outputs share coefficients; a group with fewer than MINIMUM_ROWS errors gets none
    told_by : (output, covariate) which of all covariates (issue, covariate) tell of an output, −1 for none;
        the same for all outputs of a group; None for all

    References
    ----------
    McCullagh and Nelder (1989), chapter 10 (joint modelling of mean and dispersion)

    Examples
    --------
    >>> from forecasting.calibration.groups import groups_of
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(4000, 1))
    >>> e = rng.normal(size=(4000, 1)) * 0.3 * np.exp(0.5 * x)
    >>> spread = fit_spread(e, np.zeros((4000, 1)), x, groups_of(["seoul"], [1]))
    >>> np.round(spread.scale(np.zeros((2, 1)), np.array([[0.0], [1.0]]))[:, 0], 1).tolist()
    [0.3, 0.5]
    """
    every = covariates.shape[-1] if told_by is None else told_by.shape[1]
    shape = (groups.count, 1 + every)
    mean, sd, slope = np.zeros(shape), np.ones(shape), np.zeros(shape)
    base = np.full(errors.shape[1], np.nan)
    everything = _root_mean_square(errors, 0.0, np.nan)
    for g in range(groups.count):
        own = np.flatnonzero(groups.group == g)
        mine = covariates[:, own] if covariates.ndim == 3 else covariates
        e = errors[:, own]
        x = list(_columns(centre[:, own], mine, None if told_by is None else told_by[own]))
        for k, column in enumerate(x):
            mean[g, k], sd[g, k] = _location(column[np.isfinite(e)])
        ready = np.stack([_standardised(c, mean[g, k], sd[g, k]) for k, c in enumerate(x)], axis=-1)
        if np.isfinite(e).sum() >= MINIMUM_ROWS:
            slope[g] = _fit_slopes(np.abs(e), ready)
        z = e / np.exp(ready @ slope[g])
        whole = _root_mean_square(z, OUTPUT_PRIOR / 4, everything)
        for j, column in zip(own, z.T, strict=True):
            base[j] = np.log(max(_root_mean_square(column, OUTPUT_PRIOR, whole), SMALLEST_SCALE))
    return Spread(groups, base, slope, mean, sd, told_by)


def _columns(centre: Floats, covariates: Floats, told_by: Ints | None = None) -> Iterator[Floats]:
    """Yield the covariates, the centre first, each (issue, output)."""
    yield centre
    if told_by is None:
        wide = covariates if covariates.ndim == 3 else covariates[:, None, :]
        yield from (np.broadcast_to(wide[..., k], centre.shape) for k in range(wide.shape[-1]))
    else:
        for chosen in told_by.T:
            yield np.where(chosen >= 0, covariates[:, chosen], np.nan)


def _location(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of the known values; 0 and 1 when there are none."""
    known = values[np.isfinite(values)]
    if len(known) < 2 or float(np.std(known)) < 1e-9:
        return (float(known.mean()) if len(known) else 0.0), 1.0
    return float(known.mean()), float(np.std(known))


def _standardised(values: Floats, mean: Floats | float, sd: Floats | float) -> Floats:
    z = (values.astype(np.float64) - mean) / sd
    return np.asarray(np.clip(np.nan_to_num(z, nan=0.0), -REACH, REACH))


def _fit_slopes(size: Floats, x: Floats) -> Floats:
    """Return the coefficients of a gamma regression with logarithmic link, by Fisher scoring.

    Outputs of one issue err together, so the penalty counts issues, not rows.
    """
    known = np.isfinite(size)
    rows, y = x[known], size[known]
    design = np.column_stack([np.ones(len(y)), rows])
    per_issue = len(y) / max(1, int(known.any(axis=1).sum()))
    penalty = np.diag(np.r_[1e-9, np.full(rows.shape[1], PENALTY * per_issue)])
    information = design.T @ design + penalty
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(max(float(y.mean()), SMALLEST_SCALE / 2))
    for _ in range(STEPS):
        ratio = np.minimum(y / np.exp(design @ beta), 4.0)
        held = penalty @ np.r_[0.0, beta[1:]]
        step = np.linalg.solve(information, design.T @ (ratio - ratio.mean()) - held)
        beta[1:] += np.clip(step[1:], -0.5, 0.5)
        beta[0] += np.log(max(float(ratio.mean()), 1e-6))
    return beta[1:]


def _root_mean_square(z: Floats, prior: float, expected: float) -> float:
    """Return the root mean square of the known values, with so many values of prior belief."""
    known = z[np.isfinite(z)]
    believed = prior * expected**2 if prior and np.isfinite(expected) else 0.0
    n = len(known) + (prior if believed else 0.0)
    return (
        float(np.sqrt((np.sum(known**2) + believed) / n))
        if n
        else (expected if np.isfinite(expected) else 1.0)
    )
