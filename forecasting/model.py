"""The model: a linear part, pooled gradient boosting with the lead as a feature, and a boosted spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.calibrate import Residuals
from forecasting.features import ROW, FeatureTable, Layout
from forecasting.linear import LEAD_COLUMN, Linear
from forecasting.targets import Floats, History, to_level
from forecasting.threads import single_threaded

LEVEL_COLUMN = ROW.index("seasonal level")
SMALLEST_SCALE = 0.02
SPREAD_GROUPS = ("time", "own", "own newest", "other city")


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
class Member:
    """What was learned with one part of the past held out.

    Parameters
    ----------
    linear : expected anomaly of ln(c + 5)
    boost : what the linear part misses, from the features and its answer; taken with ``share``
    spread : logarithm of the expected size of the error, from SPREAD_GROUPS and the centre
    share : weight of ``boost``, the best one on held-out errors, in [0, 1]
    """

    linear: Linear
    boost: HistGradientBoostingRegressor
    spread: HistGradientBoostingRegressor
    share: float

    def predict(self, table: FeatureTable, columns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return the expected anomaly and the logarithm of the spread of every row."""
        first = self.linear.predict(table.values, table.target)
        centre = first
        if self.share:
            more = self.boost.predict(np.column_stack([table.values, first.astype(np.float32)]))
            centre = first + self.share * more
        inputs = np.column_stack([table.values[:, columns], centre.astype(np.float32)])
        return centre, self.spread.predict(inputs)


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

    Every member was blind to one part of the past; errors are those that each made in the part it had not
    seen, and quantiles are tabulated from them, so they cannot cross. The forecast's centre and spread are
    the means of the members'.
    """

    model_id: str
    world: str
    quantity: str
    data_until: datetime
    leave_out_years: tuple[int, ...]
    layout: Layout
    members: tuple[Member, ...]
    residuals: Residuals
    bank: ErrorBank
    history: History
    typical: npt.NDArray[np.float32]
    """(column,) median of every feature in training, for explanations."""

    def predict(self, table: FeatureTable) -> Prediction:
        """Return centre and spread for every row of a feature table."""
        return ensemble_predict(self.members, self.layout, table)

    def marginals(self, table: FeatureTable, levels: Floats) -> Floats:
        """Return concentrations [ug m-3] (row, level), rising along the level."""
        said = self.predict(table)
        z = np.empty((len(said.centre), len(levels)))
        for i in np.unique(table.target):
            rows = table.target == i
            z[rows] = self.residuals.quantiles(int(i), said.lead[rows], levels)
        return to_level(said.centre[:, None] + said.scale[:, None] * z)


def spread_columns(layout: Layout) -> npt.NDArray[np.int64]:
    """Return the columns from which the spread is predicted."""
    groups = tuple(f"{g}:" for g in SPREAD_GROUPS)
    return np.array([i for i, n in enumerate(layout.names) if n.startswith(groups)], np.int64)


def ensemble_predict(members: Sequence[Member], layout: Layout, table: FeatureTable) -> Prediction:
    """Return the mean of the members' centres and log spreads for a feature table, which may be empty."""
    if not len(table.values):
        return Prediction(np.empty(0), np.empty(0), np.empty(0))
    columns = spread_columns(layout)
    said = [single_threaded(m.predict, table, columns) for m in members]
    anomaly = np.mean([s[0] for s in said], axis=0)
    spread = np.exp(np.mean([s[1] for s in said], axis=0))
    level = table.values[:, LEVEL_COLUMN].astype(np.float64)
    lead = table.values[:, LEAD_COLUMN].astype(np.float64)
    return Prediction(level + anomaly, np.maximum(spread, SMALLEST_SCALE), lead)
