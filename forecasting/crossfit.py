"""Cross-fitting: one boosted model per part of the past, so that every error is a held-out error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.features import Layout
from forecasting.linear import fit_linear
from forecasting.model import Member, spread_columns
from forecasting.targets import Floats
from forecasting.threads import side_by_side, single_threaded

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

BLOCK_DAYS = 91

PURGE = np.timedelta64(5, "D").astype("timedelta64[ns]")


@dataclass(frozen=True)
class Effort:
    """How much work a training is: issues and rows drawn, parts held out in turn, boosting steps."""

    issues: int
    rows_per_target: int
    bank_issues: int
    folds: int
    iterations: int


EFFORTS = {"quick": Effort(700, 16, 260, 3, 80), "full": Effort(3000, 12, 900, 5, 120)}
"""The boosting is small on purpose: with some hundred independent weather spells, more of it fits noise."""

SMALLEST_ERROR = 0.02


@dataclass(frozen=True)
class Rows:
    """Training rows: features, truth as anomaly on the modelling scale, and where they come from."""

    x: npt.NDArray[np.float32]
    y: Floats
    target: npt.NDArray[np.int64]
    issue: npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Folds:
    """Blocks of days, dealt to the folds in turn.

    Parameters
    ----------
    days : distinct days of the training issues, ascending
    length : days in a block
    count : how many folds there are
    """

    days: npt.NDArray[np.datetime64]
    length: int
    count: int

    def of(self, issue: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
        """Return the fold of every issue.

        >>> Folds(np.arange("2020-01-01", "2020-01-07", dtype="M8[D]"), 2, 2).of(
        ...     np.array(["2020-01-02T08", "2020-01-03T02", "2020-01-06T20"], "M8[ns]")).tolist()
        [0, 1, 0]
        """
        block = np.searchsorted(self.days, issue.astype("M8[D]")) // self.length
        return (block % self.count).astype(np.int64)


def deal_folds(issue: npt.NDArray[np.datetime64], count: int) -> Folds:
    """Deal the days of the issues to folds: blocks of a season, or shorter so that every fold gets two."""
    days = np.unique(issue.astype("M8[D]"))
    return Folds(days, max(1, min(BLOCK_DAYS, len(days) // (2 * count))), count)


def booster_of(size: Effort, seed: int, spread: bool = False) -> HistGradientBoostingRegressor:
    """Return an unfitted booster of the given effort, smaller for the spread."""
    return HistGradientBoostingRegressor(
        max_iter=size.iterations // 2 if spread else size.iterations,
        learning_rate=0.05,
        max_leaf_nodes=6,
        min_samples_leaf=200,
        l2_regularization=50.0,
        max_features=0.2,
        early_stopping=False,
        random_state=seed,
    )


@dataclass(frozen=True)
class CrossFit:
    """Members and what each said about the part of the past it had not seen.

    Parameters
    ----------
    members : one per fold
    centre, log_spread : (row,) held-out predictions
    """

    members: list[Member]
    centre: Floats
    log_spread: Floats


def cross_fit(rows: Rows, layout: Layout, fold: npt.NDArray[np.int64], size: Effort, seed: int) -> CrossFit:
    """Fit the linear part, the boosting of its held-out errors and the spread, each fold held out in turn."""
    trains = [~(fold == k) & ~_near(rows.issue, fold == k) for k in range(size.folds)]
    linears = side_by_side(
        fit_linear, [(rows.x[t], rows.y[t], rows.target[t], len(layout.targets)) for t in trains]
    )
    first = np.zeros(len(rows.y))
    for k, linear in enumerate(linears):
        first[fold == k] = single_threaded(linear.predict, rows.x[fold == k], rows.target[fold == k])
    with_first = np.column_stack([rows.x, first.astype(np.float32)])
    boosts, more = _boosted(booster_of(size, seed), with_first, rows.y - first, trains, fold)
    share = float(np.clip(np.dot(rows.y - first, more) / (np.dot(more, more) + 1e-9), 0.0, 1.0))
    centre = first + share * more
    inputs = np.column_stack([rows.x[:, spread_columns(layout)], centre.astype(np.float32)])
    error = np.log(np.abs(rows.y - centre) + SMALLEST_ERROR)
    spreads, log_spread = _boosted(booster_of(size, seed, spread=True), inputs, error, trains, fold)
    parts = zip(linears, boosts, spreads, strict=True)
    return CrossFit([Member(a, b, c, share) for a, b, c in parts], centre, log_spread)


def _boosted(
    booster: HistGradientBoostingRegressor,
    x: npt.NDArray[np.float32],
    y: Floats,
    trains: Sequence[npt.NDArray[np.bool_]],
    fold: npt.NDArray[np.int64],
) -> tuple[list[HistGradientBoostingRegressor], Floats]:
    """Fit one booster per fold; let each predict the rows that it was not fitted on."""
    models = side_by_side(_fit, [(booster, x[t], y[t]) for t in trains])
    out = np.zeros(len(y))
    for k, model in enumerate(models):
        if (fold == k).any():
            out[fold == k] = single_threaded(model.predict, x[fold == k])
    return models, out


def _fit(
    booster: HistGradientBoostingRegressor, x: npt.NDArray[np.float32], y: Floats
) -> HistGradientBoostingRegressor:
    """Fit on a copy in which a column without any value, which cannot be binned, is zero."""
    learned = x.copy()
    learned[:, ~np.isfinite(learned).any(axis=0)] = 0.0
    return HistGradientBoostingRegressor(**booster.get_params()).fit(learned, y)


def _near(issue: npt.NDArray[np.datetime64], out: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which issues lie within PURGE of a held-out one."""
    return _within(issue, np.unique(issue[out]), PURGE)


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
