"""Where the simulated region lies: a coarse grid, the emissions on it, and the points that are looked at."""

from __future__ import annotations

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


def patch(emitter: Emitter) -> Floats:
    """Return the emitter's share of each cell, (cells,) [ug m-3 h-1], largest at its centre.

    >>> round(float(patch(GOBI).max()), 1)
    1.0
    """
    dx = (CELL_LONGITUDE - emitter.longitude) * np.cos(np.radians(emitter.latitude))
    dy = CELL_LATITUDE - emitter.latitude
    shape: Floats = emitter.strength * np.exp(-0.5 * (dx**2 + dy**2) / emitter.size**2)
    return shape


def sampling_weights() -> Floats:
    """Return the bilinear weights that read the points from the grid, (cells, places).

    >>> sampling_weights().sum(axis=0).round(9).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    weights = np.zeros((CELLS, len(PLACES)))
    for at, point in enumerate(PLACES):
        x, y = point.longitude - LONGITUDES[0], point.latitude - LATITUDES[0]
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        for dr, dc, share in (
            (0, 0, (1 - fx) * (1 - fy)),
            (0, 1, fx * (1 - fy)),
            (1, 0, (1 - fx) * fy),
            (1, 1, fx * fy),
        ):
            weights[(row + dr) * NX + column + dc, at] += share
    return weights
