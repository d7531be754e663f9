"""At which measured hour of a local day a city went above a threshold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import xarray as xr

from pipeline.cities import City
from pipeline.times import HOUR, NS_HOUR, from_ns, iso, local_date

MINIMUM_HOURS: Final = 3
"""Hours running above a threshold from which they count; fewer are no onset."""


def first_hours_above(paths: xr.Dataset, city: City, threshold: float) -> dict[str, str]:
    """Return by local day where its first measured stretch above a threshold begins, as ISO times [UTC].

    A stretch is three hours running of the city's own series, or one interval of a coarser one; days that
    have none, or are not measured, are left out.

    Examples
    --------
    Beijing's series is hourly; its local day begins at 16 UTC. One hour is above, then four are:

    >>> import numpy as np
    >>> from pipeline.cities import city
    >>> from pipeline.times import hour_range, parse_instant
    >>> grid = hour_range(parse_instant("2020-01-10T16:00Z"), parse_instant("2020-01-11T04:00Z"))
    >>> values = np.array([90.0, 60, 60, 60, 60, 90, 90, 90, 90, 60, 60, 60])[None, None]
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), values)},
    ...     coords={"realization": [0], "city": ["beijing"], "time": grid}, attrs={"world": "measured"})
    >>> paths["is_observed"] = (("city", "time"), np.ones((1, 12), bool))
    >>> first_hours_above(paths, city("beijing"), 75)
    {'2020-01-11': '2020-01-10T21:00:00Z'}
    """
    spec = city.spec("pm2p5", "reference", str(paths.attrs.get("world", "measured")))
    step = (spec.interval_hours if spec else 1) * HOUR
    one = paths[["pm2p5", "is_observed"]].sel(city=city.id)
    times = paths["time"].values.astype("datetime64[ns]")
    wanted = one["is_observed"].values & (times.astype("int64") % (int(step / HOUR) * NS_HOUR) == 0)
    values = one["pm2p5"].transpose("realization", "time").values[0]
    ends = [from_ns(time) for time in times[wanted]]
    found: dict[str, str] = {}
    begin = before = datetime.min.replace(tzinfo=UTC)
    for end, value in zip(ends, values[wanted].tolist(), strict=True):
        if value <= threshold:
            continue
        start, day = end - step, local_date(end - step, city.timezone)
        if before != start or local_date(begin, city.timezone) != day:
            begin = start
        before = end
        if end - begin >= MINIMUM_HOURS * HOUR:
            found.setdefault(day.isoformat(), iso(begin))
    return found
