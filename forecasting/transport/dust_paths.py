"""Paths back from a city on its days of coarse particles, where only measured pressure tells the wind.

They serve as a sign of origin in a table, and are never drawn. Over Beijing they crossed ground where dust is
raised on most quiet days of spring too: there they rule little out (docs/dust.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import xarray as xr

from forecasting.transport.ensembles import ensemble
from forecasting.transport.surrogate import surrogate_winds
from forecasting.transport.trajectories import Method, trajectories
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.times import HOUR, hour_range

HOURS_BACK: Final = 72.0
ARRIVE_EVERY: Final = 3
HEIGHT_M: Final = 500.0
"""The surrogate wind has one level, the mixed layer's; the height has no other meaning."""

STEP_HOURS: Final = 6


def surrogate_paths(
    panel: AsOfPanel, city: City, stretches: Sequence[tuple[datetime, datetime]], as_of: datetime
) -> xr.Dataset | None:
    """Return paths that arrive in a city every few hours of some stretches of time.

    Parameters
    ----------
    stretches : from the first coarse interval of a day to the day's end [UTC]
    as_of : nothing received later is read

    Returns
    -------
    after TRAJECTORY_CONTRACT with ``city``; None where pressure is measured at too few places
    """
    parts = [_paths(panel, city, start, end, as_of) for start, end in stretches]
    found = [part for part in parts if part is not None]
    if not found:
        return None
    return xr.concat(found, "trajectory", combine_attrs="override", join="outer")


def _paths(
    panel: AsOfPanel, city: City, start: datetime, end: datetime, as_of: datetime
) -> xr.Dataset | None:
    arrivals = hour_range(start, end)[::ARRIVE_EVERY]
    begin = start - timedelta(hours=HOURS_BACK + STEP_HOURS)
    winds = surrogate_winds(panel, start=begin, end=end + HOUR, as_of=as_of, step_hours=STEP_HOURS)
    if winds is None or not len(arrivals):
        return None
    starts = ensemble(city.latitude, city.longitude, arrivals, [HEIGHT_M])
    paths = trajectories(winds, starts, -HOURS_BACK, method=Method(vertical="constant height"))
    return paths.assign(city=("trajectory", np.full(paths.sizes["trajectory"], city.id)))
