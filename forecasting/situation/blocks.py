"""Situations of thousands of issues in errands of some series each: a column reads its own series alone."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.situation.columns import Recipe
from forecasting.situation.rows import situations
from pipeline.asof import AsOfPanel
from pipeline.heavy import HERE, Errand, Heavy

SERIES: Final = 128
"""Series read in one errand."""

FEWEST: Final = 200
"""Issues below which no errand is worth its journey."""

Times = npt.NDArray[np.datetime64]
Rows = npt.NDArray[np.float32]


def situations_apart(
    panel: AsOfPanel, recipe: Recipe, issues: Times, as_of: datetime | None = None, heavy: Heavy = HERE
) -> Rows:
    """Return ``situations``, told wherever heavy work is done; the same to the last bit.

    Parameters
    ----------
    panel : sent once, as long as it is the same object
    """
    keys = list(dict.fromkeys(column.key for column in recipe.columns))
    if heavy is HERE or len(issues) < FEWEST or len(keys) <= SERIES:
        return situations(panel, recipe, issues, as_of)
    number = {key: n // SERIES for n, key in enumerate(keys)}
    block = np.array([number[column.key] for column in recipe.columns])
    places = [np.flatnonzero(block == n) for n in range(block.max() + 1)]
    errands = [
        Errand(f"situations of {len(issues)} issues, part {n + 1}", (_part(recipe, where), issues))
        for n, where in enumerate(places)
    ]
    found = np.empty((len(issues), len(recipe.columns)), np.float32)
    for where, rows in zip(places, heavy.ordered(situations, errands, (panel,)), strict=True):
        found[:, where] = rows
    return found


def _part(recipe: Recipe, where: npt.NDArray[np.int64]) -> Recipe:
    return Recipe(tuple(recipe.columns[i] for i in where))
