"""Where parcels are and how they move: unit vectors on the sphere, or metres on a map.

On the sphere, position and wind are vectors in space, so that neither pole nor date line is special: the
wind of a grid point is turned into a vector once, and vectors are interpolated and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.transport.projection import EARTH_RADIUS, Projection, projection
from pipeline.wind_fields import horizontal

Floats = NDArray[np.float64]
_EDGE = 1e-9
"""How far outside its grid, in cells, a point still counts as on its edge: rounding."""


@dataclass(frozen=True)
class Sphere:
    """A grid of latitudes and longitudes, joined to a circle and capped at the poles where it reaches them.

    ``south`` and ``west`` are the first row and column [degree], ``step`` the distances of rows and columns
    [degree]; ``circle`` says that columns join, ``caps`` whether a row was put at the south and north pole.
    ``unit`` is the length of a unit of position [m].
    """

    south: float
    west: float
    step: tuple[float, float]
    shape: tuple[int, int]
    circle: bool
    caps: tuple[bool, bool]
    size: int = 3
    unit: float = EARTH_RADIUS

    def enter(self, latitude: Floats, longitude: Floats) -> Floats:
        """Return unit vectors (n, 3) of places [degree]."""
        phi, lam = np.radians(latitude), np.radians(longitude)
        return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)

    def leave(self, position: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude [degree] of unit vectors."""
        x, y, z = position.T
        return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))

    def tidy(self, position: Floats) -> Floats:
        """Return vectors brought back to unit length."""
        x, y, z = position.T
        position /= np.sqrt(x * x + y * y + z * z)[:, None]
        return position

    def cells(self, position: Floats) -> tuple[Floats, Floats]:
        """Return row and column in the grid, with fractions; NaN outside."""
        latitude, longitude = self.leave(position)
        turn = 360.0 / self.step[1]
        column = (longitude - self.west) / self.step[1]
        column -= np.floor((column + _EDGE) / turn) * turn
        return _inside((latitude - self.south) / self.step[0], column, self.shape)

    def motion(self, first: Floats, second: Floats) -> Floats:
        """Return motion of unit vectors [s-1] from eastward and northward wind [m s-1] of all rows."""
        phi, lam = np.radians(self._latitudes())[:, None], np.radians(self._longitudes())
        east = np.stack(np.broadcast_arrays(-np.sin(lam), np.cos(lam), 0.0 * phi), axis=-1)
        north = np.stack(
            np.broadcast_arrays(-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)), axis=-1
        )
        vectors = (first[..., None] * east + second[..., None] * north) / EARTH_RADIUS
        return self._close(vectors, -3)

    def pad(self, values: Floats) -> Floats:
        """Return node values (..., row, column) with the rows and columns that close the grid."""
        return self._close(values, -2)

    def spacing(self) -> tuple[float, Floats]:
        """Return height of a cell and widths by row [m]; poleward of 80 degrees the width at 80 degrees.

        There meridians run together, but the wind does not become finer.
        """
        latitudes = np.minimum(np.abs(self._latitudes()), 80.0)
        height, width = np.radians(self.step) * EARTH_RADIUS
        return float(height), width * np.cos(np.radians(latitudes))[:, None]

    def _latitudes(self) -> Floats:
        rows = self.shape[0] - sum(self.caps)
        latitudes = self.south + self.step[0] * (np.arange(rows) + self.caps[0])
        return np.asarray(np.clip(latitudes, -90.0, 90.0), dtype=np.float64)

    def _longitudes(self) -> Floats:
        columns = np.arange(self.shape[1] - int(self.circle), dtype=np.float64)
        return np.asarray(self.west + self.step[1] * columns, dtype=np.float64)

    def _close(self, values: Floats, axis: int) -> Floats:
        """Join the circle at the right, and let the pole rows be the mean of their circle."""
        if not self.circle:
            return values
        rows = np.moveaxis(values, (axis, axis + 1), (0, 1))
        for end, cap in zip((0, -1), self.caps, strict=True):
            edge = rows[end]
            away = 90.0 - abs(self._latitudes()[end])
            if 1e-6 < away < 0.75 * self.step[0]:  # half a step short: the next row lies beyond the pole
                pole = np.roll(edge, len(edge) // 2, axis=0)
            else:
                pole = np.broadcast_to(edge.mean(axis=0), edge.shape)
            if cap:
                rows = np.concatenate([pole[None], rows] if end == 0 else [rows, pole[None]])
            elif away <= 1e-6:
                rows = np.concatenate([pole[None], rows[1:]] if end == 0 else [rows[:-1], pole[None]])
        joined = np.concatenate([rows, rows[:, :1]], axis=1)
        return np.asarray(np.moveaxis(joined, (0, 1), (axis, axis + 1)), dtype=np.float64)


@dataclass(frozen=True)
class Map:
    """A grid in metres on a conformal map; ``left`` and ``low`` are its first column and row [m]."""

    crs: Projection
    left: float
    low: float
    step: tuple[float, float]
    shape: tuple[int, int]
    size: int = 2
    unit: float = 1.0

    def enter(self, latitude: Floats, longitude: Floats) -> Floats:
        """Return x and y [m] (n, 2) of places [degree]."""
        return np.stack(self.crs.to_map(latitude, longitude), axis=-1)

    def leave(self, position: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude [degree] of map points."""
        return self.crs.to_sphere(position[:, 0], position[:, 1])

    def tidy(self, position: Floats) -> Floats:
        """Return positions as they are: every point of the plane is one of the map."""
        return position

    def cells(self, position: Floats) -> tuple[Floats, Floats]:
        """Return row and column in the grid, with fractions; NaN outside."""
        row, column = (position[:, 1] - self.low) / self.step[0], (position[:, 0] - self.left) / self.step[1]
        return _inside(row, column, self.shape)

    def motion(self, first: Floats, second: Floats) -> Floats:
        """Return motion on the map [m s-1] from the wind along its axes [m s-1]."""
        return np.stack([first, second], axis=-1) * self._scale()[..., None]

    def pad(self, values: Floats) -> Floats:
        """Return node values as they are: a map has edges."""
        return values

    def spacing(self) -> tuple[float, Floats]:
        """Return height of a cell where it is smallest and widths by row and column, on the sphere [m]."""
        scale = self._scale()
        return float(self.step[0] / scale.max()), self.step[1] / scale

    def _scale(self) -> Floats:
        y, x = np.meshgrid(
            self.low + self.step[0] * np.arange(self.shape[0]),
            self.left + self.step[1] * np.arange(self.shape[1]),
            indexing="ij",
        )
        return self.crs.scale(self.crs.to_sphere(x, y)[0])


Frame = Sphere | Map
"""How positions of parcels are held, and where they lie in the grid of the winds."""


def frame_of(winds: xr.Dataset) -> Frame:
    """Return the frame of checked winds: the sphere, or the map of their ``crs``.

    Raises
    ------
    ContractError
        the projection is not known
    """
    places, _ = horizontal(winds)
    first, second = (winds[name].to_numpy().astype(np.float64) for name in places)
    step = _step(first), _step(second)
    if places == ("y", "x"):
        crs = projection(winds["crs"].attrs)
        return Map(crs, float(second[0]), float(first[0]), step, (len(first), len(second)))
    circle = bool(abs(len(second) * step[1] - 360.0) < 0.01 * step[1])
    near = (-90.0 + step[0] * 1.01, 90.0 - step[0] * 1.01)
    caps = (
        circle and -90.0 + 1e-6 < first[0] < near[0],
        circle and near[1] < first[-1] < 90.0 - 1e-6,
    )
    shape = len(first) + sum(caps), len(second) + int(circle)
    south = float(first[0]) - step[0] * caps[0]
    return Sphere(south, float(second[0]), step, shape, circle, caps)


def _step(axis: Floats) -> float:
    return float((axis[-1] - axis[0]) / (len(axis) - 1))


def _inside(row: Floats, column: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore"):
        within = (row >= -_EDGE) & (row <= shape[0] - 1 + _EDGE)
        within &= (column >= -_EDGE) & (column <= shape[1] - 1 + _EDGE)
    row, column = np.where(within, row, np.nan), np.where(within, column, np.nan)
    return np.clip(row, 0.0, shape[0] - 1.0), np.clip(column, 0.0, shape[1] - 1.0)
