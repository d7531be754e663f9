"""Joint futures: calibrated margins, tied together as the errors of past forecasts hung together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.outputs import Ints, Outputs, interval_matrix
from forecasting.targets import Floats, day_of_year

MEMBERS = 200
SEASON_DAYS = 45
"""Past issues this close in the year lend their errors' order."""

SEED = 20190305
LARGEST_CHANGE = 4.0
"""A day's intervals are stretched by no more than this to make up the day's own mean."""


@dataclass(frozen=True)
class Ties:
    """Ranks of past error trajectories, for every month.

    Parameters
    ----------
    ranks : (12, member, output) rank of each member at each output, 0 … members − 1
    """

    ranks: npt.NDArray[np.uint8]

    def tie(self, margins: Floats, month: int) -> Floats:
        """Give margins the rank order of past errors, output by output (Schaake shuffle).

        Clark et al. (2004), J. Hydrometeor. 5, 243-262; with past forecast errors as the template as in
        Schefzik (2016), Q. J. R. Meteorol. Soc. 142, 2465-2475.

        Parameters
        ----------
        margins : (..., output, member) rising along the members
        month : 1 … 12

        Returns
        -------
        (..., member, output)

        Examples
        --------
        >>> ranks = np.array([[[2, 0], [0, 2], [1, 1]]], np.uint8)
        >>> Ties(ranks).tie(np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), 1).tolist()
        [[3.0, 10.0], [1.0, 30.0], [2.0, 20.0]]
        """
        ranks = self.ranks[(month - 1) % len(self.ranks)].astype(np.int64)
        turned = np.swapaxes(margins, -1, -2)
        return turned[..., ranks, np.arange(turned.shape[-1])]


def ties_of(z: Floats, issues: npt.NDArray[np.datetime64], outputs: Outputs) -> Ties:
    """Choose past issues of each season and rank their held-out errors, output by output.

    Parameters
    ----------
    z : (issue, output) standardised held-out errors, NaN where unknown
    issues : (issue,) [UTC]

    Gaps are interpolated along a target's intervals; a target of which an issue knows less than half takes
    the trajectory of another issue, and, if there is none, errors without any order.
    """
    rng = np.random.default_rng(SEED)
    whole = _completed(z, outputs, rng)
    days = day_of_year(issues)
    known = np.isfinite(z).mean(axis=1)
    months = []
    for month in range(12):
        gap = np.abs(days - (15 + 30.4 * month))
        gap = np.minimum(gap, 366 - gap)
        near = np.argsort(gap + 1e3 * (known < 0.5), kind="stable")
        pool = near[: max(int(((gap <= SEASON_DAYS) & (known >= 0.5)).sum()), min(MEMBERS, len(near)))]
        rows = rng.choice(pool, MEMBERS, replace=len(pool) < MEMBERS)
        jitter = 1e-6 * rng.standard_normal((MEMBERS, z.shape[1]))
        months.append(np.argsort(np.argsort(whole[rows] + jitter, axis=0), axis=0).astype(np.uint8))
    return Ties(np.stack(months))


def _completed(z: Floats, outputs: Outputs, rng: np.random.Generator) -> Floats:
    whole = z.copy()
    for target in range(len(outputs.targets)):
        for days in (False, True):
            columns = outputs.of(target, days=days)
            if len(columns):
                whole[:, columns] = _target_completed(z[:, columns], outputs.end[columns], rng)
    return whole


def _target_completed(z: Floats, ends: Ints, rng: np.random.Generator) -> Floats:
    known = np.isfinite(z)
    good = known.mean(axis=1) >= 0.5
    out = z.copy()
    for row in np.flatnonzero(good & ~known.all(axis=1)):
        out[row] = np.interp(ends, ends[known[row]], z[row, known[row]])
    donors = np.flatnonzero(good)
    poor = np.flatnonzero(~good)
    out[poor] = out[rng.choice(donors, len(poor))] if len(donors) else rng.standard_normal((len(poor), 1))
    return out


def agree_with_days(drawn: Floats, margins: Floats, outputs: Outputs) -> Floats:
    """Stretch the intervals of each day so that the day means follow their own, better known margin.

    A member keeps its rank among the day means of all members; its intervals of that day are multiplied by
    one factor, at most LARGEST_CHANGE, so that its day mean is the margin's value of that rank.

    Parameters
    ----------
    drawn : (..., member, output) joint values [ug m-3]
    margins : (..., output, member) rising along the members [ug m-3]

    Returns
    -------
    (..., member, output); the outputs of days hold what their intervals now average to
    """
    out = drawn.copy()
    for target in range(len(outputs.targets)):
        single, means = interval_matrix(outputs, target)
        for day, weights in zip(outputs.of(target, days=True), means, strict=True):
            mine = single[weights > 0]
            if not len(mine):
                continue
            parts = np.ascontiguousarray(drawn[..., mine])
            level = parts @ np.full(len(mine), 1.0 / len(mine))
            order = np.argsort(level, axis=-1, kind="stable")
            wanted = np.empty_like(level)
            np.put_along_axis(wanted, order, margins[..., day, :], axis=-1)
            factor = np.clip(wanted / np.maximum(level, 1e-3), 1 / LARGEST_CHANGE, LARGEST_CHANGE)
            out[..., mine] = parts * factor[..., None]
            out[..., day] = level * factor
    return out
