"""Which inputs moved a forecast, and by how much: shares that add up along the path from the usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting.kernel.hour import HourModel
from forecasting.outputs import Ints
from forecasting.situation.columns import CALENDAR, Recipe
from forecasting.targets import day_of_year

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(6)
NODES, SHARES = (1 + _ROOTS) / 2, _WEIGHTS / 2
"""Points of the path from the usual to the present situation, and their weights in the integral."""

STEP = 0.02
"""Part of the path over which a slope is taken, to either side."""

SEASON_DAYS = 20.0
"""The usual is a mean of training over all years, with a Gaussian weight of so many days about the date."""


@dataclass(frozen=True)
class Moved:
    """What moved some outputs, on the scale ln(c + 5).

    Parameters
    ----------
    usual, centre : (output,) forecast of the usual and of the present situation
    effect : (input, output) share of each input; over the inputs they add up to centre − usual
    alone : (input, output) forecast of the present situation with that input alone as usual
    """

    usual: Floats
    centre: Floats
    effect: Floats
    alone: Floats


def usual_of(fitted: HourModel, recipe: Recipe, values: Matrix, issue: np.datetime64) -> Matrix:
    """Return the usual situation (1, recipe column) beside a present one of the same shape.

    It has the present calendar, and of every other column of the fit the mean of its season in training; a
    column that is not known now is not known in it either, and moves nothing.

    Parameters
    ----------
    issue : instant of the situation, for the season
    """
    spread = np.where(np.isfinite(fitted.scaling.spread), fitted.scaling.spread, 0.0)
    usual = values.copy()
    usual[0, fitted.kept] = fitted.scaling.mean + _season_mean(fitted, issue) * spread
    same = np.array([c.group == CALENDAR for c in recipe.columns]) | ~np.isfinite(values[0])
    return np.where(same, values, usual).astype(np.float32)


def _season_mean(fitted: HourModel, issue: np.datetime64) -> Matrix:
    """Return the mean of every standardised column (column,) about a date; what was unknown is exactly 0."""
    days = day_of_year(np.append(fitted.issues, issue).astype("M8[ns]"))
    gap = np.abs(days[:-1] - days[-1])
    weight = np.exp(-0.5 * (np.minimum(gap, 366 - gap) / SEASON_DAYS) ** 2)
    near = np.flatnonzero(weight > 1e-3)
    z, weight = fitted.z[near].astype(np.float32), weight[near].astype(np.float32)
    mean: Matrix = weight @ z / np.maximum(weight @ (z != 0), 1e-6)
    return mean


def attribute(fitted: HourModel, now: Matrix, usual: Matrix, inputs: Sequence[Ints]) -> Moved:
    """Share out what separates the forecast of every output from that of the usual situation among inputs.

    Every input gets the integral of the slope in its own columns along the straight path from the usual to
    the present situation (Aumann & Shapley 1974; Sundararajan et al. 2017, Proc. Mach. Learn. Res. 70,
    3319-3328). So shares add up, an input on which the forecast depends linearly gets exactly what it moves,
    and one on which it does not depend gets nothing. Nothing is assumed of the fit but that it is smooth.

    Parameters
    ----------
    fitted : cut down to the outputs that are asked for, see ``only``
    now, usual : (1, recipe column) raw situations
    inputs : positions in the recipe of the columns of each input; together all that may differ
    """
    count = len(inputs)
    owner = np.zeros((count, now.shape[1]), np.float32)
    for row, positions in enumerate(inputs):
        owner[row, positions] = 1.0
    gap = np.where(np.isfinite(now), now - usual, 0.0)
    path = [usual + at * gap + side * STEP * gap * owner for at in NODES for side in (1.0, -1.0)]
    rows = np.concatenate([usual, now, np.where(owner > 0, usual, now), *path]).astype(np.float32)
    said = fitted.predict(rows)
    sides = said[2 + count :].reshape(len(NODES), 2, count, said.shape[1])
    slopes = (sides[:, 0] - sides[:, 1]) / (2 * STEP)
    effect = np.tensordot(SHARES, slopes, axes=1)
    return Moved(said[0], said[1], _closed(effect, said[1] - said[0]), said[2 : 2 + count])


def only(fitted: HourModel, wanted: Ints) -> HourModel:
    """Return a fit that predicts some outputs (n,) only, the same numbers sooner."""
    keys = tuple(fitted.keys[j] for j in wanted)
    return replace(
        fitted,
        grams={key: fitted.grams[key] for key in dict.fromkeys(keys)},
        keys=keys,
        alpha=fitted.alpha[:, wanted],
        centre=fitted.centre[wanted],
        level=fitted.level[wanted],
        usual=fitted.usual[wanted],
    )


def _closed(effect: Floats, total: Floats) -> Floats:
    """Spread what the integral leaves over in proportion to the sizes of the shares.

    >>> _closed(np.array([[1.0], [-0.5]]), np.array([0.53])).round(2).tolist()
    [[1.02], [-0.49]]
    """
    left = total - effect.sum(axis=0)
    size = np.abs(effect)
    return np.asarray(effect + left * size / np.maximum(size.sum(axis=0), 1e-12))


def alone_in(fitted: HourModel, now: Matrix, usual: Matrix, columns: Ints) -> Floats:
    """Return by how much each of some columns alone moves every output, the others being as now.

    Returns
    -------
    (column, output)
    """
    rows = np.repeat(now, len(columns), axis=0)
    rows[np.arange(len(columns)), columns] = usual[0, columns]
    said = fitted.predict(np.concatenate([now, rows]))
    return np.asarray(said[0] - said[1:])
