"""Adaptation: level and width of a forecast corrected by the errors that are known when it is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from forecasting.calibration.groups import Floats, Groups, Ints

Times = npt.NDArray[np.datetime64]

SHIFT_DAYS = 60.0
"""Memory of the level: an error's weight falls to 1/e in so many days. Held-out days of 2015-2019 were
indifferent between 40 and 90; shorter forgets the season, longer lags behind the trend of emissions."""

SHIFT_PRIOR = 60.0
"""Issues' worth of belief that a group's level is its family's, and that this is the family's slow level."""

SLOW_DAYS = 365.0
"""Memory of a family's slow level: a drift of emissions over years is followed wholly, not by a share."""

SLOW_PRIOR = 30.0
"""Issues' worth of belief that a family's slow level is right."""

SHIFT_BOUND = 1.0
"""Largest shift, in units of the predicted scale."""

STRETCH_DAYS = 120.0
"""Memory of the width: coverage needs more errors than a mean to be known as well."""

STRETCH_PRIOR = 30.0
"""Issues' worth of belief that a family's width is right, and that a group's width is its family's."""

STRETCH_BOUNDS = (0.6, 1.8)

FORGET_DAYS = 365.0
"""Older errors no longer count; a forecast needs twice as many days of the past, for the level then."""

GRID = np.exp(np.linspace(np.log(0.4), np.log(2.5), 25))
"""Multiples of the half-width of the central 80 % at which the recent coverage is counted."""

COVERAGE = 0.8
DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")
CHUNK = 200_000
"""Errors summed at a time, so that they stay in the processor's cache."""

TICK = np.timedelta64(1, "ns")


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
    issues : (issue,) in any order
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

    The shift is the exponentially weighted mean error of a group, shrunk towards its family's, and that
    towards the family's slower mean. The stretch makes the exponentially weighted share of errors inside
    the central 80 % equal 80 %: a conformal quantile with decaying weights, shrunk towards the tabulated
    width. An error counts from the first instant after its own issue at which its truth had been received,
    until it is FORGET_DAYS old.

    Parameters
    ----------
    past : earlier errors
    groups : whose errors are pooled
    half_width : (group, 2) how far the central 80 % of standardised errors reach below and above 0
    at : (forecast,) issue times, in any order

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
    >>> out = adapt(past, groups_of(["seoul"], [1]), np.array([[1.28, 1.28]]), issues[[0, 1, 2, 365]])
    >>> np.round(out.shift[:, 0], 2).tolist()
    [0.0, 0.0, 0.03, 0.49]
    """
    past = _since(past, at)
    shift = recent_level(past, groups, at)
    errors = past.z - recent_level(past, groups, past.issues)[:, groups.group]
    stretch = _stretch(Past(past.issues, errors, past.known), groups, half_width, at)
    return Adjustment(shift[:, groups.group], stretch[:, groups.group])


def _since(past: Past, at: Times) -> Past:
    """Return the errors that can still matter at any of some instants."""
    if not len(at):
        return past
    new = past.issues >= at.min() - np.timedelta64(int(2 * FORGET_DAYS) + 1, "D")
    return Past(past.issues[new], past.z[new], past.known[new])


def recent_level(past: Past, groups: Groups, at: Times) -> Floats:
    """Return the shrunken recent mean error of every group as known at each instant, (forecast, group)."""
    in_family = np.eye(groups.families)[groups.family]
    in_family /= np.maximum(in_family.sum(axis=0), 1.0)
    values = np.where(np.isfinite(past.z), past.z, 0.0)
    slow, fast = (_steps(past, groups, at, days) for days in (SLOW_DAYS, SHIFT_DAYS))
    old, before = (slow.total(v, groups.group, groups.count) @ in_family for v in (None, values))
    weight, total = (fast.total(v, groups.group, groups.count) for v in (None, values))
    above = before / (old + SLOW_PRIOR)
    above = (total @ in_family + SHIFT_PRIOR * above) / (weight @ in_family + SHIFT_PRIOR)
    own = (total + SHIFT_PRIOR * above[:, groups.family]) / (weight + SHIFT_PRIOR)
    return np.asarray(np.clip(own, -SHIFT_BOUND, SHIFT_BOUND))


def _stretch(past: Past, groups: Groups, half_width: Floats, at: Times) -> Floats:
    """Return the factor at which the recent coverage is COVERAGE, (forecast, group)."""
    below, above = half_width[groups.group].T
    bins = np.searchsorted(GRID, np.where(past.z < 0, past.z / -below, past.z / above))
    width = len(GRID) + 1
    cell = groups.group * width + bins
    counts = _steps(past, groups, at, STRETCH_DAYS).total(None, cell, groups.count * width)
    inside = np.cumsum(counts.reshape(len(at), groups.count, width), axis=-1)
    weight, inside = inside[..., -1], inside[..., :-1]
    in_family = np.eye(groups.families)[groups.family]
    in_family /= np.maximum(in_family.sum(axis=0), 1.0)
    n_above = (weight @ in_family)[..., None]
    inside_above = np.einsum("agk,gf->afk", inside, in_family)
    family = (inside_above + STRETCH_PRIOR * NORMAL_COVERAGE) / (n_above + STRETCH_PRIOR)
    share = (inside + STRETCH_PRIOR * family[:, groups.family]) / (weight[..., None] + STRETCH_PRIOR)
    return np.asarray(np.clip(_crossing(share), *STRETCH_BOUNDS))


NORMAL_COVERAGE = 2 * ndtr(GRID * ndtri((1 + COVERAGE) / 2)) - 1
"""Share of a normal distribution inside GRID times its central 80 %."""


def _crossing(share: Floats) -> Floats:
    """Return where shares (..., grid) that rise along GRID reach COVERAGE."""
    k = np.clip((share < COVERAGE).sum(axis=-1), 1, len(GRID) - 1)
    low, high = (np.take_along_axis(share, i[..., None], axis=-1)[..., 0] for i in (k - 1, k))
    part = np.clip((COVERAGE - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    logs = np.log(GRID)
    return np.asarray(np.exp(logs[k - 1] + part * (logs[k] - logs[k - 1])))


@dataclass(frozen=True)
class _Steps:
    """When each error begins to count and when it is forgotten, as positions in the instants asked for.

    Parameters
    ----------
    order : positions that sort the instants
    begin : (issue, output) sorted position; len(order) for never
    end : (issue,) sorted position; len(order) for never
    gain : (issue, output) weight at a common instant
    fade : (instant,) factor from that common instant to each sorted one
    """

    order: Ints
    begin: Ints
    end: Ints
    gain: Floats
    fade: Floats

    def total(self, values: Floats | None, cell: Ints, cells: int) -> Floats:
        """Return weighted sums of values as known at each instant, (instant, cell).

        Parameters
        ----------
        values : (issue, output) what is summed, 0 where unknown; None for 1
        cell : (issue, output) or (output,) where it is summed
        cells : how many there are
        """
        n, width = len(self.order), self.begin.shape[1]
        where = np.broadcast_to(cell, self.begin.shape)
        sums = np.zeros((n + 1) * cells)
        step = max(1, CHUNK // max(width, 1))
        for first in range(0, len(self.begin), step):
            part = slice(first, first + step)
            begin, end = self.begin[part], self.end[part]
            weight = self.gain[part] if values is None else self.gain[part] * values[part]
            sums += np.bincount((begin * cells + where[part]).ravel(), weight.ravel(), minlength=len(sums))
            if (end < n).any():
                left = np.where(begin < n, end[:, None], n) * cells + where[part]
                sums -= np.bincount(left.ravel(), weight.ravel(), minlength=len(sums))
        out = np.empty((n, cells))
        out[self.order] = np.cumsum(sums.reshape(n + 1, cells)[:n], axis=0) * self.fade[:, None]
        return out


def _steps(past: Past, groups: Groups, at: Times, days: float) -> _Steps:
    """Return when each error counts. All outputs of a group together count 1 an issue."""
    order = np.argsort(at, kind="stable")
    instants = at[order]
    begin = np.searchsorted(instants, np.maximum(past.known, past.issues[:, None] + TICK), side="left")
    forgotten = past.issues + np.timedelta64(int(FORGET_DAYS), "D")
    end = np.searchsorted(instants, forgotten, side="right")
    begin[~np.isfinite(past.z) | np.isnat(past.known) | (begin >= end[:, None])] = len(at)
    share = 1.0 / np.bincount(groups.group, minlength=groups.count)[groups.group]
    common = np.concatenate([instants, past.issues, [np.datetime64("2100-01-01", "ns")]]).min()
    gain = np.exp((past.issues - common) / DAY / days)[:, None] * share
    return _Steps(order, begin, end, gain, np.exp(-((instants - common) / DAY) / days))
