"""Local air: how long the air stayed near its city before it counts as arriving there.

After the idea of Allwine & Whiteman (1994, Atmospheric Environment 28, 713-721) that stagnation is a short
run of wind in 24 h; measured here along the paths, with limits of our own. Air in a straight, steady wind
of v km/h spends 75/v hours within 75 km, so 12 h stand for 1.7 m/s and 6 h for 3.5 m/s.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from forecasting.transport.passing import Flags, distance_km, hours_before, hours_near
from pipeline.cities import City
from pipeline.origin_panel import Local, LocalAir

LOCAL_KM: Final = 75.0
"""Air as near to a city as this is called local: about the reach of its own and its neighbours' sources."""

LAST_HOURS: Final = 24.0
STAGNANT_HOURS: Final = 12.0
"""From so many hours within LOCAL_KM of the last 24 the air is called stagnant: wind below 1.7 m/s."""

VENTILATED_HOURS: Final = 6.0
"""Up to so many it is called ventilated: wind above 3.5 m/s."""

FAR_KM: Final = 2 * LOCAL_KM
"""A path that ends as far off as this is taken not to have come from near the city the day before."""


def local_air(paths: xr.Dataset, city: City) -> LocalAir:
    """Return how long paths stayed near their city before arrival: mean of the members and their 10-90 %.

    Paths that are known for less than the last 24 h are left out, except those that were far off by then.

    Examples
    --------
    Air that stands still over Seoul is local for all of the 24 hours:

    >>> from pipeline.cities import city
    >>> ages, place = np.arange(0.0, -25.0, -1.0), city("seoul")
    >>> still = xr.Dataset({n: (("trajectory", "age"), np.full((1, 25), v)) for n, v in
    ...     (("latitude", place.latitude), ("longitude", place.longitude))}, {"age": ages})
    >>> found = local_air(still, place)
    >>> found.hours, found.word
    (24.0, 'stagnant')
    """
    counted = _long_enough(paths, city)
    if not counted.any():
        return LocalAir(0.0, 0.0, 0.0, LOCAL_KM, "unknown")
    hours = hours_near(paths, (city.latitude, city.longitude), LOCAL_KM, LAST_HOURS)[counted]
    low, high = np.quantile(hours, (0.1, 0.9))
    mean = round(float(hours.mean()), 2)
    return LocalAir(mean, round(float(low), 2), round(float(high), 2), LOCAL_KM, local_word(mean))


def local_word(hours: float) -> Local:
    """Return what a mean stay within LOCAL_KM in the last 24 h is called.

    >>> [local_word(hours) for hours in (12.0, 6.1, 6.0)]
    ['stagnant', 'moderate', 'ventilated']
    """
    if hours >= STAGNANT_HOURS:
        return "stagnant"
    return "ventilated" if hours <= VENTILATED_HOURS else "moderate"


def _long_enough(paths: xr.Dataset, city: City) -> Flags:
    away = distance_km(
        paths["latitude"].to_numpy(), paths["longitude"].to_numpy(), (city.latitude, city.longitude)
    )
    known = np.isfinite(away)
    last = np.where(known, np.arange(known.shape[1]), 0).max(axis=1)
    far = away[np.arange(len(away)), last] >= FAR_KM
    enough: Flags = (known & (hours_before(paths) >= LAST_HOURS)).any(axis=1) | far
    return enough
