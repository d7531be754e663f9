"""Paths for rule tests: cities whose days or hours hold given values."""

from datetime import timedelta

import numpy as np
import xarray as xr

from pipeline.cities import city
from pipeline.times import hour_range, local_day_bounds

SEOUL, BEIJING = city("seoul"), city("beijing")


def paths_of(place, first, days, *, hourly=None, members=1, observed=True, world="simulated-7", **by_day):
    """Paths whose day means are given: name = list over days of a value or of one value per member."""
    start = local_day_bounds(first, place.timezone)[0]
    end = local_day_bounds(first + timedelta(days=days - 1), place.timezone)[1]
    grid = hour_range(start, end)
    data = {}
    for name, values in by_day.items():
        table = np.stack([np.broadcast_to(np.asarray(v, float), (members,)) for v in values], axis=1)
        data[name] = (("realization", "city", "time"), np.repeat(table, 24, axis=1)[:, None])
    if hourly is not None:
        data["pm2p5"] = (("realization", "city", "time"), np.asarray(hourly, float)[None, None])
    data["is_observed"] = (("city", "time"), np.full((1, len(grid)), observed))
    coords = {"realization": np.arange(members), "city": [place.id], "time": grid}
    return xr.Dataset(data, coords=coords, attrs={"world": world})
