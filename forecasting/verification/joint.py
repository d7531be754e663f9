"""Events of several days, from joint forecasts, beside what a forecast without memory would say."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.verification.intervals import block_counts, interval
from forecasting.verification.measures import ratio
from forecasting.verification.pairs import DAYS
from forecasting.verification.score_tables import Options
from pipeline.names import QUANTILE_LEVELS

Floats = npt.NDArray[np.float64]
Rows = list[dict[str, Any]]

COLUMN = re.compile(r"p_(\d+)_days_gt_(\d+)")
"""Daily rows may hold ``p_2_days_gt_35``: the probability that this day and the one before both exceed 35."""

VARIOGRAM = "variogram_1_day"
"""Daily rows may hold the joint mean of |c(day) − c(day before)| ** 0.5 [(ug m-3) ** 0.5]."""

ORDER: Final = 0.5


def joint_rows(predictions: pd.DataFrame, truth: pd.DataFrame, options: Options) -> Rows:
    """Score joint columns where a table has them; an empty list where it has none.

    Each is scored beside the same quantity made of the single days as if they were independent: the Brier
    score of a stretch above a threshold beside that of the product of the days' probabilities, and the
    variogram score of neighbouring days (order 0.5) beside that of independent ones.

    Parameters
    ----------
    predictions, truth : as for ``pairs.groups``

    Returns
    -------
    a row for each city, model, lead and event: ``n``, ``events``, ``score``, ``score_independent``, and
    their difference with its interval (below 0: the joint forecast is better)

    References
    ----------
    Scheuerer and Hamill (2015), https://doi.org/10.1175/MWR-D-14-00269.1 (variogram score)
    """
    wanted = [c for c in predictions.columns if COLUMN.fullmatch(str(c)) or c == VARIOGRAM]
    rows = predictions[predictions["target"].isin(DAYS)]
    rows = rows.drop_duplicates(["city", "model", "issue_time", "valid_end"], keep="last")
    seen = truth.loc[truth["target"] == "daily", ["city", "valid_end", "observed"]]
    rows = rows.merge(seen, on=["city", "valid_end"])
    found: Rows = []
    for column in wanted:
        both = _variogram(rows) if column == VARIOGRAM else _stretch(rows, str(column))
        for (city, model, lead), part in both.groupby(["city", "model", "lead_day"], sort=True):
            key = {"city": str(city), "model": str(model), "lead": f"D+{lead}", "event": str(column)}
            found.append({**key, **_scored(part, options.rng(*key.values()), options.draws)})
    return found


def expected_gap(first: Floats, second: Floats) -> Floats:
    """Return E|X − Y| ** 0.5 of independent X and Y known by their quantiles at QUANTILE_LEVELS.

    Parameters
    ----------
    first, second : (row, level)

    Examples
    --------
    >>> expected_gap(np.full((1, 7), 40.0), np.full((1, 7), 24.0)).round(9).tolist()
    [4.0]
    """
    levels = np.array(QUANTILE_LEVELS)
    weight = np.diff(np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]]))
    gap = np.abs(first[:, :, None] - second[:, None, :]) ** ORDER
    return np.asarray(np.einsum("rij,i,j->r", gap, weight, weight), np.float64)


def _stretch(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    match = COLUMN.fullmatch(column)
    days, threshold = (int(part) for part in match.groups()) if match else (1, 0)
    single = f"p_gt_{threshold}"
    found = rows[rows[column].notna()].assign(
        joint=lambda t: t[column], product=lambda t: t[single], event=lambda t: t["observed"] > threshold
    )
    for back in range(1, days):
        found = _with_earlier(found, rows, back, [single, "observed"])
        found["product"] *= found[f"{single}_before"]
        found["event"] &= found["observed_before"] > threshold
    found["loss"] = (found["joint"] - found["event"]) ** 2
    found["loss_independent"] = (found["product"] - found["event"]) ** 2
    return found


def _variogram(rows: pd.DataFrame) -> pd.DataFrame:
    quantiles = [f"q{round(level * 100):02d}" for level in QUANTILE_LEVELS]
    found = _with_earlier(rows[rows[VARIOGRAM].notna()], rows, 1, [*quantiles, "observed"])
    seen = (found["observed"] - found["observed_before"]).abs() ** ORDER
    before = found[[f"{q}_before" for q in quantiles]].to_numpy(np.float64)
    alone = expected_gap(found[quantiles].to_numpy(np.float64), before)
    return found.assign(event=True, loss=(seen - found[VARIOGRAM]) ** 2, loss_independent=(seen - alone) ** 2)


def _with_earlier(found: pd.DataFrame, rows: pd.DataFrame, back: int, columns: list[str]) -> pd.DataFrame:
    """Put beside each row the columns of the row of the same issue, ``back`` days earlier."""
    keys = ["city", "model", "issue_time", "valid_end"]
    earlier = rows[[*keys, *columns]].assign(valid_end=rows["valid_end"] + pd.Timedelta(days=back))
    found = found.drop(columns=[f"{c}_before" for c in columns], errors="ignore")
    return found.merge(earlier, on=keys, suffixes=("", "_before"))


def _scored(part: pd.DataFrame, rng: np.random.Generator, draws: int) -> dict[str, Any]:
    days, at = np.unique(part["valid_end"].to_numpy("datetime64[D]"), return_inverse=True)
    counts = block_counts(len(days), rng, draws=draws)
    n, joint, alone = (
        counts @ np.bincount(at, weights, len(days))
        for weights in (np.ones(len(part)), part["loss"].to_numpy(), part["loss_independent"].to_numpy())
    )
    gap = ratio(joint, n) - ratio(alone, n)
    low, high = interval(gap[1:, None])
    return {
        "n": len(part),
        "events": int(part["event"].sum()),
        "score": float(joint[0] / n[0]),
        "score_independent": float(alone[0] / n[0]),
        "difference": float(gap[0]),
        "low": low[0].item(),
        "high": high[0].item(),
    }
