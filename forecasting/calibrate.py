"""Calibration: held-out residuals turned into quantiles that cover as often as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.targets import Floats

LEAD_EDGES = (6, 12, 24, 36, 48, 72)
"""Upper ends [h] of the bins of lead, counted from the newest observation, that have their own residuals."""

TABLE_LEVELS = np.concatenate([[0.001], np.arange(0.005, 0.996, 0.005), [0.999]])
MINIMUM_RESIDUALS = 300
RECENT_DAYS = 365
WIDENING = (0.9, 1.3)


@dataclass(frozen=True)
class Residuals:
    """Quantiles of standardised held-out residuals by target and bin of lead.

    Parameters
    ----------
    table : (target, lead bin, level) quantiles, rising along the level
    widening : (target,) factor by which the recent held-out spread exceeded the average one
    """

    table: npt.NDArray[np.float64]
    widening: npt.NDArray[np.float64]

    def quantiles(self, target: int, lead: Floats, levels: Floats) -> Floats:
        """Return standardised quantiles (row, level) for rows of one target; they never cross."""
        table = self.table[target] * self.widening[target]
        by_bin = np.stack([np.interp(levels, TABLE_LEVELS, row) for row in table])
        return by_bin[lead_bin(lead)]


def lead_bin(lead: Floats) -> npt.NDArray[np.int64]:
    """Return the bin of leads [h]; an unknown lead falls into the last.

    >>> lead_bin(np.array([1.0, 6.0, 7.0, 100.0, np.nan])).tolist()
    [0, 0, 1, 6, 6]
    """
    return np.searchsorted(LEAD_EDGES, np.nan_to_num(lead, nan=1e9), side="left").astype(np.int64)


def fit_residuals(
    z: Floats, target: npt.NDArray[np.int64], lead: Floats, age_days: Floats, targets: int
) -> Residuals:
    """Tabulate standardised held-out residuals.

    Bins with fewer than MINIMUM_RESIDUALS take the target's residuals at all leads, a target with too few
    those of all targets. The widening compares the 80 % half-width of the newest RECENT_DAYS with that of
    all days (split conformal prediction on the newest block, Vovk et al. 2005); half of the difference is
    believed, within WIDENING.

    Parameters
    ----------
    z : (row,) held-out residuals divided by their predicted scale
    target, lead, age_days : (row,) target number, lead [h] and age at the end of training [days]
    targets : how many targets there are
    """
    bins = lead_bin(lead)
    table = np.empty((targets, len(LEAD_EDGES) + 1, len(TABLE_LEVELS)))
    widening = np.ones(targets)
    for i in range(targets):
        own = z[target == i] if (target == i).sum() >= MINIMUM_RESIDUALS else z
        for b in range(table.shape[1]):
            part = z[(target == i) & (bins == b)]
            table[i, b] = np.quantile(part if len(part) >= MINIMUM_RESIDUALS else own, TABLE_LEVELS)
        recent = z[(target == i) & (age_days <= RECENT_DAYS)]
        if len(recent) >= MINIMUM_RESIDUALS:
            factor = np.sqrt(np.quantile(np.abs(recent), 0.8) / np.quantile(np.abs(own), 0.8))
            widening[i] = np.clip(factor, *WIDENING)
    return Residuals(table, widening)
