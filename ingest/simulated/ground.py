"""What is near the ground of the simulated region: sea or land, altitude, temperature, pressure."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from ingest.simulated.grid import Floats

SEAS: Final = ((37.3, 40.2, 118.9, 121.0), (32.5, 39.2, 122.7, 125.9), (33.0, 35.2, 127.4, 129.6))
"""Where water is, as boxes of south, north, west, east [degree]: Bohai, Yellow Sea, Korea Strait."""
PLAIN_M, PLATEAU_M = 50.0, 1000.0
PLATEAU_DEGREES: Final = (106.0, 114.0)
"""From the plain the land rises westward to the plateau between these longitudes."""
SCALE_M: Final = 8200.0
"""Height over which pressure falls to 1/e near the ground."""


def inland(latitude: Floats, longitude: Floats) -> Floats:
    """Return 0 at sea and 1 on land, (places,).

    >>> inland(np.array([38.7, 39.9]), np.array([119.8, 116.4])).tolist()
    [0.0, 1.0]
    """
    water = np.zeros(len(latitude), bool)
    for south, north, west, east in SEAS:
        water |= (latitude > south) & (latitude < north) & (longitude > west) & (longitude < east)
    return np.where(water, 0.0, 1.0)


def altitude(latitude: Floats, longitude: Floats) -> Floats:
    """Return the altitude of the ground [m], (places,), as coarse as the world.

    >>> altitude(np.array([38.7, 39.9, 43.6]), np.array([119.8, 116.4, 104.4])).tolist()
    [0.0, 50.0, 1000.0]
    """
    low, high = PLATEAU_DEGREES
    rise = np.clip((high - longitude) / (high - low), 0, 1)
    found: Floats = inland(latitude, longitude) * (PLAIN_M + (PLATEAU_M - PLAIN_M) * rise)
    return found


def temperature(
    v: Floats, clock: tuple[Floats, Floats], latitude: Floats, land: Floats, every_hours: int = 1
) -> Floats:
    """Return the temperature at 2 m, (hours, places) [degree Celsius]: season, sun, and wind from the south.

    Parameters
    ----------
    v : northward wind of the mixed layer [m s-1], (hours, places); its past day counts
    clock : winterness (+1 in January) and local hour, (hours,)
    every_hours : time between the rows [h]
    """
    winter, hour = clock
    sun = np.cos(2 * np.pi * (hour - 14.5) / 24)[:, None]
    south = np.array(pd.DataFrame(v).ewm(com=24 / every_hours).mean())
    found: Floats = (
        13 - 0.8 * (latitude - 37.5) - (9 + 5 * land) * winter[:, None] + (1 + 3 * land) * sun + 0.8 * south
    )
    return found


def sea_level_pressure(anomaly: Floats, winter: Floats, land: Floats) -> Floats:
    """Return the pressure at sea level, (hours, places) [hPa], from the anomaly of travelling systems.

    >>> sea_level_pressure(np.zeros((1, 1)), np.ones(1), np.ones(1)).tolist()
    [[1022.0]]
    """
    found: Floats = 1014 + (5 + 3 * land) * winter[:, None] + anomaly
    return found
