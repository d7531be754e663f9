"""Eddies too small for the weather services: what the wind that carries the tagged air has beside theirs.

A stream function of Gaussian bumps, one at every degree, whose strengths wander as red noise: eddies of 100
to 300 km that live for some hours. They have no divergence, so they stir the air and heap none up.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.simulated.grid import FINE, Floats, Grid

SPREAD: Final = 1.5
"""Standard deviation of each component [m s-1]."""
MEMORY_H: Final = 8.0
BUMP_DEGREES: Final = 0.7
"""Width of a bump (standard deviation); the bumps stand a degree apart."""
BEYOND: Final = 2.0
"""How far beyond the grid bumps stand [degree], so that its border is stirred as its middle."""


def fine_winds(rng: np.random.Generator, hours: int, grid: Grid = FINE) -> tuple[Floats, Floats]:
    """Return eastward and northward wind of the eddies, (hours, cells) [m s-1].

    >>> u, v = fine_winds(np.random.default_rng(0), 48)
    >>> u.shape, bool(1.2 < u.std() < 1.8)
    ((48, 1519), True)
    """
    east, north = _bumps(grid)
    keep = np.float32(np.exp(-1 / MEMORY_H))
    strength = rng.standard_normal((hours, len(east)), dtype=np.float32)
    strength[1:] *= np.sqrt(1 - keep**2)
    for hour in range(1, hours):
        strength[hour] += keep * strength[hour - 1]
    return (strength @ east).astype(float), (strength @ north).astype(float)


def _bumps(grid: Grid) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the wind of each bump of unit strength, (bumps, cells), scaled to the spread of all."""
    longitude, latitude = np.meshgrid(
        np.arange(grid.longitudes[0] - BEYOND, grid.longitudes[-1] + BEYOND + 0.1),
        np.arange(grid.latitudes[0] - BEYOND, grid.latitudes[-1] + BEYOND + 0.1),
    )
    shrink = np.cos(np.radians(38.0))
    dx = (grid.cell_longitude - longitude.reshape(-1, 1)) * shrink / BUMP_DEGREES
    dy = (grid.cell_latitude - latitude.reshape(-1, 1)) / BUMP_DEGREES
    bump = np.exp(-0.5 * (dx**2 + dy**2))
    east, north = dy * bump, -dx * bump
    scale = [SPREAD / np.sqrt((wind**2).sum(axis=0)) for wind in (east, north)]
    return (east * scale[0].mean()).astype(np.float32), (north * scale[1].mean()).astype(np.float32)
