"""What the wind does to the air: hourly advection, emission, growth and removal on a grid.

Semi-Lagrangian steps (each cell takes the air from where it was an hour before, by bilinear
interpolation), which stay positive and stable at any wind speed (Staniforth and Côté 1991,
doi:10.1175/1520-0493(1991)119<2206:SLISFA>2.0.CO;2). Amounts are columns written as the concentration
they would have in 1000 m of mixed air, so a change of mixing height conserves mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.simulated.grid import (
    CELLS,
    COARSE,
    EMITTERS,
    GOBI,
    METRES_PER_DEGREE,
    Floats,
    Grid,
    patch,
    sampling_weights,
)
from ingest.simulated.synoptic import Climate, Weather, weather, winterness

PRIMARY, SECONDARY, DUST = range(3)
SPECIES: Final = 3
"""Rows of the state; ``ingest.simulated.tagged`` carries one set per origin."""
CHUNK_HOURS: Final = 480


@dataclass(frozen=True)
class PointHistory:
    """What passed the points: ``air`` (hours, species, points) and weather (hours, points).

    ``air`` is the column as concentration in 1000 m [ug m-3]; the rest as in ``synoptic.Weather``.
    """

    air: Floats
    u: Floats
    v: Floats
    anomaly: Floats
    height: Floats
    rain: Floats
    humidity: Floats


def departure(w: Weather, grid: Grid = COARSE) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return where each cell's air was an hour before: corner indices and weights, (hours, 4, cells).

    Examples
    --------
    In still air every cell keeps its own air:

    >>> still = np.zeros((1, CELLS))
    >>> at, share = departure(Weather(still, still, still, still, still, still))
    >>> bool((at[0, 0] == np.arange(CELLS)).all()), float(share[0, 0].min())
    (True, 1.0)
    """
    nx, ny = len(grid.longitudes), len(grid.latitudes)
    per_degree = 3600.0 / METRES_PER_DEGREE
    x = grid.cell_longitude - grid.longitudes[0]
    x = (x - w.u * (per_degree / np.cos(np.radians(grid.cell_latitude)))) / grid.step
    y = (grid.cell_latitude - grid.latitudes[0] - w.v * per_degree) / grid.step
    np.clip(x, 0, nx - 1, out=x)
    np.clip(y, 0, ny - 1, out=y)
    column, row = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - column, y - row
    east, north = np.minimum(column + 1, nx - 1), np.minimum(row + 1, ny - 1)
    at = np.stack([row * nx + column, row * nx + east, north * nx + column, north * nx + east], 1)
    share = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], 1)
    return at, share


def emissions(climate: Climate, hours: slice, w: Weather) -> Floats:
    """Return what every hour adds to the columns, (hours, species, cells) [ug m-3].

    Fine particles follow heating and traffic; dust is raised in spring where the wind passes 8 m/s
    (threshold and cube law after Gillette and Passi 1988, doi:10.1029/JD093iD11p14233).
    """
    added = np.zeros((len(w.u), SPECIES, CELLS))
    steady = sum(patch(e) for e in EMITTERS.values())
    heating = sum(patch(e) * e.heating for e in EMITTERS.values())
    winter, traffic = yearly_and_daily(climate, hours)
    added[:, PRIMARY] = traffic * (steady + heating * winter)
    added[:, DUST] = raised_dust(climate, hours, w)
    return added


def yearly_and_daily(climate: Climate, hours: slice) -> tuple[Floats, Floats]:
    """Return the winterness and the daily course of emissions, (hours, 1) each."""
    winter = winterness(climate.day_of_year[hours])[:, None]
    traffic = 1 + 0.25 * np.sin(np.pi * (climate.local_hour[hours, None] - 5) / 9)
    return winter, traffic


def raised_dust(climate: Climate, hours: slice, w: Weather, grid: Grid = COARSE) -> Floats:
    """Return the dust that the wind raises, (hours, cells) [ug m-3 h-1]."""
    spring = np.exp(-0.5 * ((climate.day_of_year[hours, None] - 100) / 28) ** 2)
    speed = np.hypot(w.u, w.v)
    raised: Floats = 0.30 * spring * patch(GOBI, grid) * speed**2 * np.clip(speed - 8, 0, None)
    return raised


def growth(w: Weather) -> Floats:
    """Return secondary particles formed per hour and unit of primary, (hours, cells): faster in moist air."""
    rate: Floats = 0.003 + 0.45 * np.clip(w.humidity - 0.45, 0, None) ** 1.5
    return rate


def survival(w: Weather) -> Floats:
    """Return the share that stays after an hour of settling, rain and loss aloft, (hours, species, cells)."""
    aloft = (1 / 58) * np.clip(w.height / 700, 0.1, 4.0) ** 1.3
    wash = 0.22 * w.rain / (0.3 + w.rain)
    fine = np.exp(-(1 / 110 + aloft + wash + np.clip(-w.v, 0, 8) / 130))
    dust = np.exp(-(1 / 40 + 0.5 * aloft + wash))
    return np.stack([fine, fine, dust], 1)


def inflow(grid: Grid = COARSE) -> Floats:
    """Return the air outside the region, (species, cells): clean in the north, hazy in the south [ug m-3]."""
    south = np.clip((37 - grid.cell_latitude) / 7, 0, 1) * (grid.cell_longitude < 122)
    return np.stack([1.0 + 5 * south, 3.0 + 12 * south, np.full(len(south), 2.0)])


RIM_KEPT, RIM_NEW = 0.8, 0.2
"""Shares of an hour's air on the rim: what stays, and what comes in from outside."""


def simulate(climate: Climate, hours: int) -> PointHistory:
    """Run the region hour by hour and write down what the points see."""
    reader, rim, outside = sampling_weights(), COARSE.rim, inflow()
    state = outside.copy()
    pieces: list[tuple[Floats, ...]] = []
    for first in range(0, hours, CHUNK_HOURS):
        last = min(first + CHUNK_HOURS, hours)
        w = weather(climate, first, last)
        kept, added, formed = survival(w), emissions(climate, slice(first, last), w), growth(w)
        kept[:, :, rim] *= RIM_KEPT
        added[:, :, rim] = RIM_NEW * outside[:, rim]
        state, air = _advance(state, departure(w), kept, added, formed)
        pieces.append(
            (
                air @ reader,
                w.u @ reader,
                w.v @ reader,
                w.anomaly @ reader,
                w.height @ reader,
                w.rain @ reader,
                w.humidity @ reader,
            )
        )
    return PointHistory(*(np.concatenate(part) for part in zip(*pieces, strict=True)))


def _advance(
    state: Floats, paths: tuple[npt.NDArray[np.intp], Floats], kept: Floats, added: Floats, formed: Floats
) -> tuple[Floats, Floats]:
    """Step through one chunk; returns the last state and every hour's, (hours, species, cells)."""
    at, share = paths
    air = np.empty_like(kept)
    for h in range(len(kept)):
        state = (state[:, at[h]] * share[h]).sum(axis=1)
        state[SECONDARY] += formed[h] * state[PRIMARY]
        state *= kept[h]
        state += added[h]
        air[h] = state
    return state, air
