"""The fit of one kernel's outputs at one hour of the day: that of a city depends on that of no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from forecasting.kernel.gram import Floats, Gram
from forecasting.kernel.penalties import penalty_of
from forecasting.kernel.solve import coefficients, held_out_errors, inverse, year_blocks
from forecasting.outputs import Ints

if TYPE_CHECKING:
    from forecasting.kernel.hour import HourModel

SAME_ROWS = 0.98
"""Targets of which at least this share of the issues is known are solved together."""


@dataclass(frozen=True)
class Solution:
    """What was found for the outputs of one kernel.

    Parameters
    ----------
    alpha : (row, output of this kernel) coefficients
    errors : of the same shape: truth minus forecast of a fit that never saw the year; NaN if unknown
    """

    gram: Gram
    alpha: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """Outputs that share rows, kernel and penalty.

    Parameters
    ----------
    penalty : of the ridge
    columns : of the outputs
    rows : training situations with a known truth
    """

    penalty: float
    columns: Ints
    rows: Ints


def solution_of(model: HourModel, key: str, gram: Gram) -> Solution:
    """Solve for the outputs that use a kernel, from the training situations of a model."""
    mine = model.columns(key)
    truth = model.truth[:, mine].astype(np.float64) - model.offset[:, mine] - model.centre[mine]
    alpha = np.zeros(truth.shape, np.float32)
    errors = np.full(truth.shape, np.nan, np.float32)
    trained = model.z
    kernel = gram.between(trained, trained)
    for part in _parts(key, model, np.isfinite(model.truth)):
        columns = np.searchsorted(mine, part.columns)
        _fit_part(part, kernel, truth[:, columns], model.issues, (alpha, errors, columns))
    return Solution(gram, alpha, errors)


def _parts(key: str, model: HourModel, known: npt.NDArray[np.bool_]) -> list[Part]:
    """Group the outputs of a kernel by the rows of their target and by penalty."""
    outputs = model.outputs
    found: dict[tuple[int, float], list[int]] = {}
    full = np.arange(len(known))
    for j in model.columns(key):
        target = int(outputs.target[j])
        mine = known[:, outputs.target == target].any(axis=1)
        group = -1 if mine.mean() >= SAME_ROWS else target
        found.setdefault((group, penalty_of(int(outputs.end[j]), model.penalties)), []).append(int(j))
    return [
        Part(
            penalty,
            np.array(columns, np.int64),
            full if group < 0 else np.flatnonzero(known[:, outputs.target == group].any(axis=1)),
        )
        for (group, penalty), columns in found.items()
    ]


def _fit_part(
    part: Part,
    kernel: Floats,
    truth: Floats,
    issues: npt.NDArray[np.datetime64],
    into: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Ints],
) -> None:
    """Solve one part and write its coefficients and held-out errors into the columns it owns."""
    if not len(part.rows):
        return
    alpha, errors, columns = into
    mine = truth[part.rows]
    whole = len(part.rows) == len(kernel)
    inverted = inverse(kernel if whole else kernel[np.ix_(part.rows, part.rows)], part.penalty)
    solved = coefficients(inverted, mine)
    alpha[np.ix_(part.rows, columns)] = solved
    unseen = held_out_errors(inverted, solved, year_blocks(issues[part.rows]))
    errors[np.ix_(part.rows, columns)] = np.where(np.isfinite(mine), unseen, np.nan)
