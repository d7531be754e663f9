"""Climatologies made of the measured days themselves, beside the baselines that every issue forecasts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEASON_DAYS = 15
"""Half-width of the part of the year that counts as the same season [d]."""

TREND_YEARS = 3
LEAST_DAYS = 30
"""Days that a climatology needs; with fewer it is undefined."""

CLIMATOLOGIES = ("season", "trend")
"""``season``: same season of all other years, later ones included; ``trend``: of the last three years."""


def climatologies(measured: pd.Series, days: Ints, issued: Ints) -> dict[str, Floats]:
    """Return what two climatologies give as probability of exceeding each of PM_THRESHOLDS.

    Parameters
    ----------
    measured : day means [ug m-3] indexed by day number (days since 1970), as far back as there are any
    days, issued : (row,) day number of the day forecast, and of the local day of issue

    Returns
    -------
    for each of CLIMATOLOGIES (row, threshold); NaN with fewer than LEAST_DAYS days. ``season`` uses days
    within 15 d of the day of the year in all years but the day's own; ``trend`` those within 15 d of its
    anniversaries one, two and three years before, if they are over when the forecast is issued

    Examples
    --------
    >>> past = pd.Series(20.0, np.arange(0, 1200))
    >>> found = climatologies(past, np.array([1000, 5000]), np.array([999, 4999]))
    >>> found["trend"][:, :2].tolist(), found["season"][0, :2].tolist()
    ([[1.0, 0.0], [nan, nan]], [1.0, 0.0])
    """
    known = measured.dropna().sort_index()
    at = known.index.to_numpy(np.int64)
    above = known.to_numpy()[:, None] > np.array(PM_THRESHOLDS)
    unique, back = np.unique(np.stack([days, issued]), axis=1, return_inverse=True)
    season = _share(above, [_same_season(at, day) for day in unique[0]])
    trend = _share(above, [_last_years(at, day, before) for day, before in unique.T])
    return {"season": season[back.ravel()], "trend": trend[back.ravel()]}


def persisted(measured: pd.Series, issued: Ints) -> Floats:
    """Return for each row the mean of the last whole local day before its issue [ug m-3]; NaN if unmeasured.

    >>> persisted(pd.Series([10.0, 30.0], [4, 5]), np.array([6, 7])).tolist()
    [30.0, nan]
    """
    return measured.reindex(issued - 1).to_numpy(np.float64)


def _share(above: npt.NDArray[np.bool_], chosen: list[Ints]) -> Floats:
    blank = np.full(above.shape[1], np.nan)
    return np.array([above[i].mean(axis=0) if len(i) >= LEAST_DAYS else blank for i in chosen]).reshape(
        len(chosen), above.shape[1]
    )


def _same_season(at: Ints, day: int) -> Ints:
    """Return positions of days in the season of a day, in other years."""
    gap = np.abs(at - day)
    years = np.rint(gap / 365.2425)
    return np.flatnonzero((years > 0) & (np.abs(gap - years * 365.2425) <= SEASON_DAYS + 0.5))


def _last_years(at: Ints, day: int, issued: int) -> Ints:
    gap = day - at
    years = np.rint(gap / 365.2425)
    same = (years >= 1) & (years <= TREND_YEARS) & (np.abs(gap - years * 365.2425) <= SEASON_DAYS + 0.5)
    return np.flatnonzero(same & (at < issued))
