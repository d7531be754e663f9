"""What is known of two cities' past days, and what counts as exceeding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from forecasting.transport.link_test import YEAR_DAYS
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import MINIMUM_DAY_COVERAGE
from pipeline.times import from_ns, hour_range

FEWEST_YEARS: Final = 2
"""Chance needs other years; of a shorter history nothing is measured."""


@dataclass(frozen=True)
class Terms:
    """What counts: exceedance of each city's day mean [ug m-3], downwind 0 to ``lag_days`` days later."""

    upwind_threshold: float
    downwind_threshold: float
    lag_days: int = 2


def past_day_means(panel: AsOfPanel, city: City, as_of: datetime) -> pd.Series:
    """Return the local-day means known at an instant, by date; days under 75 % coverage are left out."""
    key = f"{city.id}.pm2p5.reference"
    if key not in panel or not len(panel[key].times):
        return pd.Series(dtype="float64", index=pd.DatetimeIndex([]))
    series = panel[key]
    step = series.interval_hours
    grid = hour_range(from_ns(series.times[0] - np.timedelta64(1, "h")), as_of, step)
    values = panel.on_grid(key, grid, as_of)
    stamps = (pd.DatetimeIndex(grid) - pd.Timedelta(1, "ns")).tz_localize("UTC").tz_convert(city.timezone)
    days = pd.Series(values, index=stamps.tz_localize(None).normalize()).groupby(level=0)
    means = days.mean()
    return means[days.count() >= MINIMUM_DAY_COVERAGE * 24 / step]


def whole_years(up: pd.Series, down: pd.Series) -> pd.DatetimeIndex | None:
    """Return the newest days known of both cities that make up whole years; None where these are too few.

    >>> two = pd.Series(1.0, pd.date_range("2017-01-01", "2018-12-31"))
    >>> len(whole_years(two, two)), whole_years(two[:700], two)
    (730, None)
    """
    if up.empty or down.empty:
        return None
    first, last = max(up.index[0], down.index[0]), min(up.index[-1], down.index[-1])
    years = int(((last - first).days + 1.5) / YEAR_DAYS)
    if years < FEWEST_YEARS:
        return None
    return pd.date_range(end=last, periods=int(years * YEAR_DAYS), freq="D")
