"""Where paths passed: hours over regions, hours near a place, when a place was passed, and how high.

Between two points of a path time is shared by halves between the regions of both; near a place it is shared
as if the distance changed evenly. Points are an hour apart, so an hour over a region is known to about half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.regions import all_regions, region_index

EARTH_KM: Final = 6371.0

PASSING_KM: Final = 100.0
"""A path passed a place if it came as near as this; paths of two days are not known better."""

CEILING_M: Final = 1500.0
"""Air above this, and above the mixing height, passes over a place without what is measured there."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def distance_km(
    latitude: npt.ArrayLike, longitude: npt.ArrayLike, place: tuple[npt.ArrayLike, npt.ArrayLike]
) -> Floats:
    """Return great-circle distances from places to a place, or one each (latitude, longitude) [degree] in km.

    A quarter of the sphere is 6371 π/2 km:

    >>> round(float(distance_km(90.0, 0.0, (0.0, 50.0))))
    10008
    """
    degrees: tuple[npt.ArrayLike, ...] = (latitude, longitude, *place)
    north, east, north0, east0 = (np.radians(np.asarray(v, dtype=np.float64)) for v in degrees)
    chord = np.sin((north - north0) / 2) ** 2
    chord = chord + np.cos(north) * np.cos(north0) * np.sin((east - east0) / 2) ** 2
    distances: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distances


def hours_before(paths: xr.Dataset) -> Floats:
    """Return the hours before arrival of the points of paths back in time, from 0 [h]."""
    return np.abs(paths["age"].to_numpy().astype(np.float64))


def hours_by_region(paths: xr.Dataset) -> Floats:
    """Return the hours of each path over each region, in the order of ``all_regions``, last elsewhere.

    Parameters
    ----------
    paths : after ``pipeline.wind_fields.TRAJECTORY_CONTRACT``

    Returns
    -------
    hours (trajectory, region) [h]; a row adds up to the time that its path is known

    Examples
    --------
    >>> places = {n: (("trajectory", "age"), [[v, v]]) for n, v in (("latitude", 37.0), ("longitude", 123.5))}
    >>> hours = hours_by_region(xr.Dataset(places, {"age": [0.0, -2.0]}))
    >>> float(hours[0, tuple(all_regions()).index("yellow_sea")])
    2.0
    """
    latitude, longitude = paths["latitude"].to_numpy(), paths["longitude"].to_numpy()
    regions = len(all_regions())
    index = region_index(latitude, longitude)
    index[index < 0] = regions
    lasts = _lasts(paths)
    out = np.zeros((len(latitude), regions + 1))
    rows = np.arange(len(latitude))
    for step in range(lasts.shape[1]):
        half = lasts[:, step] / 2
        np.add.at(out, (rows, index[:, step]), half)
        np.add.at(out, (rows, index[:, step + 1]), half)
    return out


def hours_near(paths: xr.Dataset, place: tuple[float, float], within_km: float, last_hours: float) -> Floats:
    """Return how long each path was near a place in the last hours before it arrived (trajectory) [h].

    Parameters
    ----------
    place : latitude and longitude [degree]
    """
    away = distance_km(paths["latitude"].to_numpy(), paths["longitude"].to_numpy(), place)
    near = np.minimum(away[:, :-1], away[:, 1:])
    far = np.maximum(away[:, :-1], away[:, 1:])
    inside = np.where(far <= within_km, 1.0, np.where(near > within_km, 0.0, 0.5))
    crossing = (near <= within_km) & (far > within_km)
    inside[crossing] = (within_km - near[crossing]) / (far - near)[crossing]
    counted = hours_before(paths)[1:] <= last_hours
    hours: Floats = np.where(counted, inside * _lasts(paths), 0.0).sum(axis=1)
    return hours


def passed_place(paths: xr.Dataset, place: tuple[float, float], within_km: float = PASSING_KM) -> Floats:
    """Return how long before arrival each path came nearest to a place, low and near enough (trajectory) [h].

    NaN where it never came as near as ``within_km`` while it was low (see :func:`is_low`).
    """
    away = distance_km(paths["latitude"].to_numpy(), paths["longitude"].to_numpy(), place)
    away = np.where(is_low(paths) & np.isfinite(away), away, np.inf)
    nearest = away.min(axis=1)
    when = hours_before(paths)[away.argmin(axis=1)]
    return np.where(nearest <= within_km, when, np.nan)


def left_regions(paths: xr.Dataset, regions: Sequence[str]) -> dict[str, Floats]:
    """Return for regions how long before arrival each path was last over them (trajectory) [h].

    NaN where it never was while it was low (see :func:`is_low`).
    """
    index = region_index(paths["latitude"].to_numpy(), paths["longitude"].to_numpy())
    index[~is_low(paths)] = -1
    ages, names = hours_before(paths), tuple(all_regions())
    found = {}
    for region in regions:
        there = index == names.index(region)
        found[region] = np.where(there.any(axis=1), ages[there.argmax(axis=1)], np.nan)
    return found


def is_low(paths: xr.Dataset) -> Flags:
    """Tell which points lie below 1500 m or the mixing height, whichever is higher; unknown heights do.

    >>> above = {"height": (("trajectory", "age"), [[100.0, 1600.0, np.nan]])}
    >>> is_low(xr.Dataset(above)).tolist()
    [[True, False, True]]
    """
    height = paths["height"].to_numpy()
    ceiling = np.full(height.shape, CEILING_M)
    if "atmosphere_boundary_layer_thickness" in paths:
        ceiling = np.fmax(ceiling, paths["atmosphere_boundary_layer_thickness"].to_numpy())
    low: Flags = ~(height > ceiling)
    return low


def _lasts(paths: xr.Dataset) -> Floats:
    """Return how long each stretch between two known points lasts (trajectory, stretch) [h]; else 0."""
    known = np.isfinite(paths["latitude"].to_numpy())
    steps = np.diff(hours_before(paths))
    return np.where(known[:, :-1] & known[:, 1:], steps, 0.0)
