"""The model: for each hour of the day one regression over situations, its spread, shape and ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.calibration.adaptive import Past
from forecasting.calibration.calibrator import fit_calibration
from forecasting.calibration.groups import Groups
from forecasting.calibration.quantiles import Shape
from forecasting.calibration.spread import Spread
from forecasting.kernel.hour import HourModel, without
from forecasting.outputs import Ints, Outputs
from forecasting.situation.columns import Recipe
from forecasting.targets import Floats, History, Target
from forecasting.ties import Ties

MISSING_BELOW = 0.5
"""A group of inputs of which less is known is missing; the model solved without it is then used."""

WILDEST = 5.0
"""Standardised errors count no further than this: a single broken value must not move the level."""

FEWEST_TRUTHS = 200
"""Outputs with fewer known truths are not forecast by the model."""


@dataclass(frozen=True)
class Calibrated:
    """One hour's regression, and what its held-out errors say of its spread.

    Parameters
    ----------
    fitted : the regression
    spread : scale of its errors
    shape : distribution of its standardised errors
    """

    fitted: HourModel
    spread: Spread
    shape: Shape

    def predict(self, values: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return centre and scale (issue, output) of ln(c + 5) for raw situations (issue, column)."""
        centre = self.fitted.predict(values)
        return centre, self.spread.scale(centre, covariates(self.fitted.covariates, values))


def covariates(positions: Ints, values: npt.NDArray[np.float32]) -> Floats:
    """Return what the spread depends on beside the centre, (issue, covariate), from raw situations."""
    return values[:, positions].astype(np.float64)


def calibrate(
    fitted: HourModel,
    known: Floats,
    received: npt.NDArray[np.datetime64],
    groups: Groups,
    told_by: Ints | None = None,
) -> Calibrated:
    """Fit spread and shape to held-out errors.

    Parameters
    ----------
    known : (row, covariate) of the training issues, see ``covariates``
    received : (row, output) when the truths were known
    groups : whose errors are pooled
    told_by : (output, covariate) which covariates tell the size of its errors; None for all
    """
    past = Past(fitted.issues, fitted.errors.astype(np.float64), received)
    spread, shape = fit_calibration(past, fitted.held_out(), known, groups, told_by)
    return Calibrated(fitted, spread, shape)


def missing_of(
    groups: Sequence[str], usual: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]
) -> list[tuple[str, ...]]:
    """Return for every situation the groups of inputs of which less than half is known.

    Parameters
    ----------
    groups : (column,) of the columns that a regression uses
    usual : (column,) whether a column was known often enough in training to be missed
    known : (issue, column)

    Examples
    --------
    >>> missing_of(["air", "air", "sea"], np.array([True] * 3), np.array([[False, False, True]]))
    [('air',)]
    """
    names = np.array(groups)
    found: list[list[str]] = [[] for _ in known]
    for group in dict.fromkeys(names[usual]):
        share = known[:, usual & (names == group)].mean(axis=1)
        for row in np.flatnonzero(share < MISSING_BELOW):
            found[row].append(str(group))
    return [tuple(one) for one in found]


def calibrated_without(hour: Hour, groups: Sequence[str], missing: Sequence[str]) -> Calibrated:
    """Return one hour of a model, solved again without some groups of inputs, from the same training.

    Parameters
    ----------
    groups : (column,) of the columns that the regression uses

    Returns
    -------
    a regression that shares with that on all inputs whatever does not depend on the inputs
    """
    left = np.array([group not in missing for group in groups])
    return recalibrated(hour, without(hour.best.fitted, left))


def recalibrated(hour: Hour, fitted: HourModel) -> Calibrated:
    """Return a regression on fewer inputs calibrated like the best one, without its held-out errors."""
    best = hour.best.spread
    found = calibrate(fitted, hour.known, hour.past.known, best.groups, best.told_by)
    return replace(found, fitted=replace(fitted, errors=np.zeros((0, 0), np.float32)))


@dataclass(frozen=True)
class Hour:
    """All that is known of one hour of the day.

    Parameters
    ----------
    best : fitted on all inputs
    known : (row, covariate) of the training issues, with which variants without some inputs are calibrated
    past : standardised held-out errors of the training issues, and when they were known
    ties : order of errors
    usable : (output,) whether enough truths were known
    variants : by the groups of inputs that are missing, what was solved beforehand without them
    """

    best: Calibrated
    known: Floats
    past: Past
    ties: Ties
    usable: npt.NDArray[np.bool_]
    variants: Mapping[tuple[str, ...], Calibrated] = field(default_factory=dict)

    def shared(self) -> Hour:
        """Return the same with variants that hold no copy of what they share, as after a journey."""
        whole = self.best.fitted
        kept = {
            missing: replace(
                one,
                fitted=replace(
                    whole,
                    names=one.fitted.names,
                    kept=one.fitted.kept,
                    left=one.fitted.left,
                    scaling=one.fitted.scaling,
                    grams=one.fitted.grams,
                    alpha=one.fitted.alpha,
                    errors=one.fitted.errors,
                ),
            )
            for missing, one in self.variants.items()
        }
        return replace(self, variants=kept)

    @property
    def outputs(self) -> Outputs:
        """Return what is forecast."""
        return self.best.fitted.outputs


@dataclass(frozen=True)
class Model:
    """Everything that was learned, from values received by ``data_until`` only.

    Parameters
    ----------
    weather : ``observed``, or ``ahead`` for a variant that also reads the weather of the days forecast
    recipe : what a situation is made of
    hours : by hour of the day [UTC]
    history : the past of the targets, for baselines
    seen : share of training issues that knew each column, (column,)
    ordinary : mean of every column in training, NaN where it was never known, (column,)
    """

    model_id: str
    world: str
    quantity: str
    data_until: datetime
    leave_out_years: tuple[int, ...]
    weather: str
    recipe: Recipe
    targets: tuple[Target, ...]
    hours: Mapping[int, Hour]
    history: History
    seen: npt.NDArray[np.float32]
    ordinary: npt.NDArray[np.float32]
    scores: tuple[dict[str, Any], ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what it was made of; see ``forecasting.registry.Trained``."""
        used = {i for h in self.hours.values() for i in h.best.fitted.kept}
        inputs = sorted({self.recipe.columns[i].key for i in used if self.recipe.columns[i].key})
        rows = {f"{hour:02d} UTC": len(h.past.issues) for hour, h in sorted(self.hours.items())}
        return {
            "kind": "kernel",
            "weather": self.weather,
            "inputs": inputs,
            "columns": len(used),
            "rows": rows,
            "scores": list(self.scores),
        }
