"""What each forecast of a local day cost: squared error, CRPS, Brier; summed by day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.predictions import QUANTILE_COLUMNS
from forecasting.verification.measures import crps

Floats = npt.NDArray[np.float64]
DAY_KEYS: Final = ("city", "issue_time", "lead_day", "valid_end")
FIRST_LEAD: Final = 1
"""Days from D+1 on are judged; of D+0 a part has been measured."""


def day_rows(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the forecasts of whole local days beside what was measured; others are left out.

    Parameters
    ----------
    rows : rows of ``forecasting.predictions``
    truth : rows of ``forecasting.verify.observed_truth``
    """
    daily = rows[(rows["target"] == "daily") & (rows["lead_day"] >= FIRST_LEAD)].dropna(subset=["mean"])
    seen = truth.loc[truth["target"] == "daily", ["city", "valid_end", "observed"]]
    return daily.merge(seen, on=["city", "valid_end"], how="inner").sort_values([*DAY_KEYS, "model"])


def crps_of(rows: pd.DataFrame) -> Floats:
    """Return the CRPS of every row [ug m-3], from its quantiles."""
    return crps(rows[list(QUANTILE_COLUMNS)].to_numpy(float), rows["observed"].to_numpy(float))


def brier_of(rows: pd.DataFrame, threshold: int) -> Floats:
    """Return the squared error of every row's probability that the day exceeds a threshold [ug m-3]."""
    event = (rows["observed"] > threshold).to_numpy(float)
    return np.asarray((rows[f"p_gt_{threshold}"].to_numpy(float) - event) ** 2, float)


def sums_by_day(rows: pd.DataFrame, columns: Sequence[Floats]) -> Floats:
    """Return the sums of some columns over the rows of each day that was forecast, (day, column)."""
    days = rows["valid_end"].to_numpy("datetime64[D]")
    _, at = np.unique(days, return_inverse=True)
    return np.column_stack([np.bincount(at, values) for values in columns])
