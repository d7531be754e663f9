"""Which moment of a simulated history is the world's present.

The choice looks at the truth after that moment, as a teacher picks an exercise; that is all the truth is
used for. Readings after the present are never handed out, so forecasts and warnings do not know the choice.
It asks for signs before the moment, too: with the air of Beijing bad for a day and that of Seoul turning, a
forecaster without weather forecasts has a fair chance, as he has not on the day before any sign.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ContractError
from pipeline.times import CYCLE_HOURS_UTC

BEIJING_LEVEL, SEOUL_LEVEL = 75.0, 50.0
"""Day means [ug m-3] above which the two cities make a transboundary episode."""
SIGN: Final = 0.75
"""Seoul's air turns when its last six hours reach this share of its level …"""
SIGN_HOURS, BEIJING_HOURS = 6, 24
"""… while Beijing's mean of this many hours is above its own."""
CLEAN_DAYS: Final = 2
"""Seoul's days before the present, none of which may be above its level."""
AHEAD_DAYS: Final = 2
"""The episode is strong by the days from the present's own on."""
CALM_BEIJING, CALM_SEOUL = 50.0, 30.0
"""In a quiet season no day mean comes above these [ug m-3] from two days before to five days after."""
QUIET_BEFORE, QUIET_AFTER = 2, 5
QUIET_CYCLE_HOUR: Final = 8

Floats = npt.NDArray[np.float64]


def day_means(times: pd.DatetimeIndex, seoul: Floats, beijing: Floats) -> pd.DataFrame:
    """Return local day means of both cities by calendar date; hours are interval ends [UTC]."""
    columns = {}
    for name, values, offset in (("seoul", seoul, 9), ("beijing", beijing, 8)):
        local = times + pd.Timedelta(hours=offset) - pd.Timedelta(minutes=1)
        columns[name] = pd.Series(values).groupby(local.normalize()).mean()
    return pd.DataFrame(columns)


def eves(times: pd.DatetimeIndex, seoul: Floats, beijing: Floats) -> pd.DataFrame:
    """Return the cycles at which a transboundary episode is about to reach Seoul, strongest first.

    Columns ``cycle`` (naive UTC) and ``strength``, the smaller of both cities' highest day means of the
    AHEAD_DAYS over their levels; only cycles with a strength above one and the signs of this module, of
    which the hours that ended before the cycle's own are used. Equal strengths: the later cycle first.

    >>> hours = pd.date_range("2025-01-01", periods=240, freq="h")
    >>> len(eves(hours, np.full(240, 20.0), np.full(240, 90.0)))
    0
    """
    days = day_means(times, seoul, beijing)
    turning = pd.Series(seoul, times).rolling(SIGN_HOURS).mean().shift(1) >= SIGN * SEOUL_LEVEL
    arrived = pd.Series(beijing, times).rolling(BEIJING_HOURS).mean().shift(1) >= BEIJING_LEVEL
    found = []
    for cycle in times[np.asarray(turning & arrived) & np.isin(times.hour, CYCLE_HOURS_UTC)]:
        today = days.index.searchsorted((cycle + pd.Timedelta(hours=9)).normalize())
        if today < CLEAN_DAYS or today + AHEAD_DAYS >= len(days):
            continue
        if (days["seoul"].iloc[today - CLEAN_DAYS : today] > SEOUL_LEVEL).any():
            continue
        ahead = days.iloc[today : today + AHEAD_DAYS].max()
        found.append((cycle, min(ahead["seoul"] / SEOUL_LEVEL, ahead["beijing"] / BEIJING_LEVEL)))
    table = _first_of_each(pd.DataFrame(found, columns=["cycle", "strength"]))
    table = table[table["strength"] > 1]
    return table.sort_values(["strength", "cycle"], ascending=False, ignore_index=True)


def _first_of_each(table: pd.DataFrame) -> pd.DataFrame:
    """Keep a cycle only if the one six hours before it was none: the signs have just come."""
    follows = table["cycle"].diff() == pd.Timedelta(hours=6)
    return table[~follows]


def episode_present(times: pd.DatetimeIndex, seoul: Floats, beijing: Floats) -> datetime:
    """Return the strongest of :func:`eves` [UTC].

    Raises
    ------
    ContractError
        the season has no such episode
    """
    table = eves(times, seoul, beijing)
    if table.empty:
        raise ContractError("this simulated winter has no transboundary episode; take another seed")
    return _aware(table["cycle"].iloc[0])


def quiet_present(times: pd.DatetimeIndex, seoul: Floats, beijing: Floats) -> datetime:
    """Return the cycle in the middle of the season's cleanest eight days [UTC].

    Raises
    ------
    ContractError
        the season has no eight calm days in a row
    """
    days = day_means(times, seoul, beijing)
    length = QUIET_BEFORE + 1 + QUIET_AFTER
    load = (days / pd.Series({"seoul": CALM_SEOUL, "beijing": CALM_BEIJING})).max(axis=1)
    load = load.rolling(length).max()
    if not load.min() < 1:
        raise ContractError("this simulated summer has no quiet week; take another seed")
    day = days.index[int(np.nanargmin(load)) - QUIET_AFTER]
    return _aware(day + timedelta(hours=QUIET_CYCLE_HOUR))


def _aware(when: pd.Timestamp) -> datetime:
    return when.to_pydatetime().replace(tzinfo=UTC)
