"""The model: pooled gradient boosting of centre and spread, with the lead as a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.calibrate import Residuals
from forecasting.features import ROW, FeatureTable, Layout
from forecasting.targets import Floats, History, to_level

LEAD_COLUMN = ROW.index("lead")
LEVEL_COLUMN = ROW.index("seasonal level")
SMALLEST_SCALE = 0.02


@dataclass(frozen=True)
class ErrorBank:
    """Past held-out forecast errors as joint trajectories: the memory of how errors hang together.

    Parameters
    ----------
    issue_times : (issue,) [UTC]
    first_period : period [h] of the first column
    errors : (issue, target, period) standardised errors, gaps filled
    """

    issue_times: npt.NDArray[np.datetime64]
    first_period: int
    errors: npt.NDArray[np.float16]


@dataclass(frozen=True)
class Prediction:
    """What the model says about the rows of a feature table, on the modelling scale.

    Parameters
    ----------
    centre, scale : (row,) centre and spread of ln(c + 5)
    lead : (row,) hours since the newest observation
    """

    centre: Floats
    scale: Floats
    lead: Floats


@dataclass(frozen=True)
class Model:
    """Everything that was learned, from values received by ``data_until`` only.

    The centre of ln(c + 5) is the seasonal mean plus the mean of boosted models, each blind to one part of
    the past; the spread is boosted on the errors that each made in the part it had not seen; quantiles are
    tabulated from those errors, so they cannot cross.
    """

    model_id: str
    world: str
    quantity: str
    data_until: datetime
    leave_out_years: tuple[int, ...]
    layout: Layout
    centres: tuple[HistGradientBoostingRegressor, ...]
    scales: tuple[HistGradientBoostingRegressor, ...]
    residuals: Residuals
    bank: ErrorBank
    history: History
    typical: npt.NDArray[np.float32]
    """(column,) median of every feature in training, for explanations."""

    def predict(self, table: FeatureTable) -> Prediction:
        """Return centre and spread for every row of a feature table."""
        return ensemble_predict(self.centres, self.scales, table.values)

    def marginals(self, table: FeatureTable, levels: Floats) -> Floats:
        """Return concentrations [ug m-3] (row, level), rising along the level."""
        said = self.predict(table)
        z = np.empty((len(said.centre), len(levels)))
        for i in np.unique(table.target):
            rows = table.target == i
            z[rows] = self.residuals.quantiles(int(i), said.lead[rows], levels)
        return to_level(said.centre[:, None] + said.scale[:, None] * z)


def ensemble_predict(
    centres: Sequence[HistGradientBoostingRegressor],
    scales: Sequence[HistGradientBoostingRegressor],
    values: npt.NDArray[np.float32],
) -> Prediction:
    """Return the mean of the given centre and scale models for feature rows."""
    anomaly = np.mean([m.predict(values) for m in centres], axis=0)
    with_centre = np.column_stack([values, anomaly.astype(np.float32)])
    spread = np.exp(np.mean([m.predict(with_centre) for m in scales], axis=0))
    lead = values[:, LEAD_COLUMN].astype(np.float64)
    centre = values[:, LEVEL_COLUMN].astype(np.float64) + anomaly
    return Prediction(centre, np.maximum(spread, SMALLEST_SCALE), lead)
