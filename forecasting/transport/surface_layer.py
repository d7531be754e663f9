"""The wind between the ground and the lowest level: a logarithmic profile of neutral air.

Between the lowest level and the roughness height the wind keeps its direction and falls as the logarithm
of height (Stull 1988, An Introduction to Boundary Layer Meteorology, eq. 9.7.1b); vertical motion falls
linearly to nothing at the ground, so that no parcel can leave through it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOWEST: Final = 10.0
"""Below this height [m], where wind is measured, the wind counts as no slower: no parcel sticks."""


def slowed(height: Floats, lowest: Floats, roughness: float) -> Floats:
    """Return the wind at heights as a share of that of the lowest level [1].

    Parameters
    ----------
    height : above ground [m]
    lowest : height of the lowest level above ground [m]
    roughness : height at which the profile is still [m]

    Examples
    --------
    >>> slowed(np.array([2.0, 10.0, 100.0]), np.array(100.0), 0.1).round(3).tolist()
    [0.667, 0.667, 1.0]
    """
    top = np.maximum(lowest, LOWEST)
    within = np.clip(height, LOWEST, top)
    return np.log(within / roughness) / np.log(top / roughness)
