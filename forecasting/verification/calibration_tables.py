"""Tables of reliability, parts of the Brier score and economic value, by group, period and season."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scores.probability import relative_economic_value_from_rates

from forecasting.verification.measures import ratio
from forecasting.verification.pairs import DAYS, Group
from forecasting.verification.reliability import (
    calibrated_range,
    calibration_error,
    decomposition,
    reliability_table,
    simulated_events,
)
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import Part, managed_parts, pooled_parts, season_parts
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]
Rows = list[dict[str, Any]]

COST_LOSS = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""Costs of acting in units of the loss that it averts."""

SIMULATIONS = {"daily": 300, "outlook": 300, "hourly": 100}
"""Simulated samples that make the range of a calibrated forecast."""


def calibration_rows(group: Group, options: Options) -> tuple[Rows, Rows, Rows]:
    """Return rows on calibration, reliability by bin, and economic value, of thresholds that were exceeded.

    The first holds ``calibration_error`` with the 5…95 % range that a perfectly calibrated forecast with the
    same probabilities has (``calibrated_low`` … ``calibrated_high``), ``within_calibrated`` (not above that
    range), and the parts of the Brier score.
    """
    calibration: Rows = []
    bins: Rows = []
    value: Rows = []
    seasons = season_parts(group) + managed_parts(group) if group.target in DAYS else []
    for part in [*pooled_parts(group), *seasons]:
        event = group.event[part.rows]
        there = [i for i in range(len(PM_THRESHOLDS)) if event[:, i].any()]
        for m, model in enumerate(group.models):
            key = {**group.key, **part.key, "model": model}
            rng = options.rng(*key.values())
            p = group.probability[m][part.rows]
            for i in there:
                label = {
                    **key,
                    "threshold": PM_THRESHOLDS[i],
                    "n": len(event),
                    "events": int(event[:, i].sum()),
                }
                simulated = simulated_events(p[:, i], group.day[part.rows], rng, SIMULATIONS[group.target])
                scored, table = _calibration(p[:, i], event[:, i], simulated)
                calibration.append({**label, **scored})
                bins += [{**label, **row} for row in table]
        value += _value_rows(group, part, there)
    return calibration, bins, value


def acting_rates(probability: Floats, event: Events) -> tuple[Floats, Floats]:
    """Return POD and probability of false detection of users who act from each of COST_LOSS on.

    Parameters
    ----------
    probability, event : (row, threshold)

    Returns
    -------
    two arrays (threshold, cost/loss), which are also the points of the ROC curve; NaN where undefined

    Examples
    --------
    >>> pod, pofd = acting_rates(np.array([[0.5], [0.2]]), np.array([[True], [False]]))
    >>> pod[0, [9, 10]].tolist(), pofd[0, [3, 4]].tolist()
    ([1.0, 0.0], [1.0, 0.0])
    """
    acts = probability[:, :, None] >= np.array(COST_LOSS)
    events = event.sum(axis=0).astype(np.float64)[:, None]
    pod = ratio((acts & event[:, :, None]).sum(axis=0).astype(np.float64), events)
    pofd = ratio((acts & ~event[:, :, None]).sum(axis=0).astype(np.float64), len(event) - events)
    return pod, pofd


def economic_value(pod: Floats, pofd: Floats, base_rate: Floats) -> Floats:
    """Return the relative economic value for users who act when the probability reaches their cost/loss.

    1 is a perfect forecast, 0 no better than always or never acting, whichever is cheaper on average.

    Parameters
    ----------
    pod, pofd : (threshold, cost/loss) of :func:`acting_rates`
    base_rate : (threshold,) frequency of the event

    Returns
    -------
    (threshold, cost/loss) at COST_LOSS; NaN unless both events and non-events occurred

    References
    ----------
    Richardson (2000), https://doi.org/10.1002/qj.49712656313; formula of `scores`

    Examples
    --------
    >>> perfect = economic_value(np.ones((1, 19)), np.zeros((1, 19)), np.array([0.25]))
    >>> perfect.round(9).tolist() == [[1.0] * 19]
    True
    """
    base = xr.DataArray(base_rate, dims="threshold")
    rates = [xr.DataArray(v, dims=("threshold", "acting")) for v in (pod, pofd)]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = relative_economic_value_from_rates(rates[0], rates[1], base, list(COST_LOSS))
    square = found.transpose("threshold", "acting", "cost_loss_ratio").values
    diagonal = np.asarray(np.diagonal(square, axis1=1, axis2=2), np.float64)
    return np.where(np.isfinite(diagonal), diagonal, np.nan)


def _calibration(p: Floats, event: Events, simulated: Floats) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    low, middle, high = calibrated_range(p, simulated)
    error = calibration_error(p, event)
    scored = {
        "calibration_error": error,
        "calibrated_low": low,
        "calibrated_median": middle,
        "calibrated_high": high,
        "within_calibrated": error <= high,
        **decomposition(p, event),
    }
    table: pd.DataFrame = reliability_table(p, event, simulated)
    rows: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return scored, rows


def _value_rows(group: Group, part: Part, there: list[int]) -> Rows:
    """Return rows of every model, threshold and cost/loss of a part, reckoned in one go."""
    if not there:
        return []
    names = [(model, PM_THRESHOLDS[i]) for model in group.models for i in there]
    p = np.concatenate(list(group.probability[:, part.rows][..., there]), axis=1)
    event = np.tile(group.event[part.rows][:, there], len(group.models))
    pod, pofd = acting_rates(p, event)
    columns = {"pod": pod, "pofd": pofd, "value": economic_value(pod, pofd, event.mean(axis=0))}
    return [
        {
            **group.key,
            **part.key,
            "model": model,
            "threshold": threshold,
            "cost_loss": cost,
            **{name: v[i, j].item() for name, v in columns.items()},
        }
        for i, (model, threshold) in enumerate(names)
        for j, cost in enumerate(COST_LOSS)
    ]
