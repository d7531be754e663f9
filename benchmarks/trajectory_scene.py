"""A wave that travels in a uniform current and sinks: winds of it on a grid, and where its air really is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RADIUS = 6_371_229.0
CRESTS, CURRENT, SPEED, AMPLITUDE, OMEGA = 6, np.radians(0.55), np.radians(0.25), 8.0, 0.05
"""Crests round the sphere; degrees an hour of air and of crests; m/s of the wave; Pa/s of sinking."""
LEVELS = (1000.0, 925.0, 850.0, 700.0, 600.0, 500.0)


@dataclass(frozen=True)
class Scene:
    """Winds, and parcels that start in them at their first time."""

    winds: xr.Dataset
    latitude: Floats
    longitude: Floats
    height: Floats
    hours: int

    def truth(self) -> tuple[Floats, Floats]:
        """Return latitude and longitude [degree] at the end, from the closed form (Machta 1949)."""
        phase, beat = CRESTS * np.radians(self.longitude), CRESTS * (CURRENT - SPEED)
        swing = AMPLITUDE * 3600 / RADIUS / beat * (np.cos(phase) - np.cos(phase + beat * self.hours))
        return self.latitude + np.degrees(swing), self.longitude + np.degrees(CURRENT * self.hours)

    def error(self, latitude: Floats, longitude: Floats) -> float:
        """Return the mean distance from the truth [km]."""
        a, b, c, d = (np.radians(v) for v in (*self.truth(), latitude, longitude))
        half = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
        return float(np.mean(2 * RADIUS / 1000 * np.arcsin(np.sqrt(half))))


def scene(parcels: int, hours: int) -> Scene:
    """Return hourly winds of 1 degree on six levels over eastern Asia, and parcels in them."""
    hour, _, phi, lam = np.meshgrid(
        np.arange(hours + 1.0), LEVELS, np.arange(5.0, 75.1), np.arange(90.0, 180.1), indexing="ij"
    )
    dims = ("time", "level", "latitude", "longitude")
    east = CURRENT / 3600 * RADIUS * np.cos(np.radians(phi))
    north = AMPLITUDE * np.sin(CRESTS * (np.radians(lam) - SPEED * hour))
    winds = xr.Dataset(
        {
            "eastward_wind": (dims, east.astype(np.float32)),
            "northward_wind": (dims, north.astype(np.float32)),
            "lagrangian_tendency_of_air_pressure": (dims, np.full(hour.shape, OMEGA, np.float32)),
        },
        {
            "time": np.datetime64("2025-01-01", "ns")
            + np.arange(hours + 1) * np.timedelta64(3_600_000_000_000),
            "level": ("level", list(LEVELS), {"vertical": "pressure", "units": "hPa"}),
            "latitude": np.arange(5.0, 75.1),
            "longitude": np.arange(90.0, 180.1),
        },
        {"source": "closed form", "kind": "analysis", "world": "simulated"},
    )
    rng = np.random.default_rng(1949)
    spots = rng.uniform((30.0, 95.0, 3000.0), (48.0, 125.0, 4500.0), (parcels, 3)).T
    return Scene(winds, *spots, hours)
