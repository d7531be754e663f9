"""What rules read beside PM2.5: the PM10 that a run forecasts on the same joint paths."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pipeline.cities import all_cities

RECENT = np.timedelta64(24, "h")
"""PM10 that was not measured for so long before the issue is left out: its forecast starts from nothing."""


def with_pm10(paths: xr.Dataset, dust: xr.Dataset) -> xr.Dataset:
    """Return paths with the PM10 of dust paths where the paths hold none themselves.

    Parameters
    ----------
    paths : joint paths of PM2.5 (``pipeline.schema.check_paths``)
    dust : joint paths of PM10, member by member the same futures (``pipeline.dust_outlook.DUST_CONTRACT``);
        a city without measured PM10 in the day before the issue is left out

    Examples
    --------
    >>> grid = np.array(["2026-01-01T00", "2026-01-01T01"], "M8[ns]")
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), [[[20.0, 30.0]]])},
    ...     {"realization": [0], "city": ["seoul"], "time": grid, "issue_time": grid[0]})
    >>> dust = xr.Dataset({"pm10": (("realization", "city", "time"), [[[50.0, 60.0]]]),
    ...     "is_observed": (("city", "time"), [[True, False]])},
    ...     {"realization": [0], "city": ["seoul"], "time": grid})
    >>> with_pm10(paths, dust)["pm10"].values.tolist()
    [[[50.0, 60.0]]]
    >>> "pm10" in with_pm10(paths, dust.assign(is_observed=dust["is_observed"] & False))
    False
    """
    if "pm10" in paths or not np.array_equal(paths["realization"], dust["realization"]):
        return paths
    told = [c for c in paths["city"].values if c in dust["city"].values and _is_told(paths, dust, str(c))]
    if not told:
        return paths
    kept = dust["pm10"].sel(city=told).reindex(city=paths["city"], time=paths["time"])
    own = kept.transpose("realization", "city", "time").to_numpy()
    return paths.assign(pm10=(("realization", "city", "time"), own))


def _is_told(paths: xr.Dataset, dust: xr.Dataset, city: str) -> bool:
    if city not in all_cities():
        return False
    times = dust["time"].to_numpy()
    until = paths["issue_time"].to_numpy() if "issue_time" in paths.coords else times[-1]
    since = until - RECENT if "issue_time" in paths.coords else times[0] - RECENT
    inside = (times > since) & (times <= until)
    return bool(dust["is_observed"].sel(city=city).to_numpy()[inside].any())
