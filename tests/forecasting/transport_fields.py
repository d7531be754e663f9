"""Winds whose paths have a closed form, and distances, for the tests of the trajectory engine."""

import numpy as np
import xarray as xr

from forecasting.transport.projection import EARTH_RADIUS

DIMS = ("time", "level", "latitude", "longitude")
MIDNIGHT = np.datetime64("2025-01-01T00", "ns")
HOUR = np.timedelta64(3600, "s").astype("m8[ns]")


def winds_of(
    speeds,
    *,
    times=(0.0, 48.0),
    latitude=None,
    longitude=None,
    levels=(850.0,),
    vertical="pressure",
    more=None,
    dtype=np.float64,
):
    """Return winds: ``speeds(hours, latitude, longitude)`` gives u and v [m s-1], the same on every level.

    ``more(hours, level, latitude, longitude)`` gives further variables.
    """
    latitude = np.arange(-90.0, 90.5, 1.0) if latitude is None else np.asarray(latitude)
    longitude = np.arange(0.0, 360.0, 1.0) if longitude is None else np.asarray(longitude)
    hours, level, phi, lam = np.meshgrid(times, levels, latitude, longitude, indexing="ij")
    u, v = (np.broadcast_to(c, hours.shape).astype(dtype) for c in speeds(hours, phi, lam))
    variables = {"eastward_wind": (DIMS, u), "northward_wind": (DIMS, v)}
    for name, values in (more(hours, level, phi, lam) if more else {}).items():
        variables[name] = (DIMS, np.broadcast_to(values, hours.shape))
    units = {"pressure": "hPa", "sigma": "1", "height": "m"}[vertical]
    return xr.Dataset(
        variables,
        {
            "time": MIDNIGHT + (np.asarray(times) * HOUR.astype(np.int64)).astype("m8[ns]"),
            "level": ("level", np.asarray(levels, np.float64), {"vertical": vertical, "units": units}),
            "latitude": latitude,
            "longitude": longitude,
        },
        {"source": "closed form", "kind": "analysis", "world": "measured"},
    )


def rotation(axis, hours_a_turn):
    """Return the winds of a sphere that turns as a solid about an axis (x, y, z)."""
    spin = 2 * np.pi / (hours_a_turn * 3600) * np.asarray(axis) / np.linalg.norm(axis)

    def speeds(_, latitude, longitude):
        phi, lam = np.radians(latitude), np.radians(longitude)
        east = (
            -spin[0] * np.sin(phi) * np.cos(lam) - spin[1] * np.sin(phi) * np.sin(lam) + spin[2] * np.cos(phi)
        )
        north = spin[0] * np.sin(lam) - spin[1] * np.cos(lam)
        return east * EARTH_RADIUS, north * EARTH_RADIUS

    return speeds


def kilometres(latitude, longitude, other_latitude, other_longitude):
    """Return the distance along the sphere [km]."""
    a, b, c, d = (
        np.radians(np.asarray(v, np.float64)) for v in (latitude, longitude, other_latitude, other_longitude)
    )
    half = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return 2 * EARTH_RADIUS / 1000 * np.arcsin(np.sqrt(half))
