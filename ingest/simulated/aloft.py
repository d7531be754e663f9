"""Winds and heights of pressure levels that go with the wind of the mixed layer of the simulated region.

The mixed-layer wind is the geostrophic wind slowed and turned (``synoptic``); with height that is undone,
and above 925 hPa the thermal wind of the region's temperature is added (Holton, *An Introduction to Dynamic
Meteorology*, §3.4): from the west, strongest in winter, as north of the subtropics. Invented, not fitted.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.simulated.grid import METRES_PER_DEGREE, Floats
from ingest.simulated.synoptic import SLOWING, TURNING

LEVELS: Final = (925, 850, 700, 500)
"""Pressure levels [hPa]."""
FREE: Final[Floats] = np.array([0.15, 0.6, 1.0, 1.0])
"""How far the wind of each level has come from that of the mixed layer (0) to the geostrophic one (1)."""
COOLING: Final = (0.52, 0.28)
"""Fall of temperature northward [K/degree]: mean of the year, and what January adds and July takes away."""
GAS, GRAVITY, ROTATION = 287.0, 9.81, 1.458e-4
"""Gas constant of dry air [J kg-1 K-1], gravity [m s-2], twice the turning of the earth [s-1]."""
LAPSE: Final = 0.0065


def winds_aloft(u: Floats, v: Floats, latitude: Floats, winter: Floats) -> tuple[Floats, Floats]:
    """Return eastward and northward wind of the levels, (hours, levels, places) [m s-1].

    Parameters
    ----------
    u, v : wind of the mixed layer, (hours, places) [m s-1]
    latitude : (places,) [degree]
    winter : (hours,), +1 in mid January, -1 in mid July

    Examples
    --------
    In still air there is only the thermal wind, which grows with height:

    >>> still = np.zeros((1, 1))
    >>> winds_aloft(still, still, np.array([38.0]), np.ones(1))[0].round(1).ravel().tolist()
    [0.0, 1.9, 6.4, 14.2]
    """
    cos, sin = np.cos(TURNING) / SLOWING, np.sin(TURNING) / SLOWING
    free_u, free_v = cos * u + sin * v, cos * v - sin * u
    share = FREE[None, :, None]
    east = (1 - share) * u[:, None, :] + share * free_u[:, None, :]
    north = (1 - share) * v[:, None, :] + share * free_v[:, None, :]
    above = np.log(LEVELS[0] / np.array(LEVELS, dtype=float))
    cooling = (COOLING[0] + COOLING[1] * winter) / METRES_PER_DEGREE
    turning = ROTATION * np.sin(np.radians(np.clip(latitude, 25, 60)))
    thermal = GAS * cooling[:, None, None] * above[None, :, None] / turning[None, None, :]
    return east + thermal, north


def heights(sea_level: Floats, temperature: Floats) -> Floats:
    """Return the height of the levels above the sea, (hours, levels, places) [m], by hypsometry.

    Parameters
    ----------
    sea_level : pressure [hPa], (hours, places)
    temperature : near the ground [K], (hours, places); it falls 6.5 K a kilometre

    Examples
    --------
    >>> heights(np.array([[1013.25]]), np.array([[288.15]])).round(-1).ravel().tolist()
    [760.0, 1460.0, 3010.0, 5570.0]
    """
    depth = np.log(sea_level[:, None, :] / np.array(LEVELS, dtype=float)[None, :, None])
    ground = temperature[:, None, :]
    found: Floats = ground / LAPSE * (1 - np.exp(-GAS * LAPSE / GRAVITY * depth))
    return found


def air_temperature(temperature: Floats, height: Floats) -> Floats:
    """Return the temperature of levels [K] at heights above the sea, (hours, levels, places)."""
    found: Floats = temperature[:, None, :] - LAPSE * height
    return found
