"""What each forecast of a local day cost: squared error, CRPS, Brier; and resamples of blocks of days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.predictions import QUANTILE_COLUMNS
from pipeline.names import QUANTILE_LEVELS

Floats = npt.NDArray[np.float64]
DAY_KEYS: Final = ("city", "issue_time", "lead_day", "valid_end")
FIRST_LEAD: Final = 1
"""Days from D+1 on are judged; of D+0 a part has been measured."""

BLOCK_DAYS: Final = 5
"""Length of a bootstrap block [d]; an episode lasts about as long, so that blocks are nearly independent."""


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
    """Return the CRPS of every row [ug m-3], approximated by twice the mean quantile score of its quantiles.

    Gneiting and Ranjan (2011), https://doi.org/10.1198/jbes.2010.08110, equation 12.

    >>> row = {**dict.fromkeys(QUANTILE_COLUMNS, 30.0), "observed": 50.0}
    >>> bool(abs(crps_of(pd.DataFrame([row]))[0] - 2 * np.mean(QUANTILE_LEVELS) * (50 - 30)) < 1e-12)
    True
    """
    error = rows["observed"].to_numpy(float)[:, None] - rows[list(QUANTILE_COLUMNS)].to_numpy(float)
    levels = np.array(QUANTILE_LEVELS)
    return np.asarray(2 * np.where(error >= 0, levels * error, (levels - 1) * error).mean(axis=1), float)


def brier_of(rows: pd.DataFrame, threshold: int) -> Floats:
    """Return the squared error of every row's probability that the day exceeds a threshold [ug m-3]."""
    event = (rows["observed"] > threshold).to_numpy(float)
    return np.asarray((rows[f"p_gt_{threshold}"].to_numpy(float) - event) ** 2, float)


def sums_by_day(rows: pd.DataFrame, columns: Sequence[Floats]) -> Floats:
    """Return the sums of some columns over the rows of each day that was forecast, (day, column)."""
    days = rows["valid_end"].to_numpy("datetime64[D]")
    _, at = np.unique(days, return_inverse=True)
    return np.column_stack([np.bincount(at, values) for values in columns])


def block_weights(days: int, rng: np.random.Generator, draws: int) -> Floats:
    """Return how often each day occurs in resamples that are put together of blocks of days, (draw, day).

    Künsch (1989), https://doi.org/10.1214/aos/1176347265: blocks may begin on any day.

    Raises
    ------
    ValueError
        there are fewer days than two blocks

    Examples
    --------
    >>> block_weights(10, np.random.default_rng(0), 3).sum(axis=1)
    array([10., 10., 10.])
    """
    if days < 2 * BLOCK_DAYS:
        raise ValueError(f"{days} days make no two blocks of {BLOCK_DAYS}")
    blocks = -(-days // BLOCK_DAYS)
    starts = rng.integers(0, days - BLOCK_DAYS + 1, size=(draws, blocks))
    steps = np.zeros((draws, days + 1))
    which = np.repeat(np.arange(draws), blocks)
    np.add.at(steps, (which, starts.ravel()), 1.0)
    np.add.at(steps, (which, starts.ravel() + BLOCK_DAYS), -1.0)
    return np.asarray(np.cumsum(steps, axis=1)[:, :days] * (days / (blocks * BLOCK_DAYS)), float)
