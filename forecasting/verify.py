"""Verification: predictions against what was measured, per city, model, lead and threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS
from pipeline.paths import day_means, observed_paths
from pipeline.scores import brier, contingency_scores, mean_quantile_score, roc_area, skill, skill_interval
from pipeline.times import from_ns

Floats = npt.NDArray[np.float64]
DECISION_PROBABILITY = 0.5
"""A yes/no forecast says yes at this probability; used for POD, FAR and CSI."""

REFERENCES = ("climatology", "persistence")

LEAD_BANDS = ((0, 24), (24, 48), (48, 72), (72, 96))
"""Hourly rows are scored over these ranges of ``lead_hours``, (low, high] [h]."""


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
    """Score a table of predictions; every model on the same rows, with counts and bootstrap intervals.

    Parameters
    ----------
    predictions : rows of ``forecasting.predictions``
    truth : rows of :func:`observed_truth`
    seed, draws : of the block bootstrap (7-day blocks, 90 % intervals)

    Returns
    -------
    ``exceedance``: one entry per city, model, target, lead and threshold with n, events, Brier score, Brier
    skill score against climatology and persistence, ROC area, POD, FAR and CSI at probability 0.5;
    ``continuous``: RMSE, MAE, bias, mean quantile score, and the coverage of the central 80 % and 90 %.
    What is undefined is None. Rows without a measured value are left out.
    """
    rows = predictions.merge(truth, on=["city", "target", "valid_end"], how="inner")
    rows = _on_common_rows(rows.dropna(subset=["mean"]))
    rng = np.random.default_rng(seed)
    exceedance, continuous = [], []
    for (city, target, lead), group in rows.groupby(["city", "target", _lead_label(rows)], sort=True):
        models = {
            str(name): part.sort_values(["issue_time", "valid_end"], ignore_index=True)
            for name, part in group.groupby("model")
        }
        for name, part in models.items():
            key = {"city": city, "model": name, "target": target, "lead": lead, "n": len(part)}
            continuous.append({**key, **_continuous(part)})
            for threshold, column in zip(PM_THRESHOLDS, PROBABILITY_COLUMNS, strict=True):
                scores = _exceedance(models, name, column, threshold, rng, draws)
                exceedance.append({**key, "threshold": threshold, **scores})
    return {"exceedance": _without_nan(exceedance), "continuous": _without_nan(continuous)}


def _truth_rows(city: City, target: str, ends: npt.NDArray[np.datetime64], values: Floats) -> pd.DataFrame:
    valid_end = pd.DatetimeIndex(ends).tz_localize("UTC")
    return pd.DataFrame({"city": city.id, "target": target, "valid_end": valid_end, "observed": values})


def _on_common_rows(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["city", "target", "issue_time", "valid_end"]
    count = rows.groupby(keys)["model"].transform("nunique")
    return rows[count == rows["model"].nunique()]


def _lead_label(rows: pd.DataFrame) -> pd.Series:
    labels = [f"{low + 1}-{high} h" for low, high in LEAD_BANDS]
    bands = pd.cut(rows["lead_hours"], [0, *(high for _, high in LEAD_BANDS)], labels=labels).astype(str)
    daily = "D+" + rows["lead_day"].astype(str)
    return bands.where(rows["target"] == "hourly", daily).rename("lead")


def _exceedance(
    models: dict[str, pd.DataFrame],
    name: str,
    column: str,
    threshold: int,
    rng: np.random.Generator,
    draws: int,
) -> dict[str, float]:
    part = models[name]
    event: Floats = np.asarray(part["observed"] > threshold, dtype=np.float64)
    p = part[column].to_numpy(float)
    scores: dict[str, float] = {"events": int(event.sum()), "brier_score": brier(p, event)}
    for reference in REFERENCES:
        if reference in models and name != reference:
            other = models[reference][column].to_numpy(float)
            label = f"brier_skill_score_{reference}"
            scores[label] = skill(scores["brier_score"], brier(other, event))
            if reference == "climatology":
                days = part["valid_end"].to_numpy("datetime64[D]").astype(np.int64)
                interval = skill_interval((p - event) ** 2, (other - event) ** 2, days, rng, draws=draws)
                scores |= dict(zip((f"{label}_low", f"{label}_high"), interval, strict=True))
    decided = contingency_scores((p >= DECISION_PROBABILITY).astype(float), event)
    return {**scores, "roc_area": roc_area(p, event), **decided}


def _continuous(part: pd.DataFrame) -> dict[str, float]:
    error = (part["mean"] - part["observed"]).to_numpy(float)
    quantiles, observed = part[list(QUANTILE_COLUMNS)].to_numpy(float), part["observed"].to_numpy(float)
    inside80 = (part["q10"] <= part["observed"]) & (part["observed"] <= part["q90"])
    inside90 = (part["q05"] <= part["observed"]) & (part["observed"] <= part["q95"])
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "bias": float(np.mean(error)),
        "quantile_score": mean_quantile_score(quantiles, np.array(QUANTILE_LEVELS), observed),
        "coverage_80": float(inside80.mean()),
        "coverage_90": float(inside90.mean()),
    }


def _without_nan(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write undefined scores as null, the only form that JSON has for them."""
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()}
        for entry in entries
    ]


def as_of_everything(panel: AsOfPanel) -> datetime:
    """Return an instant by which everything in the panel had been received [UTC]."""
    newest = max(
        (s.received.max() for s in panel.values() if len(s.received)), default=np.datetime64(0, "ns")
    )
    return from_ns(newest)
