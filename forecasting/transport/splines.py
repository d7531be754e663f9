"""From scattered points to a grid: thin-plate smoothing splines as matrices that fit every hour alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST_POINTS = 6
"""With fewer values a field stays unknown; a plane takes three of them."""

KEPT_MATRICES = 32
"""Matrices kept, one for each set of points with values."""


@dataclass(frozen=True)
class Grid:
    """Latitudes and longitudes of a regular grid, ascending [degree]."""

    latitude: Floats
    longitude: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of latitudes and longitudes."""
        return len(self.latitude), len(self.longitude)

    def points(self) -> tuple[Floats, Floats]:
        """Return latitude and longitude of every cell, (latitude · longitude,)."""
        north, east = np.meshgrid(self.latitude, self.longitude, indexing="ij")
        return north.ravel(), east.ravel()


def grid_over(latitude: Floats, longitude: Floats, spacing: float, margin: float = 0.0) -> Grid:
    """Return the regular grid that reaches a margin beyond the smallest and greatest of some coordinates.

    >>> grid_over(np.array([30.2, 32.0]), np.array([110.5, 111.5]), 1.0).longitude.tolist()
    [110.0, 111.0, 112.0]
    """
    return Grid(_axis(latitude, spacing, margin), _axis(longitude, spacing, margin))


def _axis(values: Floats, spacing: float, margin: float) -> Floats:
    first, last = np.floor((values.min() - margin) / spacing), np.ceil((values.max() + margin) / spacing)
    axis: Floats = spacing * np.arange(int(first), int(last) + 1, dtype=np.float64)
    return axis


def inside_hull(latitude: Floats, longitude: Floats, grid: Grid, margin: float = 0.0) -> Flags:
    """Return which cells lie inside the convex hull of some points, (latitude, longitude); its edge belongs.

    Parameters
    ----------
    margin : also cells so far beyond its edges [degree]

    Examples
    --------
    >>> square = np.array([30.0, 30.0, 32.0, 32.0]), np.array([110.0, 112.0, 110.0, 112.0])
    >>> inside_hull(*square, grid_over(*square, 1.0)).all()
    np.True_
    """
    hull = ConvexHull(np.column_stack([latitude, longitude]))
    cells = np.column_stack(grid.points())
    beyond = cells @ hull.equations[:, :2].T + hull.equations[:, 2]
    inside: Flags = beyond.max(axis=1).reshape(grid.shape) <= margin + 1e-9
    return inside


@dataclass(frozen=True)
class Spline:
    """Thin-plate spline through values at fixed points, for the cells of a fixed grid.

    Parameters
    ----------
    latitude, longitude : (n,) of the points [degree]
    grid : where values are wanted
    smoothing : 0 passes through every value; greater values smooth more, in units of the kernel
        r² ln r with r in degrees of latitude

    Notes
    -----
    Wahba (1990), Spline Models for Observational Data, §2.4. The matrix depends on which points have a value
    and is kept for each such set. Distances lie in a plane of degrees, longitudes shrunk by the cosine of
    the mean latitude.
    """

    latitude: Floats
    longitude: Floats
    grid: Grid
    smoothing: float
    _kept: dict[bytes, Floats] = field(default_factory=dict, repr=False, compare=False)

    def to_grid(self, values: Floats) -> Floats:
        """Return values at the points, (..., n), on the grid, (..., latitude, longitude).

        A missing value is left out of its own field; a field of fewer than FEWEST_POINTS values is NaN.

        >>> at = np.array([30.0, 30.0, 31.0, 32.0, 32.0, 33.0]), np.arange(110.0, 116.0)
        >>> plane = Spline(*at, grid_over(*at, 1.0), 0.1).to_grid(2 * at[0] + at[1])
        >>> bool(np.allclose(plane[1, 2], 2 * 31 + 112))
        True
        """
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        out = np.full((len(flat), int(np.prod(self.grid.shape))), np.nan)
        for rows, pattern in _patterns(flat):
            out[rows] = flat[np.ix_(rows, np.flatnonzero(pattern))] @ self.matrix(pattern).T
        return out.reshape(*values.shape[:-1], *self.grid.shape)

    def left_out(self, values: Floats) -> Floats:
        """Return value less what all other points say, (field, n); NaN where there is no value.

        The residual divided by one less the value's own weight (Craven and Wahba 1979, eq. 1.9).

        >>> at = np.array([30.0, 30.0, 31.0, 32.0, 32.0, 33.0, 31.0]), np.arange(110.0, 117.0)
        >>> spline = Spline(*at, grid_over(*at, 1.0), 1.0)
        >>> bool(np.allclose(spline.left_out(np.array([2 * at[0] + at[1]])), 0))
        True
        """
        out = np.full(values.shape, np.nan)
        for rows, pattern in _patterns(values):
            at = np.flatnonzero(pattern)
            points = self._plane(self.latitude[at], self.longitude[at])
            own = _weights(points, points, self.smoothing)
            known = values[np.ix_(rows, at)]
            out[np.ix_(rows, at)] = (known - known @ own.T) / (1 - np.diag(own))
        return out

    def matrix(self, known: Flags) -> Floats:
        """Return the weights of the points with a value for every cell, (cell, known points)."""
        key = known.tobytes()
        if key not in self._kept:
            while len(self._kept) >= KEPT_MATRICES:
                del self._kept[next(iter(self._kept))]
            there = self._plane(self.latitude[known], self.longitude[known])
            self._kept[key] = _weights(there, self._plane(*self.grid.points()), self.smoothing)
        return self._kept[key]

    def _plane(self, latitude: Floats, longitude: Floats) -> Floats:
        shrink = np.cos(np.radians(self.latitude.mean()))
        return np.column_stack([longitude * shrink, latitude])


def _patterns(values: Floats) -> Iterator[tuple[npt.NDArray[np.int64], Flags]]:
    """Yield the rows of fields with values at the same points, and these; not those with too few."""
    patterns, which = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if pattern.sum() >= FEWEST_POINTS:
            yield np.flatnonzero(which.ravel() == number), pattern


def _weights(points: Floats, cells: Floats, smoothing: float) -> Floats:
    """Return the matrix from values at points to values at cells, both (n, 2)."""
    n = len(points)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(points, points) + smoothing * np.eye(n)
    system[:n, n:] = np.column_stack([np.ones(n), points])
    system[n:, :n] = system[:n, n:].T
    wanted = np.column_stack([_kernel(cells, points), np.ones(len(cells)), cells])
    return np.asarray(np.linalg.solve(system, wanted.T)[:n].T, np.float64)


def _kernel(one: Floats, other: Floats) -> Floats:
    square = ((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-300)), np.float64)
