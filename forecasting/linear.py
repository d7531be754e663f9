"""The linear part of the model: ridge regression per target and lead, which carries most of the skill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.features import ROW
from forecasting.targets import Floats

LEAD_CENTRES = (2.0, 5.0, 8.0, 11.0, 15.0, 21.0, 27.0, 33.0, 39.0, 45.0, 54.0, 66.0, 82.0)
"""Leads [h] since the newest observation at which coefficients are fitted; interpolated between."""

LEAD_BOUNDS = (3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 60, 72)
PENALTY = 0.4
"""Ridge penalty per row at a lead of 12 h; it grows with the lead. Chosen, as SEASON_SHARE, on 2017 held out
of 2015-2018 and on forecasts of 2018 and of 2019 without February and March; 2020 was not looked at."""

LARGEST = 4.0
"""Standard deviations beyond which a feature counts no further."""

SEASON_SHARE = 0.6
"""Size of the products with the season relative to the features themselves: smaller is penalised more."""

FEWEST = 50
LEAD_COLUMN = ROW.index("lead")
COSINE_COLUMN = ROW.index("season cosine")
LEFT_OUT = tuple(ROW.index(n) for n in ("city", "hourly series", "interval", "lead"))


@dataclass(frozen=True)
class Linear:
    """Ridge coefficients on standardised features and their products with the season.

    Parameters
    ----------
    mean, spread : (column,) of the features in training
    weights : (target, lead centre, term), the last term is the intercept
    """

    mean: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    def predict(self, values: npt.NDArray[np.float32], target: npt.NDArray[np.int64]) -> Floats:
        """Return the expected anomaly (row,) of feature rows (row, column) of the given targets."""
        terms = _terms(values, self.mean, self.spread)
        lead = np.clip(np.nan_to_num(values[:, LEAD_COLUMN], nan=1e3), LEAD_CENTRES[0], LEAD_CENTRES[-1])
        high = np.clip(np.searchsorted(LEAD_CENTRES, lead), 1, len(LEAD_CENTRES) - 1)
        centres = np.array(LEAD_CENTRES)
        share = (lead - centres[high - 1]) / (centres[high] - centres[high - 1])
        out = np.empty(len(values))
        for i in np.unique(target):
            rows = np.flatnonzero(target == i)
            said = terms[rows] @ self.weights[i].T
            line = np.arange(len(rows))
            low, top = said[line, high[rows] - 1], said[line, high[rows]]
            out[rows] = low + share[rows] * (top - low)
        return out


def fit_linear(
    values: npt.NDArray[np.float32], y: Floats, target: npt.NDArray[np.int64], targets: int
) -> Linear:
    """Fit ridge regressions for every target and lead centre; unknown features count as their mean.

    Parameters
    ----------
    values : (row, column) features, NaN where unknown
    y : (row,) anomalies to explain
    target : (row,) target number
    targets : how many targets there are; one without rows gets zero coefficients
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0).astype(np.float64)
    mean = filled.sum(axis=0) / count
    variance = (np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / count
    spread = np.where(variance > 1e-12, np.sqrt(variance), np.inf)
    terms = _terms(values, mean, spread)
    weights = np.zeros((targets, len(LEAD_CENTRES), terms.shape[1]))
    bins = np.searchsorted(LEAD_BOUNDS, np.nan_to_num(values[:, LEAD_COLUMN], nan=1e3))
    for i in range(targets):
        for b, lead in enumerate(LEAD_CENTRES):
            rows = (target == i) & (bins == b)
            if rows.sum() >= FEWEST:
                weights[i, b] = _ridge(terms[rows], y[rows], PENALTY * lead / 12.0)
            elif b:
                weights[i, b] = weights[i, b - 1]
    return Linear(mean, spread, weights)


def _terms(values: npt.NDArray[np.float32], mean: Floats, spread: Floats) -> Floats:
    """Return standardised features, their products with the season's cosine, and a one."""
    season = values[:, COSINE_COLUMN : COSINE_COLUMN + 1].astype(np.float64)
    cosine = np.nan_to_num(season).clip(-1.0, 1.0)
    z = np.nan_to_num((values - mean) / spread).clip(-LARGEST, LARGEST)
    z[:, LEFT_OUT] = 0.0
    return np.hstack([z, SEASON_SHARE * cosine * z[:, len(ROW) :], np.ones((len(z), 1))])


def _ridge(terms: Floats, y: Floats, penalty: float) -> Floats:
    """Solve one ridge regression; the intercept is free."""
    normal = terms.T @ terms
    normal[np.diag_indices_from(normal)] += penalty * len(y)
    normal[-1, -1] -= penalty * len(y)
    solved: Floats = np.linalg.solve(normal, terms.T @ y)
    return solved
