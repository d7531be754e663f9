"""Values of a grid at many points at once: linear in time and upward, bilinear between columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Corners:
    """The columns around points: ``index`` of them and their ``weight``, both (corners, n).

    They are counted through (time, row, column); a point that lies outside has NaN weights.
    """

    index: Ints
    weight: Floats


def corners(clock: Floats, row: Floats, column: Floats, shape: tuple[int, int, int]) -> Corners:
    """Return the eight columns around points, or four where the grid has one time.

    Parameters
    ----------
    clock, row, column : (n,) places in the grid in steps of it, NaN outside
    shape : its times, rows and columns

    Examples
    --------
    >>> one = corners(np.zeros(1), np.array([0.25]), np.array([1.0]), (1, 2, 2))
    >>> one.index[:, 0].tolist(), one.weight[:, 0].tolist()
    ([0, 1, 2, 3], [0.0, 0.75, 0.0, 0.25])
    """
    j, y = _split(row, shape[1])
    i, x = _split(column, shape[2])
    base = j * shape[2] + i
    right, above = int(shape[2] > 1), int(shape[1] > 1) * shape[2]
    index = np.stack([base, base + right, base + above, base + above + right])
    weight = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    if shape[0] == 1:
        return Corners(index, weight + 0.0 * clock)
    t, share = _split(clock, shape[0])
    index = index + t * (shape[1] * shape[2])
    later = index + shape[1] * shape[2]
    return Corners(np.concatenate([index, later]), np.concatenate([weight * (1 - share), weight * share]))


def at_columns(values: NDArray[np.floating], where: Corners) -> Floats:
    """Return the interpolated values (n, channels) of whole columns: ``values`` is (columns, channels).

    A corner of no weight counts as nothing, even where it is NaN.
    """
    # Indices are within the grid; `clip` spares numpy the check.
    total = np.take(values, where.index[0], axis=0, mode="clip") * where.weight[0][:, None]
    for index, weight in zip(where.index[1:], where.weight[1:], strict=True):
        total += np.take(values, index, axis=0, mode="clip") * weight[:, None]
    unknown = np.isnan(total).any(axis=1)
    if unknown.any():
        some = Corners(where.index[:, unknown], where.weight[:, unknown])
        total[unknown] = _skipping(values, some)
    return np.asarray(total)


def at_surface(values: NDArray[np.floating], where: Corners) -> Floats:
    """Return the interpolated values (n,) of what each column has one of: ``values`` is (columns,)."""
    return at_columns(values[:, None], where)[:, 0]


def at_points(values: NDArray[np.floating], where: Corners, level: Floats, levels: int) -> Floats:
    """Return the interpolated values (n, channels) in columns: ``values`` is (columns x levels, channels).

    ``level`` is the place upward in steps of the levels, (n,).
    """
    k, z = _split(level, levels)
    index = where.index * levels + k
    if levels == 1:
        return at_columns(values, Corners(index, where.weight))
    both = Corners(
        np.concatenate([index, index + 1]), np.concatenate([where.weight * (1 - z), where.weight * z])
    )
    return at_columns(values, both)


def _split(place: Floats, size: int) -> tuple[Ints, Floats]:
    """Return the cell that a place lies in, and how far; the last node belongs to the last cell."""
    known = np.nan_to_num(place)
    cell = np.minimum(known.astype(np.intp), max(size - 2, 0))
    return cell, place - cell


def _skipping(values: NDArray[np.floating], where: Corners) -> Floats:
    got = np.take(values, where.index, axis=0)
    weight = where.weight[..., None]
    return np.asarray(np.where(weight == 0.0, 0.0, got * weight).sum(axis=0))
