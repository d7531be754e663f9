"""Starts of an ensemble of paths: the same place reached at several times, heights and small offsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.transport.trajectories import Starts


def ensemble(
    latitude: float,
    longitude: float,
    arrivals: NDArray[np.datetime64],
    heights: Sequence[float],
    offsets_deg: Sequence[float] = (-0.25, 0.0, 0.25),
) -> Starts:
    """Return starts for every arrival time, height and offset, north-south and east-west.

    Their labels are member (counted over heights and offsets), arrival [UTC] and start_height [m]. Offsets
    in longitude are as long on the ground as those in latitude.

    Parameters
    ----------
    latitude, longitude : of the place [degree]
    arrivals : instants [UTC]
    heights : above ground [m]
    offsets_deg : in latitude [degree]; every one is combined with every one in longitude

    Examples
    --------
    >>> day = np.array(["2025-01-01T00", "2025-01-01T06"], "M8[ns]")
    >>> starts = ensemble(37.57, 126.98, day, [100.0, 500.0])
    >>> len(starts.times), int(starts.labels["member"].max()) + 1
    (36, 18)
    """
    heights_m, shifts = np.asarray(heights, np.float64), np.asarray(offsets_deg, np.float64)
    count = len(heights_m), len(shifts), len(shifts)
    when, members = np.asarray(arrivals).astype("M8[ns]"), int(np.prod(count))
    times = np.repeat(when, members)
    member = np.tile(np.arange(members), len(when))
    tall, north, east = np.unravel_index(member, count)
    south_north = np.clip(latitude + shifts[north], -90.0, 90.0)
    west_east = longitude + shifts[east] / max(float(np.cos(np.radians(latitude))), 0.01)
    labels = {"member": member, "arrival": times, "start_height": heights_m[tall]}
    return Starts(times, south_north, west_east, heights_m[tall], labels)
