"""When air arrives that had passed another city or a region: a window of arrival times, and the lag."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
import xarray as xr

from forecasting.transport.passing import Floats, distance_km, left_regions, passed_place
from pipeline.cities import City
from pipeline.origin_panel import Window
from pipeline.regions import all_regions
from pipeline.times import from_ns, iso

LEAST_SHARE: Final = 0.25
"""A window is where at least this share of the paths arriving at a time had passed the place."""

FAR_KM: Final = 150.0
"""Of regions nearer to the city than this no window is told: its air nearly always passed them."""

Times = npt.NDArray[np.datetime64]


def arrival_windows(paths: xr.Dataset, city: City, others: Sequence[City]) -> tuple[Window, ...]:
    """Return when air arrives in a city that had passed the other cities and distant regions, largest first.

    Parameters
    ----------
    paths : all paths back from the city, several for every arrival time (``start_time``)
    """
    found = [
        window(paths, other.id, passed_place(paths, (other.latitude, other.longitude)))
        for other in others
        if other.id != city.id
    ]
    left = left_regions(paths, _distant(city.latitude, city.longitude))
    found += [window(paths, region, lags) for region, lags in left.items()]
    return tuple(sorted((w for w in found if w is not None), key=lambda w: (-w.share, w.place)))


def window(paths: xr.Dataset, place: str, lags: Floats) -> Window | None:
    """Return the window of arrival times in which most air had passed a place; None where too little had.

    Of several runs of arrival times the one with the largest share counts.

    Parameters
    ----------
    lags : hours before arrival at which each path passed, NaN where it did not (trajectory) [h]
    """
    times, which = np.unique(paths["start_time"].to_numpy(), return_inverse=True)
    went = np.isfinite(lags)
    shares = np.bincount(which, weights=went, minlength=len(times)) / np.bincount(which)
    if not len(times) or shares.max() < LEAST_SHARE:
        return None
    first, last = _run(shares >= LEAST_SHARE, int(shares.argmax()))
    inside = went & (which >= first) & (which <= last)
    return Window(
        place,
        iso(from_ns(times[first])),
        iso(from_ns(times[last])),
        round(float(np.median(lags[inside])), 1),
        round(float(shares[first : last + 1].max()), 3),
    )


def _run(enough: npt.NDArray[np.bool_], at: int) -> tuple[int, int]:
    """Return first and last position of the unbroken run around a position.

    >>> _run(np.array([True, False, True, True, True, False]), 3)
    (2, 4)
    """
    gaps = np.flatnonzero(~enough)
    before, after = gaps[gaps < at], gaps[gaps > at]
    return (int(before[-1]) + 1 if len(before) else 0), (int(after[0]) - 1 if len(after) else len(enough) - 1)


@cache
def _distant(latitude: float, longitude: float) -> tuple[str, ...]:
    """Return the regions of which no point is as near to a place as FAR_KM, along their edges each 0.2°."""
    found = []
    for region in all_regions().values():
        ring = shapely.Polygon(region.ring)
        east, north = shapely.get_coordinates(shapely.segmentize(ring, 0.2)).T
        is_inside = bool(shapely.intersects_xy(ring, longitude, latitude))
        if not is_inside and distance_km(north, east, (latitude, longitude)).min() > FAR_KM:
            found.append(region.id)
    return tuple(found)
