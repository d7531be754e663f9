"""What each row costs under each measure, before anything is added up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.verification.measures import crps
from forecasting.verification.pairs import Group
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]

DECISION_PROBABILITY = 0.5
"""A yes/no forecast says yes at this probability; used for POD, FAR, CSI, HSS and PSS."""

CENTRAL = {50: (2, 4), 80: (1, 5), 90: (0, 6)}
"""Central intervals and the positions of their ends among QUANTILE_LEVELS."""


def row_losses(group: Group) -> dict[str, Floats]:
    """Return what :func:`measures.continuous_measures` adds up, each (model, row)."""
    seen = np.broadcast_to(group.observed, group.mean.shape)
    error = group.mean - seen
    inside = {
        f"inside_{level}": (
            (group.quantiles[..., low] <= seen) & (seen <= group.quantiles[..., high])
        ).astype(np.float64)
        for level, (low, high) in CENTRAL.items()
    }
    return {
        "n": np.ones_like(error),
        "error": error,
        "sq_error": error**2,
        "abs_error": np.abs(error),
        "forecast": group.mean,
        "observed": seen,
        "sq_forecast": group.mean**2,
        "sq_observed": seen**2,
        "product": group.mean * seen,
        "crps": crps(group.quantiles, group.observed),
        **inside,
    }


def event_losses(group: Group, counted: Events | None = None) -> dict[str, Floats]:
    """Return what :func:`measures.event_measures` and the skills add up, (model or 1, row, threshold).

    Parameters
    ----------
    counted : (row, threshold) rows that count; all if None

    ``brier_beside_season`` is the loss of each model on the rows for which that climatology exists, and
    ``brier_of_season`` the climatology's own there; likewise ``trend``.
    """
    event = group.event
    weight = np.ones(event.shape) if counted is None else counted.astype(np.float64)
    p = group.probability
    said = p >= DECISION_PROBABILITY
    brier = (p - event) ** 2
    found = {
        "n": np.broadcast_to(weight, p.shape),
        "events": np.broadcast_to(weight * event, p.shape),
        "said": weight * said,
        "hits": weight * (said & event),
        "brier": weight * brier,
    }
    for name, reference in group.climatology.items():
        there = np.isfinite(reference)
        mine = weight * there
        found[f"brier_beside_{name}"] = mine * brier
        found[f"brier_of_{name}"] = (mine * (np.where(there, reference, 0.0) - event) ** 2)[None]
    return found


def onset_rows(group: Group) -> Events:
    """Tell for each row and threshold whether the day before was measured and not above, (row, threshold).

    On these days an exceedance is an onset, which persistence cannot forecast.
    """
    return np.asarray(group.before[:, None] <= np.array(PM_THRESHOLDS))
