"""Our forecast together with those of others beside our model alone: the same days, in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.verification.intervals import interval
from forecasting.verification.losses import event_losses, row_losses
from forecasting.verification.measures import Floats, continuous_measures, event_measures
from forecasting.verification.pairs import Group, groups
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import day_sums
from pipeline.names import PM_THRESHOLDS

Rows = list[dict[str, Any]]

ALONE, TOGETHER = "alone", "combined"
"""Names of the two, in the column ``model`` of what is compared."""

LEAST_DAYS, LEAST_MOVED = 90, 60
"""How much must have been scored of a city and lead before a verdict on use: a season."""

USUAL: Final = (0.7, 0.9)
"""Share of days that the central 80 % may hold."""

OF_ROWS: Final = ("crps", "rmse", "coverage_80")
OF_EVENTS: Final = ("brier_score", "pod", "far")


def combined_rows(both: pd.DataFrame, truth: pd.DataFrame, options: Options) -> Rows:
    """Return scores of day means by city and lead: combined, alone, and their difference.

    Parameters
    ----------
    both : rows of ``forecasting.predictions`` whose ``model`` is ``alone`` or ``combined``
    truth : rows of ``forecasting.verify.observed_truth``

    Returns
    -------
    for every measure (and threshold exceeded at least once) ``n`` forecasts of ``days``, how many of them
    others ``moved``, both scores, and combined − alone with its interval, resampled in pairs

    Examples
    --------
    >>> combined_rows(pd.DataFrame(), pd.DataFrame(), Options())
    []
    """
    if not len(both):
        return []
    daily = both[both["target"] == "daily"]
    found = [group for group in groups(daily, truth) if set(group.models) == {ALONE, TOGETHER}]
    return [row for group in found for row in _rows(group, options)]


def _rows(group: Group, options: Options) -> Rows:
    sums = day_sums(group, row_losses(group), event_losses(group))
    rng = options.rng("combined", *group.key.values())
    by_row, by_threshold = sums.resampled(np.ones(len(group.day), bool), rng, options.draws)
    alone, both = group.of(ALONE), group.of(TOGETHER)
    moved = int((np.abs(group.quantiles[alone] - group.quantiles[both]) > 1e-6).any(axis=-1).sum())
    days = len(np.unique(group.day))
    counts: dict[str, Any] = {**group.key, "n": len(group.day), "days": days, "moved": moved}
    scores = continuous_measures(by_row)
    rows = [
        {**counts, "measure": name, "threshold": None, **_beside(scores[name], both, alone)}
        for name in OF_ROWS
    ]
    events = event_measures(by_threshold)
    for i, threshold in enumerate(PM_THRESHOLDS):
        if by_threshold["events"][0, alone, i] > 0:
            at = {name: events[name][..., i] for name in OF_EVENTS}
            key = {**counts, "threshold": threshold}
            rows += [{**key, "measure": name, **_beside(at[name], both, alone)} for name in OF_EVENTS]
    return rows


def _beside(scores: Floats, both: int, alone: int) -> Mapping[str, float]:
    """Return both scores, their difference and its interval; ``scores`` (1 + draws, model)."""
    gap = scores[:, both] - scores[:, alone]
    low, high = interval(gap[1:])
    values = scores[0, both], scores[0, alone], gap[0], low, high
    names = ("combined", "alone", "difference", "difference_low", "difference_high")
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def verdict_on_use(rows: pd.DataFrame | None, thresholds: Mapping[str, int]) -> list[str]:
    """Return what speaks against publishing the combined forecast, by the terms of docs/combining.md.

    Parameters
    ----------
    rows : of ``combined_rows``; None or empty: nobody stated anything
    thresholds : for every city the day mean whose Brier score counts [ug m-3]

    Examples
    --------
    >>> one = {"city": "seoul", "lead": "D+1", "measure": "crps", "days": 12, "moved": 9}
    >>> verdict_on_use(pd.DataFrame([one]), {"seoul": 35})[1]
    'seoul D+1: 12 days scored and 9 forecasts moved by others; 90 and 60 are asked'
    """
    if rows is None or not len(rows):
        return []
    against = [text for _, part in rows.groupby(["city", "lead"]) for text in _against(part, thresholds)]
    head = (
        "What speaks against using it:" if against else "Nothing speaks against using it (docs/combining.md)."
    )
    return [head, *against]


def _against(part: pd.DataFrame, thresholds: Mapping[str, int]) -> list[str]:
    where = f"{part['city'].iloc[0]} {part['lead'].iloc[0]}"
    days, moved = int(part["days"].iloc[0]), int(part["moved"].iloc[0])
    if days < LEAST_DAYS or moved < LEAST_MOVED:
        few = f"{days} days scored and {moved} forecasts moved by others"
        return [f"{where}: {few}; {LEAST_DAYS} and {LEAST_MOVED} are asked"]
    rows = {row["measure"]: row for row in part[part["threshold"].isna()].to_dict("records")}
    events = part[
        (part["measure"] == "brier_score") & (part["threshold"] == thresholds.get(part["city"].iloc[0]))
    ]
    found = []
    if not rows["crps"]["difference_high"] < 0:
        found.append(f"{where}: CRPS is not lower beyond noise")
    if (events["difference_low"] > 0).any():
        found.append(f"{where}: the Brier score of the threshold is higher beyond noise")
    if not USUAL[0] <= rows["coverage_80"]["combined"] <= USUAL[1]:
        found.append(
            f"{where}: the central 80 % hold {100 * rows['coverage_80']['combined']:.0f} % of the days"
        )
    return found
