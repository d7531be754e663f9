"""Situations told before, so that several models and several uses of one issue read the panel once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import numpy.typing as npt

from forecasting.situation.columns import Recipe
from forecasting.weather_ahead import Source, situations_of
from pipeline.asof import AsOfPanel
from pipeline.heavy import HERE, Heavy
from pipeline.times import to_ns

Times = npt.NDArray[np.datetime64]
Rows = npt.NDArray[np.float32]
Read = Callable[[AsOfPanel, Recipe, Times, datetime | None, Source | None], Rows]
"""Tells situations as ``forecasting.weather_ahead.situations_of`` does."""


class Remembered:
    """Tells the situations of one panel, and remembers them by issue; a row depends on no other issue.

    Parameters
    ----------
    heavy : where many of them are told
    """

    def __init__(self, heavy: Heavy = HERE) -> None:
        self._heavy = heavy
        self._recipes: list[Recipe] = []
        self._rows: dict[tuple[int, np.datetime64 | None, int], npt.NDArray[np.float32]] = {}

    def __call__(
        self,
        panel: AsOfPanel,
        recipe: Recipe,
        issues: Times,
        as_of: datetime | None = None,
        ahead: Source | None = None,
    ) -> Rows:
        """Return (issue, column); see ``situations_of``. Panel and source must be the same at every call."""
        if recipe not in self._recipes:
            self._recipes.append(recipe)
        number = self._recipes.index(recipe)
        snapshot = None if as_of is None else to_ns(as_of)
        keys = [(number, snapshot, int(i)) for i in np.asarray(issues, "datetime64[ns]").astype(np.int64)]
        new = np.array([n for n, key in enumerate(keys) if key not in self._rows], np.int64)
        if len(new):
            told = situations_of(panel, recipe, issues[new], as_of, ahead, self._heavy)
            self._rows |= {keys[n]: row for n, row in zip(new, told, strict=True)}
        return np.array([self._rows[key] for key in keys], np.float32).reshape(len(keys), len(recipe.columns))
