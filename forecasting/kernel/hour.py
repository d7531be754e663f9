"""Everything that is forecast at one hour of the day: training situations and coefficients of all outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from forecasting.kernel.gram import Floats, Gram, Matrix, Scaling, gram_of, scaling_of
from forecasting.kernel.penalties import PENALTIES, Penalties
from forecasting.kernel.solution import Solution, solution_of
from forecasting.outputs import Ints, Outputs

LEVEL_SHARE = 0.3
"""Part of the present level, beside its mean, that a forecast takes over before anything is learned."""


@dataclass(frozen=True)
class Beside:
    """Where in the recipe a regression finds what is no input of its kernel.

    Parameters
    ----------
    covariates : what the size of errors depends on
    level : (output,) present level of each output's series, −1 for none
    penalties : ridge penalty up to each lead [h]
    own : by kernel the factor of the columns with coefficients of their own, see ``weights.own_factors``
    """

    covariates: Ints
    level: Ints
    penalties: Penalties = PENALTIES
    own: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class HourModel:
    """What was learned for one hour of the day.

    Parameters
    ----------
    hour : of the day [UTC]
    issues : (row,) training issues, ascending [UTC]
    names : (column,) names of the columns used
    kept : (column,) their positions in the recipe
    whole : (row, whatever column) standardised training situations, shared by all variants of a model
    left : (column,) which of these columns are used
    scaling : of the columns
    grams : kernels by key: a city, or a city and a day where the weather ahead is used
    outputs : what is forecast
    keys : (output,) key of the kernel of each output
    centre : (output,) mean of the truths, about which is fitted
    alpha : (row, output) coefficients
    errors : (row, output) truth minus forecast of a fit that never saw the year, ln(c + 5); NaN if unknown
    truth : (row, output) ln(c + 5)
    covariates : positions in the recipe of what the size of errors depends on
    level : (output,) position in the recipe of the present level of each output's series, −1 for none
    usual : (output,) mean of that level in training
    penalties : ridge penalty up to each lead [h]
    offset : (row, output) part of the level that was taken off before the fit
    """

    hour: int
    issues: npt.NDArray[np.datetime64]
    names: tuple[str, ...]
    kept: Ints
    whole: npt.NDArray[np.float16]
    left: Ints
    scaling: Scaling
    grams: Mapping[str, Gram]
    outputs: Outputs
    keys: tuple[str, ...]
    centre: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]
    truth: npt.NDArray[np.float32]
    covariates: Ints
    level: Ints
    usual: npt.NDArray[np.float32]
    penalties: Penalties
    offset: npt.NDArray[np.float32]

    @property
    def z(self) -> npt.NDArray[np.float16]:
        """Return the standardised training situations, (row, column)."""
        return self.whole if len(self.left) == self.whole.shape[1] else self.whole[:, self.left]

    def predict(self, values: Matrix) -> Floats:
        """Return the expected ln(c + 5), (issue, output), for raw situations (issue, recipe column).

        Summed in double precision, so that an issue is told the same alone and among others.
        """
        z = self.scaling.apply(values[:, self.kept]).astype(np.float64)
        trained = self.z.astype(np.float32)
        out = np.empty((len(z), len(self.centre)))
        for key, gram in self.grams.items():
            mine = self.columns(key)
            out[:, mine] = gram.between(z, trained) @ self.alpha[:, mine].astype(np.float64)
        return out + self.centre + offsets(values, self.level, self.usual)

    def columns(self, key: str) -> Ints:
        """Return the positions of the outputs that use a kernel."""
        return np.flatnonzero(np.array(self.keys) == key)

    def gram(self, weights: npt.NDArray[np.float32], own: npt.NDArray[np.float32] | None = None) -> Gram:
        """Return a kernel of its training situations, by the factors (column,) of the columns."""
        season = next(
            i
            for i, name in enumerate(self.names)
            if name.startswith("calendar") and "annual_cosine" in name and "half" not in name
        )
        return gram_of(self.z, weights, season, own)

    def held_out(self) -> Floats:
        """Return what unseen years were forecast, (row, output), NaN where the truth is unknown."""
        return self.truth.astype(np.float64) - self.errors


def offsets(values: Matrix, level: Ints, usual: npt.NDArray[np.float32]) -> Floats:
    """Return by how much the forecast is moved with the present level, (issue, output).

    Emissions fall over the years; a level that is unknown moves nothing.

    Parameters
    ----------
    values : (issue, recipe column) raw situations
    level, usual : (output,) position of the level, and its mean in training

    Examples
    --------
    >>> offsets(np.array([[3.0], [np.nan]], np.float32), np.array([0]), np.array([2.0], np.float32)).round(2)
    array([[0.3],
           [0. ]])
    """
    now = np.where(level >= 0, values[:, np.maximum(level, 0)].astype(np.float64), np.nan)
    return np.asarray(LEVEL_SHARE * np.nan_to_num(now - usual), np.float64)


@dataclass(frozen=True)
class Rows:
    """What one hour of the day is learned from.

    Parameters
    ----------
    hour : of the day [UTC]
    issues : (row,) ascending
    values : (row, recipe column) raw situations
    truth : (row, output) ln(c + 5), NaN where unknown
    outputs : what is forecast
    """

    hour: int
    issues: npt.NDArray[np.datetime64]
    values: Matrix
    truth: npt.NDArray[np.float32]
    outputs: Outputs


def fit_hour(
    rows: Rows,
    keys: Sequence[str],
    columns: Sequence[tuple[int, str]],
    weights: Mapping[str, npt.NDArray[np.float32]],
    beside: Beside,
) -> HourModel:
    """Fit all outputs of one hour of the day.

    Parameters
    ----------
    keys : (output,) which kernel each output uses
    columns : (position in the recipe, name) of the columns to use; one of them is the annual cosine
    weights : for every key the factor of each of these columns
    beside : further positions in the recipe, and the penalties
    """
    base = unfitted(rows, keys, columns, beside)
    grams = {key: base.gram(weights[key], beside.own.get(key)) for key in dict.fromkeys(keys)}
    return fitted_with(base, {key: solution_of(base, key, gram) for key, gram in grams.items()})


def unfitted(
    rows: Rows, keys: Sequence[str], columns: Sequence[tuple[int, str]], beside: Beside
) -> HourModel:
    """Return what is to be fitted at one hour of the day, see ``fit_hour``, without kernels."""
    kept = np.array([at for at, _ in columns], np.int64)
    scaling = scaling_of(rows.values[:, kept])
    usual = np.where(beside.level >= 0, _mean_of_known(rows.values)[np.maximum(beside.level, 0)], 0.0)
    offset = offsets(rows.values, beside.level, usual.astype(np.float32)).astype(np.float32)
    blank = np.zeros((0, 0), np.float32)
    return HourModel(
        hour=rows.hour,
        issues=rows.issues,
        names=tuple(name for _, name in columns),
        kept=kept,
        whole=scaling.apply(rows.values[:, kept]).astype(np.float16),
        left=np.arange(len(kept)),
        scaling=scaling,
        grams={},
        outputs=rows.outputs,
        keys=tuple(keys),
        centre=_mean_of_known(rows.truth - offset),
        alpha=blank,
        errors=blank,
        truth=rows.truth,
        covariates=beside.covariates,
        level=beside.level,
        usual=usual.astype(np.float32),
        penalties=beside.penalties,
        offset=offset,
    )


def fewer(fitted: HourModel, left: npt.NDArray[np.bool_]) -> HourModel:
    """Return what is to be fitted with some of the columns (column,) only, on the same rows."""
    return replace(
        fitted,
        names=tuple(name for name, stays in zip(fitted.names, left, strict=True) if stays),
        kept=fitted.kept[left],
        left=fitted.left[left],
        scaling=Scaling(fitted.scaling.mean[left], fitted.scaling.spread[left]),
        grams={},
    )


def without(fitted: HourModel, left: npt.NDArray[np.bool_]) -> HourModel:
    """Fit again with some of the columns (column,) only, on the same rows."""
    base = fewer(fitted, left)
    trained = base.z
    found = {}
    for key, gram in fitted.grams.items():
        again = gram.of(trained, left)
        found[key] = solution_of(base, key, again) if reads(gram, ~left) else _kept(fitted, key, again)
    return fitted_with(base, found)


def reads(gram: Gram, columns: npt.NDArray[np.bool_]) -> bool:
    """Tell whether a kernel reads any of some columns."""
    return bool(gram.weights[columns].any() or (len(gram.own) and gram.own[columns].any()))


def _kept(fitted: HourModel, key: str, gram: Gram) -> Solution:
    """Return what was found for a kernel, which others' inputs do not change."""
    mine = fitted.columns(key)
    return Solution(gram, fitted.alpha[:, mine], fitted.errors[:, mine])


def fitted_with(base: HourModel, solutions: Mapping[str, Solution]) -> HourModel:
    """Return the model with the kernels, coefficients and held-out errors that were found, key by key."""
    alpha = np.zeros(base.truth.shape, np.float32)
    errors = np.full(base.truth.shape, np.nan, np.float32)
    for key, solution in solutions.items():
        mine = base.columns(key)
        alpha[:, mine], errors[:, mine] = solution.alpha, solution.errors
    grams = {key: solution.gram for key, solution in solutions.items()}
    return replace(base, grams=grams, alpha=alpha, errors=errors)


def _mean_of_known(truth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    known = np.isfinite(truth)
    total = np.where(known, truth, 0.0).sum(axis=0, dtype=np.float64)
    mean: npt.NDArray[np.float32] = (total / np.maximum(known.sum(axis=0), 1)).astype(np.float32)
    return mean
