"""Measures from sums over rows; the same formulas give a value and, from resampled sums, its interval.

Contingency measures are those of the library ``scores``; what has a zero denominator is NaN, never 0 or
infinite.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.stats import rankdata
from scores.categorical import BasicContingencyManager
from scores.continuous import quantile_score

from pipeline.names import QUANTILE_LEVELS

Floats = npt.NDArray[np.float64]
Sums = Mapping[str, Floats]

CONTINUOUS = ("rmse", "mae", "bias", "correlation", "crps", "coverage_50", "coverage_80", "coverage_90")
EVENT = ("brier_score", "pod", "far", "csi", "hss", "pss", "frequency_bias")
LOWER_IS_BETTER = frozenset({"rmse", "mae", "crps", "brier_score", "far"})

_SCORES_NAMES = {
    "pod": "probability_of_detection",
    "far": "false_alarm_ratio",
    "csi": "critical_success_index",
    "hss": "heidke_skill_score",
    "pss": "peirce_skill_score",
    "frequency_bias": "frequency_bias",
}


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    safe = np.where(denominator == 0, np.nan, denominator)
    return np.asarray(numerator / safe, np.float64)


def crps(quantiles: Floats, observed: Floats) -> Floats:
    """Return the continuous ranked probability score of each row from its quantiles [unit of the values].

    The CRPS is twice the quantile score integrated over the levels; each of the seven levels stands for
    those nearer to it than to any other. On average it is 1 to 2 % below that of the whole distribution.

    Parameters
    ----------
    quantiles : (…, row, level) at QUANTILE_LEVELS
    observed : (row,)

    References
    ----------
    Gneiting and Raftery (2007), https://doi.org/10.1198/016214506000001437; quantile score of `scores`.

    Examples
    --------
    A forecast without spread scores its absolute error:

    >>> crps(np.full((1, 7), 30.0), np.array([50.0])).round(9).tolist()
    [20.0]
    """
    levels = np.array(QUANTILE_LEVELS)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    total = np.zeros(quantiles.shape[:-1])
    dims = [f"d{i}" for i in range(total.ndim - 1)] + ["row"]
    seen = xr.DataArray(observed, dims="row")
    for i, width in enumerate(np.diff(edges)):
        said = xr.DataArray(quantiles[..., i], dims=dims)
        loss = quantile_score(said, seen, alpha=float(levels[i]), preserve_dims="all")
        total += 2 * width * loss.transpose(*dims).values
    return total


def continuous_measures(sums: Sums) -> dict[str, Floats]:
    """Return RMSE, MAE, bias, correlation, CRPS and coverages.

    Parameters
    ----------
    sums : (…,) over rows of 1 (``n``), ``error`` (forecast − observed), its square and absolute value,
        forecast and observed with squares and product, ``crps``, and hits of the central intervals

    Returns
    -------
    arrays of the same shape [ug m-3, or 1]; NaN without rows

    Examples
    --------
    Errors of 3 and −4 (forecasts 13 and 16, observations 10 and 20):

    >>> one = dict(n=2, error=-1, sq_error=9 + 16, abs_error=7, forecast=29, observed=30,
    ...     sq_forecast=13**2 + 16**2, sq_observed=500, product=130 + 320, crps=5,
    ...     inside_50=1, inside_80=1, inside_90=2)
    >>> found = continuous_measures({k: np.array([float(v)]) for k, v in one.items()})
    >>> [found[name][0].item() for name in ("mae", "bias", "correlation", "coverage_90")]
    [3.5, -0.5, 1.0, 1.0]
    """
    n = sums["n"]
    f, o = ratio(sums["forecast"], n), ratio(sums["observed"], n)
    spread_f = np.sqrt(np.maximum(ratio(sums["sq_forecast"], n) - f * f, 0))
    spread_o = np.sqrt(np.maximum(ratio(sums["sq_observed"], n) - o * o, 0))
    return {
        "rmse": np.sqrt(ratio(sums["sq_error"], n)),
        "mae": ratio(sums["abs_error"], n),
        "bias": ratio(sums["error"], n),
        "correlation": ratio(ratio(sums["product"], n) - f * o, spread_f * spread_o),
        "crps": ratio(sums["crps"], n),
        **{f"coverage_{level}": ratio(sums[f"inside_{level}"], n) for level in (50, 80, 90)},
    }


def event_measures(sums: Sums) -> dict[str, Floats]:
    """Return Brier score, POD, FAR, CSI, HSS, PSS and frequency bias of an exceedance.

    Parameters
    ----------
    sums : (…,) over rows of 1 (``n``), ``events``, warnings given (``said``), ``hits``, and ``brier``

    References
    ----------
    Jolliffe and Stephenson (2012), Forecast Verification, chapters 3 and 7; formulas of `scores`.

    Examples
    --------
    Two hits, one false alarm, one miss and one quiet day:

    >>> one = dict(n=5, events=3, said=3, hits=2, brier=1)
    >>> found = event_measures({k: np.array([float(v)]) for k, v in one.items()})
    >>> expected = {"pod": 2 / 3, "far": 1 / 3, "csi": 2 / 4, "pss": 2 / 3 - 1 / 2, "brier_score": 1 / 5}
    >>> all(abs(found[name][0] - value) < 1e-12 for name, value in expected.items())
    True
    """
    hits, said, events, n = (sums[name] for name in ("hits", "said", "events", "n"))
    cells = {
        "tp_count": hits,
        "fp_count": said - hits,
        "fn_count": events - hits,
        "tn_count": n - said - events + hits,
        "total_count": n,
    }
    dims = [f"d{i}" for i in range(hits.ndim)]
    table = BasicContingencyManager({k: xr.DataArray(v, dims=dims) for k, v in cells.items()})
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {name: getattr(table, f)().values for name, f in _SCORES_NAMES.items()}
    found = {name: np.where(np.isfinite(v), v, np.nan) for name, v in found.items()}
    return {"brier_score": ratio(sums["brier"], n), **found}


def skill(score: Floats, reference: Floats) -> Floats:
    """Return 1 − score/reference, the skill of a negatively oriented score; NaN where the reference is 0.

    >>> skill(np.array([0.05]), np.array([0.2])).tolist()
    [0.75]
    """
    return 1 - ratio(score, reference)


def roc_areas(probability: Floats, event: npt.NDArray[np.bool_]) -> Floats:
    """Return the area under each ROC curve: the chance that an event had the higher probability.

    Parameters
    ----------
    probability : (…, row, threshold)
    event : (row, threshold)

    Returns
    -------
    (…, threshold); NaN unless both events and non-events occurred

    References
    ----------
    Mason and Graham (2002), https://doi.org/10.1256/003590002320603584 (ranks; ties count half).

    Examples
    --------
    >>> roc_areas(np.array([[0.1], [0.4], [0.8]]), np.array([[False], [False], [True]])).tolist()
    [1.0]
    """
    if not len(event):
        return np.full((*probability.shape[:-2], probability.shape[-1]), np.nan)
    ranks = rankdata(probability, axis=-2)
    events = event.sum(axis=0).astype(float)
    above = (ranks * event).sum(axis=-2) - events * (events + 1) / 2
    return ratio(above, events * (len(event) - events) * np.ones_like(above))


def resampled_roc_areas(probability: Floats, event: npt.NDArray[np.bool_], weight: Floats) -> Floats:
    """Return the ROC area of each resample, in which every row counts as often as it was drawn.

    Parameters
    ----------
    probability, event : (row,)
    weight : (draw, row)

    Returns
    -------
    (draw,); NaN where a resample holds no event or nothing but events

    Examples
    --------
    The second resample leaves out the event that had the lower probability:

    >>> p, e = np.array([0.1, 0.4, 0.4, 0.8]), np.array([True, False, True, True])
    >>> resampled_roc_areas(p, e, np.array([[1.0, 1, 1, 1], [0, 1, 1, 1]])).tolist() == [
    ...     (0 + 0.5 + 1) / 3, (0.5 + 1) / 2]
    True
    """
    order = np.argsort(probability, kind="stable")
    ordered, happened = probability[order], event[order]
    starts = np.flatnonzero(np.append(True, np.diff(ordered) > 0))
    drawn = weight[:, order]
    events = np.add.reduceat(drawn * happened, starts, axis=1)
    others = np.add.reduceat(drawn * ~happened, starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    return ratio((events * below).sum(axis=1), events.sum(axis=1) * others.sum(axis=1))


def pod_at_far(probability: Floats, event: npt.NDArray[np.bool_], far: float) -> float:
    """Return the highest POD that a choice of the warning probability gives at no more than this FAR.

    Parameters
    ----------
    probability, event : (row,)
    far : false-alarm ratio that is allowed

    Returns
    -------
    POD; NaN without events or for an undefined FAR, 0 if no choice keeps within it

    Examples
    --------
    >>> p, e = np.array([0.9, 0.7, 0.6, 0.1]), np.array([True, False, True, False])
    >>> pod_at_far(p, e, 0.2), pod_at_far(p, e, 0.4)
    (0.5, 1.0)
    """
    events = int(event.sum())
    if not events or not np.isfinite(far):
        return float("nan")
    order = np.argsort(-probability, kind="stable")
    ordered = probability[order]
    hits = np.cumsum(event[order])
    said = np.arange(1, len(order) + 1)
    last_of_tie = np.append(ordered[1:] < ordered[:-1], True)
    allowed = last_of_tie & (1 - hits / said <= far + 1e-12)
    return float(hits[allowed].max(initial=0)) / events
