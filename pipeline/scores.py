"""Verification scores over labelled arrays: a thin layer on the `scores` library, NaN where undefined.

Terms follow WMO practice: POD, FAR (false alarm *ratio*), CSI, Brier skill score. A zero denominator, as in
a clean month, gives NaN and never 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scores.categorical import BasicContingencyManager
from scores.continuous import quantile_score
from scores.probability import brier_score, roc_auc

Floats = npt.NDArray[np.float64]
BLOCK_DAYS = 7
"""Length of a bootstrap block [d]; longer than an episode, so that blocks are nearly independent."""


def contingency_scores(forecast_event: Floats, observed_event: Floats) -> dict[str, float]:
    """Return hits, false alarms, misses, POD, FAR, CSI and frequency bias of a yes/no forecast.

    Parameters
    ----------
    forecast_event, observed_event : (n,) 1 for an event, 0 for none

    References
    ----------
    Jolliffe and Stephenson (2012), Forecast Verification, chapter 3.

    Examples
    --------
    Two hits, one false alarm, one miss:

    >>> table = contingency_scores(np.array([1.0, 1, 1, 0, 0]), np.array([1.0, 1, 0, 1, 0]))
    >>> table["pod"] == 2 / 3, table["far"] == 1 / 3, table["csi"] == 2 / 4
    (True, True, True)
    """
    said, seen = np.asarray(forecast_event, bool), np.asarray(observed_event, bool)
    counts = {
        "tp_count": (said & seen).sum(),
        "tn_count": (~said & ~seen).sum(),
        "fp_count": (said & ~seen).sum(),
        "fn_count": (~said & seen).sum(),
    }
    table = BasicContingencyManager({name: xr.DataArray(float(n)) for name, n in counts.items()})
    return {
        "hits": float(counts["tp_count"]),
        "false_alarms": float(counts["fp_count"]),
        "misses": float(counts["fn_count"]),
        "pod": float(table.probability_of_detection()),
        "far": float(table.false_alarm_ratio()),
        "csi": float(table.critical_success_index()),
        "frequency_bias": float(table.frequency_bias()),
    }


def brier(probability: Floats, observed_event: Floats) -> float:
    """Return the Brier score (1 − perfect is 0) of probabilities against 0/1 outcomes.

    Brier (1950), https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    >>> brier(np.array([0.5, 1.0]), np.array([0.0, 1.0])) == (0.5**2 + 0) / 2
    True
    """
    return float(brier_score(_array(probability), _array(observed_event))) if len(probability) else np.nan


def skill(score: float, reference: float) -> float:
    """Return 1 − score/reference, the skill of a negatively oriented score; NaN when the reference is 0.

    >>> skill(0.05, 0.2)
    0.75
    """
    return 1 - score / reference if reference else float("nan")


def roc_area(probability: Floats, observed_event: Floats) -> float:
    """Return the area under the ROC curve; NaN unless both events and non-events occurred.

    >>> roc_area(np.array([0.1, 0.4, 0.8]), np.array([0.0, 0.0, 1.0]))
    1.0
    """
    if not 0 < observed_event.sum() < len(observed_event):
        return float("nan")
    return float(roc_auc(_array(probability), _array(observed_event)))


def mean_quantile_score(quantiles: Floats, levels: Floats, observed: Floats) -> float:
    """Return the quantile score averaged over levels [unit of the observation]; twice it approximates CRPS.

    Parameters
    ----------
    quantiles : (n, level)
    levels : (level,) in (0, 1)
    observed : (n,)

    References
    ----------
    Gneiting and Raftery (2007), https://doi.org/10.1198/016214506000001437

    Examples
    --------
    >>> mean_quantile_score(np.array([[30.0]]), np.array([0.5]), np.array([50.0])) == 0.5 * (50 - 30)
    True
    """
    if not len(observed):
        return float("nan")
    parts = [
        float(quantile_score(_array(quantiles[:, i]), _array(observed), alpha=float(level)))
        for i, level in enumerate(levels)
    ]
    return float(np.mean(parts))


def skill_interval(
    losses: Floats,
    reference_losses: Floats,
    days: npt.NDArray[np.int64],
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    level: float = 0.9,
) -> tuple[float, float]:
    """Return a bootstrap interval of 1 − mean loss / mean reference loss, drawing whole blocks of days.

    Episodes last for days, so single rows are not independent; blocks of BLOCK_DAYS days nearly are. NaN
    with fewer than two blocks, or when the skill is undefined in more than half of the draws.

    Parameters
    ----------
    losses, reference_losses : (n,) such as squared errors, of the same rows
    days : (n,) day number of every row
    rng : source of randomness
    draws, level : number of resamples, and coverage of the interval

    References
    ----------
    Künsch (1989), https://doi.org/10.1214/aos/1176347265

    Examples
    --------
    >>> ours, theirs = np.linspace(0, 1, 70), np.ones(70)
    >>> low, high = skill_interval(ours, theirs, np.arange(70), np.random.default_rng(1))
    >>> bool(low < 1 - ours.mean() < high)
    True
    """
    _, block = np.unique(days // BLOCK_DAYS, return_inverse=True)
    blocks = int(block.max()) + 1 if len(block) else 0
    if blocks < 2:
        return float("nan"), float("nan")
    times_drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws)
    ours = times_drawn @ np.bincount(block, losses, blocks)
    theirs = times_drawn @ np.bincount(block, reference_losses, blocks)
    defined = theirs > 0
    if defined.sum() < draws / 2:
        return float("nan"), float("nan")
    found = 1 - ours[defined] / theirs[defined]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _array(values: Floats) -> Any:
    return xr.DataArray(np.asarray(values, dtype=float), dims="row")
