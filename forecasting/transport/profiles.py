"""Winds at pressure levels and 10 m, at points, brought to heights above the ground."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.weather_schema import ALOFT

Floats = npt.NDArray[np.float64]

HEIGHTS: Final = (10.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4500.0)
"""Heights above the ground at which gridded winds are given [m]."""

NEAR_GROUND: Final = 10.0
"""Height of the near-ground wind [m]."""

BURIED_BELOW: Final = 50.0
"""A pressure level nearer to the ground than this is taken as inside it [m]."""

ROUGHNESS: Final = 0.1
"""Where even the wind at 10 m is unknown the wind falls to nothing at this height: open land, some bushes [m]
(Wieringa 1992, J. Wind Eng. 41, 357-368, class 5)."""

_G: Final = 9.80665
_GAS: Final = 287.05
_T0, _P0, _LAPSE = 288.15, 1013.25, 0.0065


def standard_height(pressure_hpa: Floats) -> Floats:
    """Return the height of a pressure in the ICAO standard atmosphere below 11 km [m].

    >>> standard_height(np.array([1013.25, 850.0, 500.0])).round().tolist()
    [0.0, 1457.0, 5574.0]
    """
    height: Floats = _T0 / _LAPSE * (1 - (pressure_hpa / _P0) ** (_GAS * _LAPSE / _G))
    return height


def at_heights(points: xr.Dataset, heights: tuple[float, ...] = HEIGHTS) -> tuple[Floats, Floats, Floats]:
    """Return eastward and northward wind, (time, height, station) [m s-1], and the ground, (station,) [m].

    Parameters
    ----------
    points : ``eastward_wind_aloft``, ``northward_wind_aloft`` over (time, level, station) with ``level`` in
        hPa; taken where there: ``eastward_wind``, ``northward_wind`` at 10 m,
        ``geopotential_height_aloft``, ``surface_air_pressure``

    Notes
    -----
    Between neighbouring known heights the wind is linear in the logarithm of the height, which between 10 m
    and the lowest level is the neutral profile of the surface layer carried on. Levels inside the ground do
    not count; where no level has a wind none is known. Above the highest level its wind stands. Without
    heights of levels those of the standard atmosphere stand; without surface pressure the ground is at sea
    level.
    """
    order = np.argsort(-points["level"].to_numpy().astype(np.float64))
    aloft = points.isel(level=order).transpose("time", "level", "station")
    level = aloft["level"].to_numpy().astype(np.float64)
    winds = [
        aloft[name + ALOFT].to_numpy().astype(np.float64) for name in ("eastward_wind", "northward_wind")
    ]
    shape = winds[0].shape
    z = _level_heights(aloft, level, shape)
    ground = _ground(aloft, level, z)
    above = z - ground
    nodes = np.concatenate([np.full((shape[0], 1, shape[2]), NEAR_GROUND), above], axis=1)
    out = []
    for name, wind in zip(("eastward_wind", "northward_wind"), winds, strict=True):
        low = _near_ground(aloft, name, above, wind)
        known = np.concatenate([low[:, None], wind], axis=1)
        out.append(_profile(nodes, known, np.asarray(heights)))
    return out[0], out[1], ground


def _level_heights(aloft: xr.Dataset, level: Floats, shape: tuple[int, ...]) -> Floats:
    standard = np.broadcast_to(standard_height(level)[None, :, None], shape)
    name = "geopotential_height" + ALOFT
    if name not in aloft:
        return standard
    known = aloft[name].to_numpy().astype(np.float64)
    return np.where(np.isfinite(known), known, standard)


def _ground(aloft: xr.Dataset, level: Floats, z: Floats) -> Floats:
    """Return the altitude of the model's ground, from its pressure and the levels' heights [m]."""
    if "surface_air_pressure" not in aloft or len(level) < 2:
        return np.zeros(aloft.sizes["station"])
    pressure = aloft["surface_air_pressure"].transpose("time", "station").to_numpy().astype(np.float64) / 100
    logs = np.log(level)
    below = np.log(pressure)[:, None] >= logs[None, 1:-1, None]
    at = below.argmax(axis=1) + np.where(below.any(axis=1), 0, len(level) - 2)
    at = np.clip(at, 0, len(level) - 2)[:, None]
    low, high = (np.take_along_axis(z, at + k, axis=1)[:, 0] for k in (0, 1))
    rise = (high - low) / (logs[at[:, 0] + 1] - logs[at[:, 0]])
    ground = low + rise * (np.log(pressure) - logs[at[:, 0]])
    known = np.isfinite(ground)
    mean = np.where(known, ground, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.maximum(mean, 0.0), np.float64)


def _near_ground(aloft: xr.Dataset, name: str, above: Floats, wind: Floats) -> Floats:
    """Return the wind at 10 m, (time, station); where unknown, from the lowest level by the log profile."""
    usable = (above >= BURIED_BELOW) & np.isfinite(wind)
    first = usable.argmax(axis=1)[:, None]
    z, speed = (np.take_along_axis(a, first, axis=1)[:, 0] for a in (above, wind))
    share = np.log(NEAR_GROUND / ROUGHNESS) / np.log(np.maximum(z, BURIED_BELOW) / ROUGHNESS)
    fallback = np.where(usable.any(axis=1), speed * share, np.nan)
    if name not in aloft:
        return fallback
    measured = aloft[name].transpose("time", "station").to_numpy().astype(np.float64)
    return np.where(np.isfinite(measured), measured, fallback)


def _profile(nodes: Floats, known: Floats, heights: Floats) -> Floats:
    """Return values at heights, linear in the logarithm between known nodes, (time, height, station)."""
    used = np.isfinite(known) & ((nodes >= BURIED_BELOW) | (np.arange(nodes.shape[1]) == 0)[None, :, None])
    out = np.full((nodes.shape[0], len(heights), nodes.shape[2]), np.nan)
    last_z = np.where(used[:, 0], nodes[:, 0], np.nan)
    last = np.where(used[:, 0], known[:, 0], np.nan)
    for k in range(1, nodes.shape[1]):
        z, value, here = nodes[:, k], known[:, k], used[:, k]
        for at, height in enumerate(heights):
            between = here & (last_z <= height) & (height <= z)
            low, step = last_z[between], value[between] - last[between]
            share = np.log(height / low) / np.log(z[between] / low)
            out[:, at][between] = last[between] + share * step
        last_z, last = np.where(here, z, last_z), np.where(here, value, last)
    silent = ~used[:, 1:].any(axis=1)
    last[silent] = np.nan
    beyond = (heights[None, :, None] > last_z[:, None]) | silent[:, None]
    out[beyond] = np.broadcast_to(last[:, None], out.shape)[beyond]
    return out
