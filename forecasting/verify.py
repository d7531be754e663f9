"""What was measured of the days and hours forecast, and the short scores of a table of predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.verification.pairs import groups
from forecasting.verification.score_tables import Collected, Options, score_group
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import day_means, observed_paths
from pipeline.times import from_ns

Floats = npt.NDArray[np.float64]


def observed_truth(
    panel: AsOfPanel,
    cities: Sequence[City],
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    quantity: str,
) -> pd.DataFrame:
    """Return what was measured: local-day means and single intervals of every city's reference series.

    Returns
    -------
    columns city, target (``daily`` | ``hourly``), valid_end [UTC], observed [ug m-3]; a day with fewer than
    75 % of its intervals is left out
    """
    paths = observed_paths(
        panel,
        cities,
        start=start - timedelta(days=2),
        end=end + timedelta(days=5),
        as_of=as_of,
        quantity=quantity,
    )
    parts = []
    for city in cities:
        days = day_means(paths, city, quantity)
        parts.append(_truth_rows(city, "daily", days["valid_end"].values, days["day_mean"].values[0]))
        values = paths[quantity].sel(city=city.id, realization=0).values
        parts.append(_truth_rows(city, "hourly", paths["time"].values, values))
    return pd.concat(parts, ignore_index=True).dropna(subset=["observed"])


def score_predictions(
    predictions: pd.DataFrame, truth: pd.DataFrame, *, seed: int = 0, draws: int = 1000
) -> dict[str, list[dict[str, Any]]]:
    """Score a table of predictions in short; every model on the same rows, by city, target and lead.

    Parameters
    ----------
    predictions : rows of ``forecasting.predictions``
    truth : rows of :func:`observed_truth`
    seed, draws : of the block bootstrap (5-day blocks, 90 % intervals)

    Returns
    -------
    ``exceedance``: one entry per city, model, target, lead and threshold with n, events, Brier score, Brier
    skill score against climatology (with its interval) and persistence, ROC area, POD, FAR, CSI, HSS and PSS
    at probability 0.5; ``continuous``: RMSE, MAE, bias, CRPS, and coverage of the central 50, 80 and 90 %.
    What is undefined is None. Rows without a measured value are left out. `sameair verify` gives the rest.
    """
    collected = Collected()
    options = Options(seed=seed, draws=draws, whole_only=True)
    for group in groups(predictions, truth):
        score_group(group, options, collected)
    return {
        "exceedance": [_short(row, _EXCEEDANCE) for row in collected.exceedance],
        "continuous": [_short(row, _CONTINUOUS) for row in collected.continuous],
    }


_KEY = {name: name for name in ("city", "model", "target", "lead", "n")}
_EXCEEDANCE = {
    **_KEY,
    **{name: name for name in ("threshold", "events", "brier_score", "roc_area")},
    **{f"bss_climatology{end}": f"brier_skill_score_climatology{end}" for end in ("", "_low", "_high")},
    "bss_persistence": "brier_skill_score_persistence",
    **{name: name for name in ("pod", "far", "csi", "hss", "pss", "frequency_bias")},
}
_CONTINUOUS = {
    **_KEY,
    **{name: name for name in ("rmse", "mae", "bias", "crps", "coverage_50", "coverage_80", "coverage_90")},
}
_COUNTS = ("n", "events")


def _short(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Keep the chosen columns; undefined scores become null, the only form that JSON has for them."""
    kept = {label: row[name] for name, label in columns.items() if name in row}
    return {
        label: int(v) if label in _COUNTS else None if isinstance(v, float) and not math.isfinite(v) else v
        for label, v in kept.items()
    }


def _truth_rows(city: City, target: str, ends: npt.NDArray[np.datetime64], values: Floats) -> pd.DataFrame:
    valid_end = pd.DatetimeIndex(ends).tz_localize("UTC")
    return pd.DataFrame({"city": city.id, "target": target, "valid_end": valid_end, "observed": values})


def as_of_everything(panel: AsOfPanel) -> datetime:
    """Return an instant by which everything in the panel had been received [UTC]."""
    newest = max(
        (s.received.max() for s in panel.values() if len(s.received)), default=np.datetime64(0, "ns")
    )
    return from_ns(newest)
