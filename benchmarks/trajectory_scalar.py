"""One parcel at a time in plain Python: the same scheme and interpolation, in degrees, without numpy."""

from __future__ import annotations

import math
from bisect import bisect_right

import xarray as xr

RADIUS = 6_371_229.0


class Winds:
    """Winds as nested lists [time][level][row][column] of (u, v, omega)."""

    def __init__(self, winds: xr.Dataset) -> None:
        names = ("eastward_wind", "northward_wind", "lagrangian_tendency_of_air_pressure")
        u, v, w = (winds[n].to_numpy().tolist() for n in names)
        self.values = [
            [
                [list(zip(*rows, strict=True)) for rows in zip(*planes, strict=True)]
                for planes in zip(*times, strict=True)
            ]
            for times in zip(u, v, w, strict=True)
        ]
        self.levels = [-100.0 * p for p in winds["level"].to_numpy().tolist()]
        self.south, self.west = float(winds["latitude"][0]), float(winds["longitude"][0])

    def at(self, hour: float, p: float, latitude: float, longitude: float) -> tuple[float, float, float]:
        """Return u, v [m s-1] and omega [Pa s-1] at one place; winds are hourly on a grid of 1 degree."""
        t = min(int(hour), len(self.values) - 2)
        k = min(max(bisect_right(self.levels, -p) - 1, 0), len(self.levels) - 2)
        j, i = int(latitude - self.south), int(longitude - self.west)
        y, x = latitude - self.south - j, longitude - self.west - i
        z = max((-p - self.levels[k]) / (self.levels[k + 1] - self.levels[k]), 0.0)
        total = [0.0, 0.0, 0.0]
        for dt, wt in ((0, 1 - hour + t), (1, hour - t)):
            for dk, wk in ((0, 1 - z), (1, z)):
                for dj, wj in ((0, 1 - y), (1, y)):
                    for di, wi in ((0, 1 - x), (1, x)):
                        weight = wt * wk * wj * wi
                        node = self.values[t + dt][k + dk][j + dj][i + di]
                        for n in range(3):
                            total[n] += weight * node[n]
        return total[0], total[1], total[2]


def path(
    winds: Winds, latitude: float, longitude: float, p: float, hours: int, minutes: float
) -> tuple[float, float]:
    """Return where one parcel is after hours, by Petterssen's scheme with two corrections."""
    seconds = minutes * 60.0
    for n in range(round(hours * 60 / minutes)):
        hour = n * minutes / 60.0
        u, v, w = winds.at(hour, p, latitude, longitude)
        first = _rates(u, v, latitude)
        north, east, sink = first[0], first[1], w
        for _ in range(3):
            to = latitude + seconds * north, longitude + seconds * east, p + seconds * sink
            u, v, w2 = winds.at(hour + minutes / 60.0, to[2], to[0], to[1])
            second = _rates(u, v, to[0])
            north, east, sink = (first[0] + second[0]) / 2, (first[1] + second[1]) / 2, (w + w2) / 2
        latitude, longitude, p = to
    return latitude, longitude


def _rates(u: float, v: float, latitude: float) -> tuple[float, float]:
    """Return degrees of latitude and longitude a second."""
    return math.degrees(v / RADIUS), math.degrees(u / (RADIUS * math.cos(math.radians(latitude))))
