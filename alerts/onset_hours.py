"""At which measured hour of a local day a city went above a threshold."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from pipeline.cities import City
from pipeline.times import NS_HOUR, from_ns, iso, local_date, local_day_bounds, to_ns

MINIMUM_HOURS: Final = 3
"""Hours running above a threshold from which they count; fewer are no onset."""


def first_hours_above(paths: xr.Dataset, city: City, threshold: float) -> dict[str, str]:
    """Return by local day where its first measured stretch above a threshold begins, as ISO times [UTC].

    A stretch is three hours running of the city's own series, or one interval of a coarser one; days that
    have none, or are not measured, are left out.

    Examples
    --------
    Beijing's series is hourly; its local day begins at 16 UTC. One hour is above, then four are:

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
    step = (spec.interval_hours if spec else 1) * NS_HOUR
    times = paths["time"].values.astype("datetime64[ns]").astype("int64")
    at = list(paths["city"].values).index(city.id)
    values = paths["pm2p5"].transpose("realization", "city", "time").values[0, at]
    wanted = paths["is_observed"].transpose("city", "time").values[at] & (times % step == 0)
    ends = times[wanted & (values > threshold)].tolist()
    found: dict[str, str] = {}
    day, midnight, begin, before = "", 0, 0, 0
    for end in ends:
        start = end - step
        if start >= midnight:
            local = local_date(from_ns(np.datetime64(start, "ns")), city.timezone)
            day, midnight = (
                local.isoformat(),
                int(to_ns(local_day_bounds(local, city.timezone)[1]).astype("int64")),
            )
            begin = start
        elif before != start:
            begin = start
        before = end
        if end - begin >= MINIMUM_HOURS * NS_HOUR and day not in found:
            found[day] = iso(from_ns(np.datetime64(begin, "ns")))
    return found
