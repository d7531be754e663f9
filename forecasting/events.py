"""Events that rules ask for, a row each: thresholds of single days, and stretches of days or hours."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from forecasting.stretches import HOUR_STRETCHES, OTHER_THRESHOLDS, STRETCHES
from pipeline.names import PM_THRESHOLDS

EVENTS: Final = (
    *(("days", 1, above, f"p_gt_{above}") for above in sorted({*PM_THRESHOLDS, *OTHER_THRESHOLDS})),
    *(("days", days, above, f"p_{days}_days_gt_{above}") for days, above in STRETCHES),
    *(("hours", hours, least, f"p_{hours}_hours_ge_{least}") for hours, least in HOUR_STRETCHES),
)
"""Kind, length, threshold [ug m-3] and column of the predictions. Days exceed a threshold, hours reach it."""

CONDITIONS: Final = frozenset((kind, length, threshold) for kind, length, threshold, _ in EVENTS)
TOLD: Final = ("model_id", "weather")
"""Columns of the predictions that stand beside each event where they are there."""

KEYS: Final = ("city", "model", "issue_time", "lead_day", "valid_end")


def event_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the probability of every event on every local day, a row each.

    Parameters
    ----------
    rows : predictions, see docs/predictions.md

    Returns
    -------
    ``city``, ``model``, ``issue_time``, ``lead_day`` and ``valid_end`` of the day that completes the event;
    ``event``, such as "mean > 50 on 2 days running"; ``kind`` (``days`` or ``hours``), ``length``,
    ``threshold`` [ug m-3]; ``probability``, from whole joint futures; ``if_independent``, the product of the
    days' own probabilities (empty for hours). Days that are not known, and stretches that begin before the
    day of issue, have no row.

    Examples
    --------
    >>> end = pd.Timestamp("2020-01-11T15Z")
    >>> days = {"lead_day": [0, 1], "valid_end": [end, end + pd.Timedelta("1D")], "p_gt_50": [0.5, 0.4]}
    >>> what = {"city": "seoul", "model": "sameair", "issue_time": end, "target": "daily"}
    >>> rows = pd.DataFrame({**what, **days})
    >>> rows["p_2_days_gt_50"] = [np.nan, 0.35]
    >>> stretch = event_table(rows).iloc[2]
    >>> stretch["event"], float(stretch["probability"]), float(stretch["if_independent"])
    ('mean > 50 on 2 days running', 0.35, 0.2)
    """
    days = rows[rows["target"] == "daily"].sort_values([*KEYS[:3], "lead_day"], kind="stable")
    same = days.groupby(["city", "model", "issue_time"], sort=False)
    kept = [*KEYS, *(name for name in TOLD if name in days)]
    parts = []
    for kind, length, threshold, column in EVENTS:
        if column not in days:
            continue
        alone = np.full(len(days), np.nan)
        if kind == "days" and f"p_gt_{threshold}" in days:
            single = same[f"p_gt_{threshold}"]
            alone = np.prod([single.shift(back).to_numpy(float) for back in range(length)], axis=0)
        part = days[kept].assign(
            event=_name(kind, length, threshold),
            kind=kind,
            length=length,
            threshold=threshold,
            probability=days[column].to_numpy(float),
            if_independent=alone,
        )
        parts.append(part[part["probability"].notna()])
    return pd.concat(parts, ignore_index=True)


def _name(kind: str, length: int, threshold: int) -> str:
    """Return the event in words.

    >>> _name("hours", 2, 75), _name("days", 1, 35)
    ('at least 75 for 2 hours running', 'mean > 35 on the day')
    """
    if kind == "hours":
        return f"at least {threshold} for {length} hours running"
    return f"mean > {threshold} on " + ("the day" if length == 1 else f"{length} days running")
