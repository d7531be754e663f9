"""What the air does at parcels: its motion, and their height and pressure, from a prepared field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecasting.transport.interpolate import Corners, at_columns, at_points, at_surface, corners
from forecasting.transport.surface_layer import slowed
from forecasting.transport.winds_grid import Field

Floats = NDArray[np.float64]
Held = Literal["coordinate", "pressure", "height"]
"""What a parcel's vertical place is held as: coordinate of the levels, pressure [Pa] or height [m]."""


@dataclass(frozen=True)
class Profile:
    """The surface layer below the lowest level: whether there is one, and how rough the ground is [m]."""

    below: bool
    roughness: float


@dataclass(frozen=True)
class Air:
    """Motion of parcels [s-1 or m s-1] (n, size), and of their vertical place (n,), lifted to the ground."""

    motion: Floats
    climb: Floats
    place: Floats


def air(field: Field, profile: Profile, held: Held, seconds: Floats, position: Floats, place: Floats) -> Air:
    """Return what the air does at parcels; NaN where no wind is known.

    Parameters
    ----------
    seconds, position, place : (n,), (n, size), (n,): instant, position in the frame, vertical place
    """
    where = around(field, seconds, position)
    coordinate = place
    if len(field.levels) > 1 and held != "coordinate":
        coordinate = to_coordinate(field, where, place, held)
    if len(field.levels) > 1:
        coordinate = _above_ground(field, where, profile, coordinate)
    got = at_points(field.motion, where, field.level(coordinate), len(field.levels))
    if held != "coordinate":
        got[:, -1] = 0.0
    below = coordinate < field.levels[0]
    if len(field.levels) > 1 and below.any():
        _slow(field, profile, Corners(where.index[:, below], where.weight[:, below]), coordinate, got)
    return Air(got[:, :-1], got[:, -1], coordinate if held == "coordinate" else place)


def around(field: Field, seconds: Floats, position: Floats) -> Corners:
    """Return the columns around parcels."""
    row, column = field.frame.cells(position)
    return corners(field.clock(seconds), row, column, field.shape)


def to_coordinate(field: Field, where: Corners, place: Floats, held: Held) -> Floats:
    """Return the coordinate of the levels at heights above ground [m] or pressures [Pa]."""
    if held == "pressure":
        if field.kind == "pressure":
            return -place
        if field.kind == "sigma":
            return -place / at_surface(field.surface, where)
        logs = -np.log(at_columns(field.pressures, where))
        ground = -np.log(at_surface(field.surface, where))
        return _read(logs, np.broadcast_to(field.levels, logs.shape), -np.log(place), (ground, 0.0 * ground))
    if field.kind == "height":
        return place
    heights = at_columns(field.heights, where)
    ground = at_surface(field.ground, where)
    logs = np.broadcast_to(-np.log(-field.levels), heights.shape)
    return -np.exp(-_read(heights, logs, place, (0.0 * ground, -np.log(-ground))))


def to_height(field: Field, where: Corners, coordinate: Floats) -> Floats:
    """Return heights above ground [m] of coordinates."""
    if field.kind == "height":
        return coordinate
    heights = at_columns(field.heights, where)
    ground = -np.log(-at_surface(field.ground, where))
    logs = np.broadcast_to(-np.log(-field.levels), heights.shape)
    return _read(logs, heights, -np.log(-coordinate), (ground, 0.0 * ground))


def to_pressure(field: Field, where: Corners, coordinate: Floats) -> Floats:
    """Return pressures [Pa] of coordinates."""
    if field.kind == "pressure":
        return -coordinate
    surface = at_surface(field.surface, where)
    if field.kind == "sigma":
        return -coordinate * surface
    logs = np.log(at_columns(field.pressures, where))
    levels = np.broadcast_to(field.levels, logs.shape)
    return np.asarray(np.exp(_read(levels, logs, coordinate, (0.0 * surface, np.log(surface)))))


def above_top(field: Field, where: Corners, place: Floats, held: Held) -> NDArray[np.bool_]:
    """Tell which parcels are above the highest level."""
    if held == "coordinate":
        return np.asarray(place > field.levels[-1])
    if held == "height":
        return np.asarray(place > at_columns(field.heights[:, -1:], where)[:, 0])
    return np.asarray(place < at_columns(field.pressures[:, -1:], where)[:, 0])


def _read(known: Floats, values: Floats, wanted: Floats, ground: tuple[Floats, Floats]) -> Floats:
    """Interpolate in columns (n, level), whose lowest layer reaches down to the ground; NaN above the top."""
    rows = np.arange(len(wanted))
    count = known.shape[1]
    upper = (known <= wanted[:, None]).sum(axis=1)
    upper = np.where(wanted == known[:, -1], count - 1, upper)
    above = np.minimum(upper, count - 1)
    x1, y1 = known[rows, above], values[rows, above]
    x0 = np.where(upper == 0, ground[0], known[rows, above - 1])
    y0 = np.where(upper == 0, ground[1], values[rows, above - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        value = y0 + (y1 - y0) * (wanted - x0) / (x1 - x0)
    return np.asarray(np.where(upper < count, value, np.nan))


def _above_ground(field: Field, where: Corners, profile: Profile, coordinate: Floats) -> Floats:
    """Lift coordinates to the ground, or to the lowest level where there is no surface layer."""
    if not profile.below:
        return np.asarray(np.maximum(coordinate, field.levels[0]))
    if field.kind != "pressure":
        return np.maximum(coordinate, -1.0 if field.kind == "sigma" else 0.0)
    low = coordinate < field.highest_ground
    if low.any():
        some = Corners(where.index[:, low], where.weight[:, low])
        coordinate = coordinate.copy()
        coordinate[low] = np.maximum(coordinate[low], at_surface(field.ground, some))
    return coordinate


def _slow(field: Field, profile: Profile, where: Corners, coordinate: Floats, got: Floats) -> None:
    """Slow the motion of parcels below the lowest level, in place."""
    below = coordinate < field.levels[0]
    lowest = at_surface(field.lowest, where)
    ground = at_surface(field.ground, where)
    if field.kind == "height":
        share = coordinate[below] / field.levels[0]
    else:
        share = np.log(ground / coordinate[below]) / np.log(ground / field.levels[0])
    share = np.clip(share, 0.0, 1.0)
    got[below, :-1] *= slowed(share * lowest, lowest, profile.roughness)[:, None]
    got[below, -1] *= share
