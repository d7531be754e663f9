"""Adaptation: level and width of a forecast corrected by the errors that are known when it is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from forecasting.calibration.groups import Floats, Groups

Times = npt.NDArray[np.datetime64]

SHIFT_DAYS = 60.0
"""Memory of the level: an error's weight falls to 1/e in so many days."""

SHIFT_PRIOR = 30.0
"""Issues' worth of belief that a family's level is right, and that a group's level is its family's."""

STRETCH_DAYS = 180.0
STRETCH_PRIOR = 60.0
STRETCH_BOUNDS = (0.6, 1.8)
SHIFT_BOUND = 1.0

GRID = np.exp(np.linspace(np.log(0.4), np.log(2.5), 25))
"""Multiples of the half-width of the central 80 % at which the recent coverage is counted."""

COVERAGE = 0.8
DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


@dataclass(frozen=True)
class Adjustment:
    """What recent errors taught, in units of the predicted scale.

    Parameters
    ----------
    shift : (issue, output) added to the standardised error
    stretch : (issue, output) factor of its width
    """

    shift: Floats
    stretch: Floats


@dataclass(frozen=True)
class Past:
    """Standardised errors of earlier forecasts.

    Parameters
    ----------
    issues : (issue,) ascending
    z : (issue, output) standardised errors of the forecast before adjustment, NaN where unknown
    known : (issue, output) when the truth was received [UTC], NaT where it was not
    """

    issues: Times
    z: Floats
    known: Times


def unadjusted(issues: int, outputs: int) -> Adjustment:
    """Return the adjustment that changes nothing: the frozen forecast.

    >>> unadjusted(1, 2).stretch.tolist()
    [[1.0, 1.0]]
    """
    return Adjustment(np.zeros((issues, outputs)), np.ones((issues, outputs)))


def adapt(past: Past, groups: Groups, half_width: Floats, at: Times) -> Adjustment:
    """Return the adjustment of forecasts issued at some instants, from errors known by each of them.

    The shift is the exponentially weighted mean error, shrunk from group to family to nothing. The stretch
    makes the exponentially weighted share of errors inside the central 80 % equal 80 %: a conformal
    quantile with decaying weights, shrunk towards the tabulated width. An error counts from the first
    instant after its own issue at which its truth had been received.

    Parameters
    ----------
    past : earlier errors; more than four memories back they no longer matter
    groups : whose errors are pooled
    half_width : (group,) of the central 80 % of standardised errors
    at : (forecast,) issue times, ascending

    Returns
    -------
    Adjustment of shape (forecast, output)

    References
    ----------
    Barber, Candès, Ramdas and Tibshirani (2023), https://doi.org/10.1214/23-AOS2276

    Examples
    --------
    >>> from forecasting.calibration.groups import groups_of
    >>> issues = np.arange("2020-01-01", "2021-01-01", dtype="M8[D]").astype("M8[ns]")
    >>> z = np.full((len(issues), 1), 0.5)
    >>> past = Past(issues, z, (issues + 2 * DAY)[:, None])
    >>> out = adapt(past, groups_of(["seoul"], [1]), np.array([1.28]), issues[[0, 1, 2, 365]])
    >>> np.round(out.shift[:, 0], 2).tolist()
    [0.0, 0.0, 0.03, 0.44]
    """
    shift_then = _shift(past, groups, past.issues)
    shift = _shift(past, groups, at)
    stretch = _stretch(past, shift_then[:, groups.group], groups, half_width, at)
    return Adjustment(shift[:, groups.group], stretch[:, groups.group])


def _shift(past: Past, groups: Groups, at: Times) -> Floats:
    """Return the shrunken recent mean error of every group, (forecast, group)."""
    weight, total = _recent(past, groups, at, SHIFT_DAYS, [np.ones(past.z.shape), past.z])
    family = np.eye(groups.families)[groups.family]
    size = np.maximum(family.sum(axis=0), 1.0)
    above = (total @ family) / size / ((weight @ family) / size + SHIFT_PRIOR)
    own = (total + SHIFT_PRIOR * above[:, groups.family]) / (weight + SHIFT_PRIOR)
    return np.asarray(np.clip(own, -SHIFT_BOUND, SHIFT_BOUND))


def _stretch(past: Past, shift: Floats, groups: Groups, half_width: Floats, at: Times) -> Floats:
    """Return the factor at which the recent coverage is COVERAGE, (forecast, group)."""
    size = np.abs(past.z - shift) / half_width[groups.group]
    inside = [np.where(size <= c, 1.0, 0.0) for c in GRID]
    weight, *counts = _recent(past, groups, at, STRETCH_DAYS, [np.ones(past.z.shape), *inside])
    family = np.eye(groups.families)[groups.family]
    members = np.maximum(family.sum(axis=0), 1.0)
    n_above = (weight @ family) / members
    expected = _normal_coverage(GRID)
    share = np.empty((len(GRID), *weight.shape))
    for k, count in enumerate(counts):
        above = ((count @ family) / members + STRETCH_PRIOR * expected[k]) / (n_above + STRETCH_PRIOR)
        share[k] = (count + STRETCH_PRIOR * above[:, groups.family]) / (weight + STRETCH_PRIOR)
    return np.clip(_crossing(share), *STRETCH_BOUNDS)


def _normal_coverage(factor: Floats) -> Floats:
    """Return the share of a normal distribution inside multiples of its central 80 %."""
    return np.asarray(2 * ndtr(factor * ndtri((1 + COVERAGE) / 2)) - 1)


def _crossing(share: Floats) -> Floats:
    """Return where shares (grid, ...) that rise along GRID reach COVERAGE."""
    share = np.maximum.accumulate(share, axis=0)
    k = np.clip((share < COVERAGE).sum(axis=0), 1, len(GRID) - 1)
    low, high = (np.take_along_axis(share, i[None], axis=0)[0] for i in (k - 1, k))
    part = np.clip((COVERAGE - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    logs = np.log(GRID)
    return np.asarray(np.exp(logs[k - 1] + part * (logs[k] - logs[k - 1])))


def _recent(past: Past, groups: Groups, at: Times, days: float, values: list[Floats]) -> list[Floats]:
    """Return exponentially weighted sums of values by group as known at each instant, (forecast, group).

    An issue whose outputs are all known counts 1 in its group, however many outputs the group has.
    """
    use = np.isfinite(past.z) & ~np.isnat(past.known)
    row, output = np.nonzero(use)
    usable = np.maximum(past.known[row, output], past.issues[row] + np.timedelta64(1, "ns"))
    first = np.searchsorted(at, usable, side="left")
    row, output, first = (v[first < len(at)] for v in (row, output, first))
    age = (at[first] - past.issues[row]) / DAY
    outputs_in = np.bincount(groups.group, minlength=groups.count)
    group = groups.group[output]
    weight = np.exp(-age / days) / outputs_in[group]
    cell = first * groups.count + group
    decay = np.exp(-(np.diff(at) / DAY) / days)
    sums = []
    for value in values:
        new = np.bincount(cell, weight * value[row, output], minlength=len(at) * groups.count).astype(
            np.float64
        )
        sums.append(_decaying_sum(new.reshape(len(at), groups.count), decay))
    return sums


def _decaying_sum(new: Floats, decay: Floats) -> Floats:
    """Return running sums along the first axis that lose a factor from each step to the next."""
    out = new.copy()
    for i, factor in enumerate(decay):
        out[i + 1] += factor * out[i]
    return out
