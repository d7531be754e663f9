"""The weather of the simulated region: travelling highs and lows, monsoon winds, mixing height and rain.

Pressure is a seasonal slope plus Gaussian lows and highs that cross the region from the west; the wind of
the mixed layer is 0.65 of the geostrophic wind, turned 20 degrees towards low pressure (Holton, *An
Introduction to Dynamic Meteorology*, §5.3: typical values over land). Numbers are plausible, not fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ingest.simulated.grid import COARSE, Floats, Grid

GEOSTROPHIC: Final = 8.34
"""Geostrophic wind of a gradient of 1 hPa per degree of latitude at 38 N, air density 1.2 [m s-1]."""
SLOWING, TURNING = 0.65, np.radians(20.0)
MEMORY_H: Final = (110.0, 90.0, 60.0)
"""Memory of what wanders slowly: eastward and northward wind, moisture [h]."""


class System(NamedTuple):
    """One travelling high or low; ``at_hour`` is when its centre crosses 118 E."""

    at_hour: float
    latitude: float
    speed: float
    drift: float
    amplitude: float
    width: float


@dataclass(frozen=True)
class Weather:
    """Weather of a stretch of hours on the grid, each (hours, cells).

    Winds [m s-1], ``anomaly`` of pressure [hPa], mixing ``height`` [m], ``rain`` [mm h-1], ``humidity`` [1].
    """

    u: Floats
    v: Floats
    anomaly: Floats
    height: Floats
    rain: Floats
    humidity: Floats


@dataclass(frozen=True)
class Climate:
    """Everything random about the weather of one world, drawn once.

    ``slow_u``, ``slow_v`` and ``moisture`` are (hours,) red noise; ``day_of_year`` and ``local_hour``
    (about 128 degrees east of Greenwich) belong to the same hours.
    """

    systems: tuple[System, ...]
    slow_u: Floats
    slow_v: Floats
    moisture: Floats
    day_of_year: Floats
    local_hour: Floats


def red_noise(rng: np.random.Generator, hours: int, memory_h: float, spread: float) -> Floats:
    """Return first-order autoregressive noise, (hours,), with a memory [h] and standard deviation.

    It is drawn every sixth hour and joined by straight lines, smooth as large-scale weather is.

    >>> red_noise(np.random.default_rng(0), 25, 48, 0.0).tolist() == [0.0] * 25
    True
    """
    knots = hours // 6 + 2
    keep = float(np.exp(-6 / memory_h))
    steps = rng.normal(0, spread * np.sqrt(1 - keep**2), knots)
    values = np.empty(knots)
    values[0] = rng.normal(0, spread)
    for i in range(1, knots):
        values[i] = keep * values[i - 1] + steps[i]
    return np.interp(np.arange(hours), np.arange(knots) * 6, values)


def winterness(day_of_year: Floats) -> Floats:
    """Return +1 in mid January, −1 in mid July.

    >>> winterness(np.array([15.0])).round(2).tolist()
    [1.0]
    """
    return np.cos(2 * np.pi * (day_of_year - 15) / 365.25)


def draw_climate(rng: np.random.Generator, day_of_year: Floats, local_hour: Floats) -> Climate:
    """Draw the travelling systems and the slow wanderings of one world."""
    hours = len(day_of_year)
    systems: list[System] = []
    hour = -240.0
    while hour < hours + 240:
        gap = rng.uniform(96, 192)
        season = winterness(np.array([day_of_year[int(np.clip(hour, 0, hours - 1))]]))[0]
        vigour = 0.72 + 0.28 * season
        systems.append(
            System(
                hour,
                rng.uniform(41, 49),
                rng.uniform(0.32, 0.55),
                rng.normal(-0.03, 0.03),
                -vigour * rng.uniform(7, 15),
                rng.uniform(3.5, 5.5),
            )
        )
        systems.append(
            System(
                hour + gap * rng.uniform(0.35, 0.6),
                rng.uniform(33, 42),
                rng.uniform(0.14, 0.34),
                rng.normal(-0.01, 0.015),
                vigour * rng.uniform(5, 13),
                rng.uniform(4.5, 7.5),
            )
        )
        hour += gap
    return Climate(
        tuple(systems),
        red_noise(rng, hours, MEMORY_H[0], 1.2),
        red_noise(rng, hours, MEMORY_H[1], 1.0),
        red_noise(rng, hours, MEMORY_H[2], 1.0),
        day_of_year,
        local_hour,
    )


class Pressure(NamedTuple):
    """The anomaly [hPa] and its eastward and northward gradient [hPa/degree], (hours, cells)."""

    anomaly: Floats
    east: Floats
    north: Floats


def _pressure(systems: tuple[System, ...], hours: Floats, grid: Grid) -> Pressure:
    """Return the pressure of the systems near enough to a grid to count."""
    longitudes, latitudes = grid.longitudes, grid.latitudes
    shape = (len(hours), len(latitudes), len(longitudes))
    total, east, north = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for s in systems:
        since = hours - s.at_hour
        centre = 118 + s.speed * since
        reach = 3 * 1.3 * s.width
        near = np.flatnonzero((centre > longitudes[0] - reach) & (centre < longitudes[-1] + reach))
        if not len(near):
            continue
        rows = slice(int(near[0]), int(near[-1]) + 1)
        wide = 1.3 * s.width
        dx = (longitudes[None, :] - centre[rows, None]) / wide
        dy = (latitudes[None, :] - s.latitude - s.drift * since[rows, None]) / s.width
        gx, gy = np.exp(-0.5 * dx**2), s.amplitude * np.exp(-0.5 * dy**2)
        total[rows] += gy[:, :, None] * gx[:, None, :]
        east[rows] += gy[:, :, None] * (-dx / wide * gx)[:, None, :]
        north[rows] += (-dy / s.width * gy)[:, :, None] * gx[:, None, :]
    flat = (len(hours), len(latitudes) * len(longitudes))
    return Pressure(total.reshape(flat), east.reshape(flat), north.reshape(flat))


def weather(
    climate: Climate,
    first: int,
    last: int,
    grid: Grid = COARSE,
    gusts: tuple[Floats, Floats] | None = None,
) -> Weather:
    """Return the weather of hours ``first`` ≤ hour < ``last`` on a grid.

    ``gusts`` (hours, cells) [m s-1] are added to the wind before height and humidity follow from it.
    """
    hours = slice(first, last)
    pressure = _pressure(climate.systems, np.arange(first, last, dtype=float), grid)
    slow = climate.slow_u[hours, None], climate.slow_v[hours, None], climate.moisture[hours, None]
    if gusts is not None:
        slow = slow[0] + gusts[0], slow[1] + gusts[1], slow[2]
    clock = climate.day_of_year[hours], climate.local_hour[hours]
    return weather_of(pressure, slow, clock, grid.cell_latitude, grid.cell_longitude)


def weather_of(
    pressure: Pressure,
    slow: tuple[Floats, Floats, Floats],
    clock: tuple[Floats, Floats],
    latitude: Floats,
    longitude: Floats,
) -> Weather:
    """Return the weather that goes with a pressure at some places.

    Parameters
    ----------
    slow : what wanders slowly of wind [m s-1] and moisture, (hours, cells) or (hours, 1)
    clock : day of the year and local hour, (hours,)
    """
    anomaly, east, north = pressure
    day_of_year, local_hour = clock
    winter = winterness(day_of_year)[:, None]
    cos_lat = np.cos(np.radians(latitude))[None, :]
    ug, vg = -GEOSTROPHIC * north, GEOSTROPHIC * east / cos_lat
    cut = SLOWING * np.cos(TURNING), SLOWING * np.sin(TURNING)
    u = cut[0] * ug - cut[1] * vg + 0.5 + 0.5 * winter + slow[0]
    v = cut[0] * vg + cut[1] * ug - 0.1 - 0.6 * winter + slow[1]
    speed = np.hypot(u, v)
    moist = slow[2]
    low = np.clip(-anomaly / 10 - 0.22 + 0.10 * moist, 0, 2)
    rain = 1.6 * low * (1 - 0.75 * winter) + np.clip(-winter, 0, 1) * np.clip(moist + 0.08 * v - 0.7, 0, 3)
    south = np.tanh(v / 5)
    humidity = np.clip(
        0.60
        - 0.07 * winter
        + 0.20 * south
        + 0.10 * moist
        + 0.3 * np.clip(-anomaly / 10, -0.4, 0.8)
        + 0.004 * (longitude - 118)[None, :]
        - 0.10 * np.cos(2 * np.pi * (local_hour[:, None] - 3 - 12) / 24),
        0.12,
        1.0,
    )
    return Weather(u, v, anomaly, _mixing_height(clock, winter, anomaly, speed), rain, humidity)


def _mixing_height(clock: tuple[Floats, Floats], winter: Floats, anomaly: Floats, speed: Floats) -> Floats:
    """Return the mixing height [m]: low at night, in winter and under a high; raised by wind."""
    day_of_year, local_hour = clock
    sun = np.clip(np.sin(np.pi * (local_hour - 7.5) / 11), 0, None)[:, None]
    spring = np.exp(-0.5 * ((day_of_year - 130) / 45) ** 2)[:, None]
    day = (1050 - 300 * winter + 500 * spring) * (1 - 0.035 * np.clip(anomaly, -6, 12)) + 45 * speed
    night = 130 + 38 * speed
    height: Floats = np.clip(night + (day - night) * sun, 80, 3500)
    return height
