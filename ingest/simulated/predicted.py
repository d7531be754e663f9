"""The weather model of the simulated region: what a run of it says of any place at any lead.

It knows the highs and lows that will cross the region and errs about them as ``forecast_error`` says; of
what wanders slowly (``synoptic.Climate``) it knows the value at its start, which fades as such noise does.
Nothing that is drawn for later hours enters, nor the gusts in which the tagged truth is carried.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.simulated.forecast_error import PHASE_H, Draws, Ints, draws, wind_error
from ingest.simulated.grid import Floats
from ingest.simulated.synoptic import (
    MEMORY_H,
    Climate,
    Pressure,
    System,
    Weather,
    weather_of,
)

HEIGHT_ERROR: Final = 0.12
"""Standard deviation of the error of ln(mixing height) beside that which follows from the wind."""
REACH: Final = 3.5
"""A system counts as far as this many widths from its centre."""


def predicted(
    climate: Climate, seed: int, valid: Ints, run: Ints, latitude: Floats, longitude: Floats
) -> Weather:
    """Return the weather that runs foretell, (n, places); before its start a run says what it starts from.

    Parameters
    ----------
    valid, run : (n,) hours of the world: of which, and from which run
    latitude, longitude : (places,) [degree], anywhere in eastern Asia

    Examples
    --------
    >>> from ingest.simulated.world import climate_of
    >>> w = predicted(climate_of(1), 1, np.array([48]), np.array([24]), np.array([37.5]), np.array([127.0]))
    >>> w.u.shape, bool(w.height[0, 0] >= 80)
    ((1, 1), True)
    """
    lead = np.maximum(valid - run, 0).astype(float)
    runs, which = np.unique(run, return_inverse=True)
    random = Draws(*(part[which] for part in draws(seed, runs, len(climate.systems))))
    shift = PHASE_H / 24 * lead[:, None] * random.phase
    pressure = pressure_at(climate.systems, valid.astype(float)[:, None] + shift, latitude, longitude)
    east, north, other = wind_error(random, lead, latitude, longitude)
    known = np.clip(np.minimum(valid, run), 0, len(climate.slow_u) - 1)
    faded = [
        (slow[known] * np.exp(-lead / memory))[:, None]
        for slow, memory in zip((climate.slow_u, climate.slow_v, climate.moisture), MEMORY_H, strict=True)
    ]
    clock = clock_of(climate, valid)
    slow = (faded[0] + east, faded[1] + north, faded[2])
    found = weather_of(pressure, slow, clock, latitude, longitude)
    height = np.clip(found.height * np.exp(HEIGHT_ERROR * other), 80, 3500)
    return Weather(found.u, found.v, found.anomaly, height, found.rain, found.humidity)


def clock_of(climate: Climate, hours: Ints) -> tuple[Floats, Floats]:
    """Return day of the year and local hour, also of hours outside the simulated ones."""
    at = np.clip(hours, 0, len(climate.day_of_year) - 1)
    return climate.day_of_year[at], (climate.local_hour[0] + hours) % 24


def pressure_at(systems: tuple[System, ...], hours: Floats, latitude: Floats, longitude: Floats) -> Pressure:
    """Return the pressure of the systems at places, (n, places).

    Parameters
    ----------
    hours : (n, systems) hour of the world that each system has reached
    """
    shape = (len(hours), len(latitude))
    total, east, north = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    west_end, east_end = float(longitude.min()), float(longitude.max())
    for s, at in zip(systems, hours.T, strict=True):
        wide = 1.3 * s.width
        centre = 118 + s.speed * (at - s.at_hour)
        near = (centre > west_end - REACH * wide) & (centre < east_end + REACH * wide)
        rows = np.flatnonzero(near)
        if not len(rows):
            continue
        dx = (longitude[None, :] - centre[rows, None]) / wide
        dy = (latitude[None, :] - s.latitude - s.drift * (at[rows, None] - s.at_hour)) / s.width
        bump = s.amplitude * np.exp(-0.5 * (dx**2 + dy**2)) * (np.abs(dx) < REACH)
        total[rows] += bump
        east[rows] -= dx / wide * bump
        north[rows] -= dy / s.width * bump
    return Pressure(total, east, north)
