"""Where the simulated region lies: its grids, the emissions on them, and the points that are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.open_meteo import POINTS, WeatherPoint
from ingest.simulated.network import SENTINELS

Floats = npt.NDArray[np.float64]

LONGITUDES: Final[Floats] = np.arange(108.0, 132.5, 1.0)
LATITUDES: Final[Floats] = np.arange(30.0, 45.5, 1.0)
NX, NY = len(LONGITUDES), len(LATITUDES)
CELLS = NX * NY
CELL_LONGITUDE: Final[Floats] = np.tile(LONGITUDES, NY)
CELL_LATITUDE: Final[Floats] = np.repeat(LATITUDES, NX)
METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid over the region; cells are counted from the south-west, eastward first.

    >>> grid = Grid(np.arange(108.0, 110.5, 0.5), np.arange(30.0, 31.5, 0.5))
    >>> len(grid.cell_latitude), grid.step, int(grid.rim.sum())
    (15, 0.5, 15)
    """

    longitudes: Floats
    latitudes: Floats

    @property
    def step(self) -> float:
        """Return the distance of two neighbours [degree]."""
        return float(self.longitudes[1] - self.longitudes[0])

    @cached_property
    def cell_longitude(self) -> Floats:
        """Return the longitude of every cell, (cells,)."""
        return np.tile(self.longitudes, len(self.latitudes))

    @cached_property
    def cell_latitude(self) -> Floats:
        """Return the latitude of every cell, (cells,)."""
        return np.repeat(self.latitudes, len(self.longitudes))

    @cached_property
    def rim(self) -> npt.NDArray[np.bool_]:
        """Return which cells lie within half a degree of the border, where the air of outside comes in."""
        found = np.zeros(len(self.cell_latitude), bool)
        for at, axis in ((self.cell_longitude, self.longitudes), (self.cell_latitude, self.latitudes)):
            found |= (at <= axis[0] + RIM_DEGREES) | (at >= axis[-1] - RIM_DEGREES)
        return found


RIM_DEGREES: Final = 0.5
COARSE: Final = Grid(LONGITUDES, LATITUDES)
"""On which the world's weather and air are simulated, 1 degree."""
FINE: Final = Grid(np.arange(108.0, 132.25, 0.5), np.arange(30.0, 45.25, 0.5))
"""On which the origin of the air is followed, half a degree."""


PLACES: Final = (
    *POINTS,
    *(
        WeatherPoint(s.place, s.name, s.latitude, s.longitude)
        for s in SENTINELS
        if s.place not in {p.id for p in POINTS}
    ),
)
"""Where weather and air are written down: the weather points first, then the other upwind stations."""


class Emitter(NamedTuple):
    """A smooth patch of emissions: strength of the column source [ug m-3 h-1 in 1000 m], size [degree]."""

    latitude: float
    longitude: float
    size: float
    strength: float
    heating: float


EMITTERS: Final = {
    "north_china_plain": Emitter(36.8, 115.6, 2.3, 1.25, 0.55),
    "beijing_tianjin": Emitter(39.5, 116.7, 1.0, 0.55, 0.60),
    "fenwei": Emitter(35.5, 110.8, 1.6, 0.90, 0.55),
    "yangtze_delta": Emitter(31.9, 119.5, 2.0, 0.85, 0.15),
    "northeast_china": Emitter(42.6, 124.6, 1.9, 0.75, 0.70),
    "seoul_metropolitan": Emitter(37.4, 127.0, 0.9, 0.50, 0.30),
    "southern_korea": Emitter(35.8, 128.2, 1.1, 0.30, 0.20),
    "pyongyang": Emitter(39.0, 125.8, 0.9, 0.30, 0.50),
}
"""Emitting regions; ``heating`` is the extra share at the height of winter. Strengths are invented, then
tuned so that the two cities' seasonal levels look like those of 2015-2019."""

GOBI: Final = Emitter(42.5, 109.5, 2.2, 1.0, 0.0)
"""Where dust is raised in spring when the wind is strong."""


def patch(emitter: Emitter, grid: Grid = COARSE) -> Floats:
    """Return the emitter's share of each cell, (cells,) [ug m-3 h-1], largest at its centre.

    >>> round(float(patch(GOBI).max()), 1)
    1.0
    """
    dx = (grid.cell_longitude - emitter.longitude) * np.cos(np.radians(emitter.latitude))
    dy = grid.cell_latitude - emitter.latitude
    shape: Floats = emitter.strength * np.exp(-0.5 * (dx**2 + dy**2) / emitter.size**2)
    return shape


def sampling_weights(grid: Grid = COARSE) -> Floats:
    """Return the bilinear weights that read the points from the grid, (cells, places).

    A place beyond the grid has the weather and air of the nearest point of its rim.

    >>> sampling_weights().sum(axis=0).round(9).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    across = len(grid.longitudes)
    weights = np.zeros((len(grid.cell_latitude), len(PLACES)))
    for at, point in enumerate(PLACES):
        x = np.clip((point.longitude - grid.longitudes[0]) / grid.step, 0, across - 1)
        y = np.clip((point.latitude - grid.latitudes[0]) / grid.step, 0, len(grid.latitudes) - 1)
        column, row = min(int(x), across - 2), min(int(y), len(grid.latitudes) - 2)
        fx, fy = x - column, y - row
        for dr, dc, share in (
            (0, 0, (1 - fx) * (1 - fy)),
            (0, 1, fx * (1 - fy)),
            (1, 0, (1 - fx) * fy),
            (1, 1, fx * fy),
        ):
            weights[(row + dr) * across + column + dc, at] += share
    return weights
