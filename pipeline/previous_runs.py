"""Forecasts as they were: what previous runs let a reader know at an instant of the past.

``previous_dayN`` of a valid time comes from a run that had started at least N · 24 h before it. With the
time a run takes to be published (ASSUMED_RUN_DELAY) it was known N · 24 h less that delay ahead, so that a
hindcast which reads it sees no more than a forecaster saw then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import xarray as xr

from pipeline.times import from_ns, to_ns
from pipeline.weather_schema import check_weather_forecast

ASSUMED_RUN_DELAY: Final = timedelta(hours=8)
"""From the start of a model's run to its publication; global models take 4-8 h (unverified)."""
_DAY: Final = np.timedelta64(24, "h")


def earliest_known(previous: xr.Dataset) -> datetime:
    """Return the first instant at which anything of previous runs was known.

    >>> ds = xr.Dataset(coords={"lead_day": [1, 3], "time": np.array(["2025-01-04"], "M8[ns]")})
    >>> earliest_known(ds).isoformat()
    '2025-01-01T08:00:00+00:00'
    """
    lead = int(previous["lead_day"].max()) * _DAY
    return from_ns(previous["time"].to_numpy()[0] - lead) + ASSUMED_RUN_DELAY


def reach(as_of: datetime, most_days: int) -> tuple[datetime, datetime]:
    """Return the valid times (after, up to) for which something can have been known at an instant."""
    start = as_of.replace(minute=0, second=0, microsecond=0)
    return start, as_of + most_days * timedelta(days=1) - ASSUMED_RUN_DELAY


def forecast_as_known(parts: Sequence[xr.Dataset], as_of: datetime) -> xr.Dataset | None:
    """Return the forecast that previous runs make up at an instant, None where they hold nothing for it.

    Parameters
    ----------
    parts : previous runs (PREVIOUS_CONTRACT), in the order of import; of what overlaps the last counts
    as_of : nothing that was published later enters

    Returns
    -------
    Dataset
        after FORECAST_CONTRACT; the reference time is the whole hour before ``as_of``
    """
    if not parts:
        return None
    joined = xr.concat(parts, dim="time", join="outer", combine_attrs="override", data_vars="all")
    joined = joined.isel(time=np.flatnonzero(~joined.indexes["time"].duplicated(keep="last"))).sortby("time")
    start, _ = reach(as_of, int(joined["lead_day"].max()))
    times = joined["time"].to_numpy()
    ahead = times - to_ns(as_of - ASSUMED_RUN_DELAY)
    days = -(-ahead // _DAY)
    which = (times > to_ns(start)) & np.isin(days, joined["lead_day"].to_numpy())
    if not which.any():
        return None
    period = (times[which] - to_ns(start)) // np.timedelta64(1, "h")
    pick = {
        "lead_day": xr.DataArray(days[which], dims="forecast_period"),
        "time": xr.DataArray(times[which], dims="forecast_period"),
    }
    known = joined.sel(pick).drop_vars(["lead_day", "time"])
    known = known.assign_coords(forecast_period=period.astype("int64"), forecast_reference_time=to_ns(start))
    known.attrs = {**joined.attrs, "reference": "as_of"}
    return check_weather_forecast(known.transpose("forecast_period", ...))
