"""What a model would have said in years that it was blind to: day rows from its held-out errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.calibration.adaptive import Adjustment, adapt
from forecasting.calibration.quantiles import Distribution
from forecasting.model import Hour, Model
from forecasting.model_scores import Entry, day_scores
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.targets import to_level, to_log
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS

LAST_DAY: Final = 3
MIDDLES: Final = (np.arange(40) + 0.5) / 40
"""Levels whose quantiles are averaged for the mean."""


def held_out_scores(model: Model, thresholds: Mapping[str, Sequence[int]]) -> list[Entry]:
    """Return the scores of a model's day means in years that it was blind to.

    Centre and size of every error are those of a fit without the year; the shape of errors is of all years,
    the level follows the errors that were known at each issue, as in operation.

    Parameters
    ----------
    thresholds : of each city [ug m-3]

    Returns
    -------
    entries of ``forecasting.model_scores.day_scores``; skill over baselines is None, for none stood beside
    """
    days = held_out_days(model)
    return day_scores(days, model.model_id, thresholds) if len(days) else []


def held_out_days(model: Model) -> pd.DataFrame:
    """Return held-out forecasts of whole local days D+1 to D+3 beside what was measured.

    Returns
    -------
    columns of ``forecasting.predictions`` that day scores need, and ``observed`` [ug m-3]
    """
    parts = [part for hour in model.hours.values() for part in _of_hour(hour)]
    if not parts:
        return pd.DataFrame()
    return pd.concat(parts, ignore_index=True).assign(model="sameair", model_id=model.model_id)


def _of_hour(hour: Hour) -> Iterator[pd.DataFrame]:
    """Yield the rows of every day and city of one hour of the day."""
    fitted, out = hour.best.fitted, hour.outputs
    centre, shape = fitted.held_out(), hour.best.shape
    scale = hour.best.spread.scale(centre, hour.known)
    adjustment = adapt(hour.past, shape.groups, shape.half_width, fitted.issues)
    for i in np.flatnonzero((out.day >= 1) & (out.day <= LAST_DAY) & hour.usable):
        target = out.targets[out.target[i]]
        known = np.isfinite(fitted.truth[:, i])
        if target.role != "reference" or not known.any():
            continue
        one = slice(int(i), int(i) + 1)
        said = Distribution(
            replace(shape, groups=replace(shape.groups, group=shape.groups.group[one])),
            centre[known, one],
            scale[known, one],
            Adjustment(adjustment.shift[known, one], adjustment.stretch[known, one]),
        )
        issues = fitted.issues[known]
        rows = _rows(said).assign(
            city=target.city,
            issue_time=pd.DatetimeIndex(issues).tz_localize("UTC"),
            valid_end=pd.DatetimeIndex(issues + np.timedelta64(int(out.end[i]), "h")).tz_localize("UTC"),
            lead_day=int(out.day[i]),
            observed=to_level(fitted.truth[known, i].astype(np.float64)),
        )
        yield rows


def _rows(said: Distribution) -> pd.DataFrame:
    """Return mean, quantiles and probabilities of the single output of a distribution."""
    levels = to_level(said.quantiles(np.array(QUANTILE_LEVELS))[:, 0])
    mean: npt.NDArray[np.float64] = to_level(said.quantiles(MIDDLES)[:, 0]).mean(axis=1)
    above = said.probability(to_log(np.array(PM_THRESHOLDS, float)))[:, 0]
    columns = ["mean", *QUANTILE_COLUMNS, *PROBABILITY_COLUMNS]
    return pd.DataFrame(np.column_stack([mean, levels, above]), columns=columns)
