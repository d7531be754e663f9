"""Invented paths and series whose passing times are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.times import parse_instant, to_ns

SEOUL, BEIJING = all_cities()["seoul"], all_cities()["beijing"]
NOW = parse_instant("2025-01-10T08:00Z")
ARRIVAL = parse_instant("2025-01-11T03:00Z")
HOUR = np.timedelta64(1, "h")
KM_PER_DEGREE = 6371.0 * np.pi / 180
WORLD = "measured"


def dataset(latitude, longitude, *, city="seoul", start=ARRIVAL, height=200.0, ended=""):
    """Paths (trajectory, age) with an hour between points; a row of NaN at the end has ended."""
    latitude, longitude = np.atleast_2d(latitude).astype(float), np.atleast_2d(longitude).astype(float)
    count, points = latitude.shape
    dims = ("trajectory", "age")
    starts = np.broadcast_to(np.asarray(start if isinstance(start, np.ndarray) else to_ns(start)), count)
    return xr.Dataset(
        {
            "latitude": (dims, latitude),
            "longitude": (dims, longitude),
            "height": (dims, np.broadcast_to(height, latitude.shape).astype(float)),
            "air_pressure": (dims, np.full(latitude.shape, np.nan)),
            "start_time": ("trajectory", starts.astype("M8[ns]")),
            "ended": ("trajectory", np.broadcast_to(np.asarray(ended), count).astype("U24")),
            "city": ("trajectory", np.full(count, city)),
            "member": ("trajectory", np.arange(count)),
        },
        {"age": -np.arange(points, dtype=float)},
        {"source": "invented", "kind": "forecast", "world": WORLD, "method": "straight"},
    )


def along_parallel(city, km_per_hour, hours=72, **more):
    """A path that came from the west along the parallel of a city."""
    degrees = km_per_hour / (KM_PER_DEGREE * np.cos(np.radians(city.latitude)))
    longitude = city.longitude - degrees * np.arange(hours + 1)
    return dataset(np.full(hours + 1, city.latitude), longitude, city=city.id, **more)


def between(city, other, lag, hours=72, **more):
    """A path that was over another city ``lag`` hours before it arrived, straight in degrees."""
    parts = np.arange(hours + 1) / lag
    return dataset(
        city.latitude + (other.latitude - city.latitude) * parts,
        city.longitude + (other.longitude - city.longitude) * parts,
        city=city.id,
        **more,
    )


def hourly(values, last=NOW, received_after=1, step=1):
    """A series whose last interval ended at ``last``."""
    times = to_ns(last) - HOUR * step * np.arange(len(values) - 1, -1, -1)
    return AsOfSeries(times.astype("M8[ns]"), times + HOUR * received_after, np.asarray(values, float), step)


def panel_of(**series):
    """A measured panel; a key's dots are written as double underscores."""
    return AsOfPanel({key.replace("__", "."): one for key, one in series.items()}, WORLD)
