"""Two sets of forecasts of the same days, scored by the same measurements, with the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.compare import FEWEST_EVENTS
from forecasting.day_losses import DAY_KEYS, Floats, brier_of, crps_of, sums_by_day
from forecasting.verification.intervals import block_counts, interval
from forecasting.verification.score_tables import Options

Rows = list[dict[str, Any]]
SIDES: Final = ("_theirs", "_ours")


def paired_scores(
    theirs: pd.DataFrame, ours: pd.DataFrame, thresholds: Sequence[int], options: Options | None = None
) -> Rows:
    """Score two sets of day forecasts on the days and issues that both have.

    Parameters
    ----------
    theirs, ours : rows of ``forecasting.day_losses.day_rows``, of one model each
    thresholds : day means whose exceedance is scored [ug m-3]
    options : seed and number of resamples of blocks of 5 days, both on the same days

    Returns
    -------
    one entry per city, lead day and measure (``rmse``, ``crps`` [ug m-3], ``brier`` with its threshold): n,
    days, events, theirs, ours, difference (ours − theirs; below 0: ours is smaller), low and high (90 %, None
    with fewer than 10 days). A threshold with fewer than 5 days above, or below, is left out

    Examples
    --------
    >>> paired_scores(pd.DataFrame(columns=[*DAY_KEYS]), pd.DataFrame(columns=[*DAY_KEYS]), (35,))
    []
    """
    keys = list(DAY_KEYS)
    parts = [
        rows.drop_duplicates(keys, keep="last").set_index(keys).add_suffix(suffix)
        for rows, suffix in zip((theirs, ours), SIDES, strict=True)
    ]
    pairs = pd.concat(parts, axis=1, join="inner").sort_index().reset_index()
    chosen = options or Options()
    return [
        entry
        for city, of_city in pairs.groupby("city")
        for lead in sorted({int(day) for day in of_city["lead_day"]})
        for entry in _entries(str(city), lead, of_city[of_city["lead_day"] == lead], thresholds, chosen)
    ]


def _entries(city: str, lead: int, rows: pd.DataFrame, thresholds: Sequence[int], options: Options) -> Rows:
    """Return every measure of one city and lead day."""
    sides = [_side(rows, suffix) for suffix in SIDES]
    days = int(rows["valid_end"].nunique())
    weights = block_counts(days, options.rng(city, str(lead)), draws=options.draws)
    key = {"city": city, "lead_day": lead, "n": len(rows), "days": days}
    squared = [np.asarray((s["mean"] - s["observed"]) ** 2, np.float64) for s in sides]
    found = [
        {**key, "measure": "rmse", "threshold": None, "events": None, **_gap(rows, squared, weights, True)},
        {
            **key,
            "measure": "crps",
            "threshold": None,
            "events": None,
            **_gap(rows, [crps_of(s) for s in sides], weights),
        },
    ]
    for threshold in thresholds:
        above = (rows["observed_ours"] > threshold).groupby(rows["valid_end"]).first()
        if min(int(above.sum()), int((~above).sum())) >= FEWEST_EVENTS:
            losses = [brier_of(s, threshold) for s in sides]
            events = int((rows["observed_ours"] > threshold).sum())
            measure = {"measure": "brier", "threshold": threshold, "events": events}
            found.append({**key, **measure, **_gap(rows, losses, weights)})
    return found


def _side(rows: pd.DataFrame, suffix: str) -> pd.DataFrame:
    """Return the columns of one side under their own names."""
    named = {str(c): str(c).removesuffix(suffix) for c in rows if str(c).endswith(suffix)}
    return rows[list(named)].rename(columns=named)


def _gap(
    rows: pd.DataFrame, losses: Sequence[Floats], weights: Floats, root: bool = False
) -> dict[str, float | None]:
    """Return the mean losses of both sides (or their roots), their difference and its interval."""
    sums = weights @ sums_by_day(rows, [np.ones(len(rows)), *losses])
    means = sums[:, 1:] / sums[:, :1]
    means = np.sqrt(means) if root else means
    difference = means[:, 1] - means[:, 0]
    low, high = (float(bound) for bound in interval(difference[1:]))
    told = {"theirs": means[0, 0], "ours": means[0, 1], "difference": difference[0], "low": low, "high": high}
    return {name: float(v) if np.isfinite(v) else None for name, v in told.items()}
