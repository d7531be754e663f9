"""Which moment of a simulated history is the world's present.

The choice looks at the truth after that moment, as a teacher picks an exercise; that is all the truth is
used for. Readings after the present are never handed out, so forecasts and warnings do not know the choice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.errors import ContractError
from pipeline.times import local_day_bounds

BEIJING_LEVEL, SEOUL_LEVEL = 75.0, 50.0
"""Day means [ug m-3] that make a transboundary episode when Seoul follows Beijing."""
FOLLOWS_DAYS: Final = 2
"""Seoul's first day above its level is Beijing's first, or at most this many days later."""
CYCLE_HOUR: Final = 8
"""The present is the 08 UTC cycle of the day before Seoul's first day, 31 hours before it begins."""
LEAD_DAYS: Final = 2
CALM_BEIJING, CALM_SEOUL = 50.0, 30.0
"""In a quiet season no day mean of the outlook comes above these [ug m-3]."""


def day_means(times: pd.DatetimeIndex, seoul: np.ndarray, beijing: np.ndarray) -> pd.DataFrame:
    """Return local day means of both cities by calendar date; hours are interval ends [UTC]."""
    columns = {}
    for name, values, offset in (("seoul", seoul, 9), ("beijing", beijing, 8)):
        local = times + pd.Timedelta(hours=offset) - pd.Timedelta(minutes=1)
        columns[name] = pd.Series(values).groupby(local.normalize()).mean()
    return pd.DataFrame(columns)


def onsets(days: pd.DataFrame) -> pd.DataFrame:
    """Return transboundary episodes, strongest first: Seoul's first day, the lag and the strength.

    Beijing is above its level on a day not after Seoul's first; Seoul was below its level the two days
    before. The strength is the smaller of both cities' means over their levels.

    >>> calm = pd.date_range("2025-01-01", periods=9)
    >>> quiet = pd.DataFrame({"seoul": [20.0] * 9, "beijing": [40.0] * 9}, index=calm)
    >>> len(onsets(quiet))
    0
    """
    found = []
    for at in range(LEAD_DAYS + FOLLOWS_DAYS, len(days) - 2):
        seoul, beijing = days["seoul"].to_numpy(), days["beijing"].to_numpy()
        if seoul[at] <= SEOUL_LEVEL or (seoul[at - LEAD_DAYS : at] > SEOUL_LEVEL).any():
            continue
        before = beijing[at - FOLLOWS_DAYS : at + 1]
        first = np.flatnonzero(before > BEIJING_LEVEL)
        if len(first):
            strength = min(seoul[at : at + 2].max() / SEOUL_LEVEL, before.max() / BEIJING_LEVEL)
            found.append((days.index[at], FOLLOWS_DAYS - int(first[0]), strength))
    table = pd.DataFrame(found, columns=["day", "lag_days", "strength"])
    return table.sort_values("strength", ascending=False, ignore_index=True)


def episode_present(days: pd.DataFrame) -> datetime:
    """Return the cycle before the strongest transboundary episode of these days [UTC]."""
    table = onsets(days)
    if table.empty:
        raise ContractError("this simulated winter has no transboundary episode; take another seed")
    return _cycle_before(table["day"].iloc[0])


def quiet_present(days: pd.DataFrame) -> datetime:
    """Return a cycle with clean air in both cities from two days before to five days after [UTC]."""
    calm = (days["beijing"] < CALM_BEIJING) & (days["seoul"] < CALM_SEOUL)
    stretch = calm.rolling(8).sum().to_numpy() == 8
    ends = np.flatnonzero(stretch)
    if not len(ends):
        raise ContractError("this simulated summer has no quiet week; take another seed")
    worst = (days["beijing"] / CALM_BEIJING).rolling(8).max().to_numpy()
    best = ends[np.argmin(worst[ends])]
    return _cycle_before(days.index[best - 3])


def _cycle_before(day: pd.Timestamp) -> datetime:
    """Return the 08 UTC cycle some 31 hours before a local day begins in Seoul."""
    midnight = local_day_bounds(day.date(), "Asia/Seoul")[0]
    return (midnight - timedelta(days=1)).replace(hour=CYCLE_HOUR)
