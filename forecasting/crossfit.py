"""Cross-fitting: one boosted model per part of the past, so that every error is a held-out error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.targets import Floats

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

BLOCK_DAYS = 91
PURGE = np.timedelta64(5, "D").astype("timedelta64[ns]")


@dataclass(frozen=True)
class Effort:
    """How much work a training is: issues and rows drawn, parts held out in turn, size of the trees."""

    issues: int
    rows_per_target: int
    bank_issues: int
    folds: int
    iterations: int
    learning_rate: float
    leaves: int
    columns: float


EFFORTS = {
    "quick": Effort(700, 16, 260, 3, 100, 0.08, 16, 0.3),
    "full": Effort(3600, 14, 900, 5, 250, 0.05, 24, 0.2),
}


def fold_of(issue: npt.NDArray[np.datetime64], start: np.datetime64, folds: int) -> npt.NDArray[np.int64]:
    """Deal blocks of BLOCK_DAYS to the folds in turn."""
    block = (issue - start) // np.timedelta64(BLOCK_DAYS, "D")
    return (block.astype(np.int64) % folds).astype(np.int64)


def booster_of(size: Effort, seed: int, spread: bool = False) -> HistGradientBoostingRegressor:
    """Return an unfitted booster of the given effort, smaller and stiffer for the spread."""
    return HistGradientBoostingRegressor(
        max_iter=size.iterations // 3 if spread else size.iterations,
        learning_rate=size.learning_rate,
        max_leaf_nodes=8 if spread else size.leaves,
        min_samples_leaf=100 if spread else 40,
        l2_regularization=20.0,
        max_features=size.columns,
        early_stopping=False,
        random_state=seed,
    )


def cross_fit(
    x: npt.NDArray[np.float32],
    y: Floats,
    issue: npt.NDArray[np.datetime64],
    fold: npt.NDArray[np.int64],
    booster: HistGradientBoostingRegressor,
    tell: Progress,
) -> tuple[list[HistGradientBoostingRegressor], Floats]:
    """Fit one model per fold on the other folds, purged around its blocks; also predict what was held out."""
    models, held_out = [], np.zeros(len(y))
    folds = int(fold.max()) + 1
    for k in range(folds):
        tell("boosting", k, folds)
        out = fold == k
        edges = np.sort(np.unique(issue[out]))
        near = _within(issue, edges, PURGE)
        learned = x[~out & ~near]
        learned[:, ~np.isfinite(learned).any(axis=0)] = 0.0  # a column without values cannot be binned
        models.append(_clone(booster).fit(learned, y[~out & ~near]))
        if out.any():
            held_out[out] = models[-1].predict(x[out])
    return models, held_out


def _clone(booster: HistGradientBoostingRegressor) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(**booster.get_params())


def _within(
    when: npt.NDArray[np.datetime64], marks: npt.NDArray[np.datetime64], distance: np.timedelta64
) -> npt.NDArray[np.bool_]:
    """Tell which instants lie within a distance of any of the sorted marks."""
    if not len(marks):
        return np.zeros(len(when), bool)
    right = np.clip(np.searchsorted(marks, when), 0, len(marks) - 1)
    left = np.maximum(right - 1, 0)
    near: npt.NDArray[np.bool_] = (np.abs(when - marks[left]) <= distance) | (
        np.abs(when - marks[right]) <= distance
    )
    return near
