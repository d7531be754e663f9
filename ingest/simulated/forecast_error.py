"""How a weather forecast of the simulated region is wrong: more with every day, differently in every run.

The error of the wind is a sum of waves without divergence, 600 to 2500 km long, that drift with the lead.
Its size follows ``SIZE``: 0.6 m/s in each component at the start of a run, 1.3 a day later, 2.6 after three
and 3.5 at most, of the size that global models had at 850 hPa around 2020 (an assumption). Travelling highs
and lows come too early or too late by PHASE_H hours a day of lead, and what wanders slowly is only known to
fade. Seeded by the world and the run, so that a run errs alike whoever asks, and nothing else enters.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.simulated.grid import Floats

SIZE: Final = (0.6, 0.7, 0.95, 3.5)
"""At the start, growth in the first day [m s-1], power of the lead in days, most."""
PHASE_H: Final = 1.5
"""Standard deviation of the time at which a system comes, per day of lead [h]."""
WAVES: Final = 10
LENGTH_DEGREES: Final = (5.5, 22.0)
DRIFT: Final = 0.06
"""Standard deviation of how fast a wave of the error turns over [rad h-1]."""
STREAM: Final = 20_250_601
"""Keeps these random numbers apart from all others of a world."""

Ints = npt.NDArray[np.int64]


class Draws(NamedTuple):
    """What is random about the errors of runs: waves (runs, WAVES), ``phase`` (runs, systems) [1]."""

    direction: Floats
    number: Floats
    start: Floats
    drift: Floats
    amplitude: Floats
    phase: Floats


def size(lead: Floats) -> Floats:
    """Return the standard deviation of each component of the wind's error [m s-1] at a lead [h].

    >>> size(np.array([0.0, 24.0, 72.0, 480.0])).round(1).tolist()
    [0.6, 1.3, 2.6, 3.5]
    """
    begin, growth, power, most = SIZE
    return np.minimum(begin + growth * (np.maximum(lead, 0) / 24) ** power, most)


def draws(seed: int, runs: Ints, systems: int) -> Draws:
    """Return the random part of the errors of runs, given by the hour at which each starts."""
    parts = []
    low, high = (2 * np.pi / length for length in reversed(LENGTH_DEGREES))
    for run in runs.tolist():
        rng = np.random.default_rng([seed, STREAM, run + 100_000])
        waves = rng.uniform(size=(3, WAVES))
        normal = rng.normal(size=(2, WAVES))
        parts.append(
            Draws(
                2 * np.pi * waves[0],
                low * (high / low) ** waves[1],
                2 * np.pi * waves[2],
                DRIFT * normal[0],
                normal[1],
                rng.normal(size=systems),
            )
        )
    return Draws(*(np.stack(part) for part in zip(*parts, strict=True)))


def wind_error(
    random: Draws, lead: Floats, latitude: Floats, longitude: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the errors of eastward and northward wind [m s-1], and one of size 1 for all else, (n, places).

    Parameters
    ----------
    random : the draws of the run of each row, (n, …)
    lead : (n,) [h]
    latitude, longitude : (places,) [degree]
    """
    shape = (len(lead), len(latitude))
    east, north, other = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    across = (longitude - 118.0) * np.cos(np.radians(38.0))
    for k in range(WAVES):
        towards = np.cos(random.direction[:, k]), np.sin(random.direction[:, k])
        along = towards[0][:, None] * across + towards[1][:, None] * (latitude - 38.0)
        angle = random.number[:, k, None] * along
        angle += (random.start[:, k] + random.drift[:, k] * lead)[:, None]
        wave = random.amplitude[:, k, None] * np.cos(angle)
        east -= towards[1][:, None] * wave
        north += towards[0][:, None] * wave
        other += random.amplitude[:, k, None] * np.sin(angle)
    # A component of one wave has the variance 1/4: a half of the cosine, a half of the direction.
    scale = (size(lead) * np.sqrt(4 / WAVES))[:, None]
    return scale * east, scale * north, other * np.sqrt(2 / WAVES)
