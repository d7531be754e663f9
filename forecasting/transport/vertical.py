"""Levels, heights above ground and vertical motion of gridded winds, in a coordinate that grows upward.

The coordinate is minus the pressure [Pa], minus sigma [1] or the height above ground [m].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.transport import atmosphere
from forecasting.transport.frames import Frame, Sphere

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """The columns of gridded winds, arrays (time, level, row, column), or without level.

    Parameters
    ----------
    kind : ``pressure``, ``sigma`` or ``height``
    levels : (level,) ascending upward
    ground : coordinate of the ground
    surface : surface pressure [Pa]
    pressure, height : of the levels [Pa], above ground [m]
    """

    kind: str
    levels: Floats
    ground: Floats
    surface: Floats
    pressure: Floats
    height: Floats


def columns_of(fields: dict[str, Floats], kind: str, levels: Floats) -> Columns:
    """Return the columns of fields: heights from geopotential, else by hypsometry, else standard atmosphere.

    Parameters
    ----------
    fields : (time, level, row, column) or (time, row, column), by the names of WIND_CONTRACT
    levels : ascending upward: minus Pa, minus sigma, or m
    """
    shape = fields["first"].shape
    flat = (shape[0], *shape[2:])
    grid = np.broadcast_to(levels[None, :, None, None], shape)
    surface = np.broadcast_to(_surface_pressure(fields, kind, levels), flat)
    if kind == "height":
        pressure = _pressure_aloft(fields, grid, surface)
        return Columns(kind, levels, np.zeros(flat), surface, pressure, grid)
    pressure = -grid if kind == "pressure" else -grid * surface[:, None]
    ground = -surface if kind == "pressure" else np.full(flat, -1.0)
    return Columns(kind, levels, ground, surface, pressure, _heights(fields, pressure, surface))


def _surface_pressure(fields: dict[str, Floats], kind: str, levels: Floats) -> Floats:
    """Return measured surface pressure, else that at the ground's altitude, else at sea level.

    On pressure levels also where single points lack it: the wind there is known without.
    """
    measured = fields.get("surface_air_pressure")
    if measured is None:
        return _pressure_at_ground(fields, kind, levels)
    if kind != "pressure" or np.isfinite(measured).all():
        return measured
    return np.where(np.isfinite(measured), measured, _pressure_at_ground(fields, kind, levels))


def _pressure_at_ground(fields: dict[str, Floats], kind: str, levels: Floats) -> Floats:
    altitude = fields.get("surface_altitude", np.zeros(1))
    if kind == "pressure" and "geopotential_height" in fields and len(levels) > 1:
        logs = np.broadcast_to(-np.log(-levels)[None, :, None, None], fields["geopotential_height"].shape)
        return np.exp(-along(fields["geopotential_height"], logs, altitude))
    return atmosphere.standard_pressure(altitude)


def _heights(fields: dict[str, Floats], pressure: Floats, surface: Floats) -> Floats:
    if "geopotential_height" in fields:
        above_sea = fields["geopotential_height"]
    elif "air_temperature" in fields:
        above_sea = _hypsometry(fields["air_temperature"], pressure)
    else:
        above_sea = atmosphere.standard_height(pressure)
    if "geopotential_height" in fields and "surface_altitude" in fields:
        return above_sea - np.broadcast_to(fields["surface_altitude"], surface.shape)[:, None]
    if pressure.shape[1] > 1:
        return above_sea - along(-np.log(pressure), above_sea, -np.log(surface))[:, None]
    if "air_temperature" in fields:
        return atmosphere.thickness(pressure, surface[:, None], fields["air_temperature"])
    return atmosphere.standard_height(pressure) - atmosphere.standard_height(surface)[:, None]


def _hypsometry(temperature: Floats, pressure: Floats) -> Floats:
    """Return heights of levels [m] above the lowest one, from the mean temperature of each layer."""
    mean = (temperature[:, 1:] + temperature[:, :-1]) / 2.0
    layers = atmosphere.thickness(pressure[:, 1:], pressure[:, :-1], mean)
    return np.concatenate([np.zeros_like(pressure[:, :1]), np.cumsum(layers, axis=1)], axis=1)


def _pressure_aloft(fields: dict[str, Floats], height: Floats, surface: Floats) -> Floats:
    """Return the pressure of levels of height: each layer as thick as its temperature says."""
    if "air_temperature" not in fields:
        base = atmosphere.standard_height(surface)[:, None]
        return atmosphere.standard_pressure(base + height)
    temperature = fields["air_temperature"]
    below = np.concatenate([temperature[:, :1], temperature[:, :-1]], axis=1)
    steps = np.diff(height, axis=1, prepend=0.0) / ((temperature + below) / 2.0)
    logs = np.cumsum(steps, axis=1) * atmosphere.GRAVITY / atmosphere.GAS
    return np.asarray(surface[:, None] * np.exp(-logs))


def along(known: Floats, values: Floats, wanted: Floats) -> Floats:
    """Interpolate every column linearly, and beyond its ends along the last slope.

    Parameters
    ----------
    known, values : (time, level, row, column), ``known`` ascending upward
    wanted : (time, row, column), or what broadcasts to it

    Examples
    --------
    >>> z = np.array([0.0, 10.0, 30.0]).reshape(1, 3, 1, 1)
    >>> along(z, 2 * z, np.array(-5.0)).item(), along(z, 2 * z, np.array(20.0)).item()
    (-10.0, 40.0)
    """
    wanted = np.broadcast_to(wanted, (known.shape[0], *known.shape[2:]))
    result = np.empty(wanted.shape)
    for k in range(known.shape[1] - 1):
        here = np.ones(wanted.shape, bool) if k == 0 else wanted > known[:, k]
        slope = (values[:, k + 1] - values[:, k]) / (known[:, k + 1] - known[:, k])
        result[here] = (values[:, k] + slope * (wanted - known[:, k]))[here]
    return result


def rate(
    fields: dict[str, Floats],
    columns: Columns,
    seconds: Floats,
    frame: Frame,
    *,
    over_terrain: bool = False,
) -> Floats:
    """Return how fast the coordinate grows at the nodes [Pa s-1, s-1 or m s-1]; zero where nothing tells.

    On sigma it is minus omega / ps: omega counts as motion through the sigma surfaces, as HYSPLIT takes it
    (its end points are met so to 1 km after 12 h, else to 10 km). With ``over_terrain`` it is minus
    (omega - sigma Dps/Dt) / ps, which is exact: Dps/Dt from surface pressure in time and along the wind.
    On heights above ground the rise of the ground along the wind is taken off.
    """
    omega = _omega(fields, columns)
    if columns.kind == "pressure":
        return np.zeros_like(fields["first"]) if omega is None else -omega
    if columns.kind == "height":
        rise = _upward(fields, columns)
        if rise is None:
            return np.zeros_like(fields["first"])
        if "surface_altitude" not in fields:
            return rise
        ground = np.broadcast_to(fields["surface_altitude"], columns.ground.shape)
        return rise - _along_wind(ground, fields, frame)
    if omega is None:
        return np.zeros_like(fields["first"])
    if over_terrain:
        omega = omega - _with_ground(columns, fields, seconds, frame)
    return -omega / columns.surface[:, None]


def _with_ground(columns: Columns, fields: dict[str, Floats], seconds: Floats, frame: Frame) -> Floats:
    """Return sigma Dps/Dt [Pa s-1]: the omega of air that stays on its sigma surface."""
    change = _along_wind(columns.surface, fields, frame)
    if len(seconds) > 1:
        change = change + np.gradient(columns.surface, seconds, axis=0)[:, None]
    return -columns.levels[None, :, None, None] * change


def _omega(fields: dict[str, Floats], columns: Columns) -> Floats | None:
    if "lagrangian_tendency_of_air_pressure" in fields:
        return fields["lagrangian_tendency_of_air_pressure"]
    if "upward_air_velocity" in fields:
        return -fields["upward_air_velocity"] * _weight(fields, columns)
    return None


def _upward(fields: dict[str, Floats], columns: Columns) -> Floats | None:
    if "upward_air_velocity" in fields:
        return fields["upward_air_velocity"]
    if "lagrangian_tendency_of_air_pressure" in fields:
        return -fields["lagrangian_tendency_of_air_pressure"] / _weight(fields, columns)
    return None


def _weight(fields: dict[str, Floats], columns: Columns) -> Floats:
    """Return the weight of a cubic metre of air [Pa m-1]."""
    pressure = columns.pressure
    temperature = fields.get("air_temperature", atmosphere.standard_temperature(pressure))
    return np.asarray(atmosphere.GRAVITY * pressure / (atmosphere.GAS * temperature))


def _along_wind(ground: Floats, fields: dict[str, Floats], frame: Frame) -> Floats:
    """Return wind times slope of a surface (time, row, column), for every level."""
    height, width = frame.spacing()
    slope_y = np.gradient(ground, axis=1) / height
    around = np.pad(ground, ((0, 0), (0, 0), (1, 1)), mode="wrap") if _joined(frame) else ground
    slope_x = np.gradient(around, axis=2)[..., slice(1, -1) if _joined(frame) else slice(None)] / width
    return fields["first"] * slope_x[:, None] + fields["second"] * slope_y[:, None]


def _joined(frame: Frame) -> bool:
    return isinstance(frame, Sphere) and frame.circle
