"""How long paths stayed where: hours of arrivals over the cells of a grid, all and below the mixing height.

A point of a path counts for the time since the point before it; the arrival itself counts for none. What
leaves the grid, or is lost before the path is as long as asked, is kept as hours unaccounted for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.errors import ContractError
from pipeline.wind_fields import check_trajectories

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MIXING = "atmosphere_boundary_layer_thickness"


class Places(Protocol):
    """Places that points of paths lie in: cells of a grid, or named regions."""

    @property
    def size(self) -> int:
        """Return how many there are."""

    def cells(self, latitude: Floats, longitude: Floats) -> Ints:
        """Return the number of the place of each position; -1 in none."""


@dataclass(frozen=True)
class Grid:
    """A regular grid of latitudes and longitudes, counted from its south-western corner [degree].

    Examples
    --------
    >>> grid = Grid(south=30.0, west=110.0, rows=2, columns=3)
    >>> grid.cells(np.array([30.2, 31.9, 29.0]), np.array([110.1, 472.5, 111.0])).tolist()
    [0, 5, -1]
    """

    south: float
    west: float
    rows: int
    columns: int
    cell: float = 1.0

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return self.rows * self.columns

    @property
    def latitude(self) -> Floats:
        """Return the latitudes of the middles of the rows [degree]."""
        return np.asarray(self.south + self.cell * (np.arange(self.rows) + 0.5), np.float64)

    @property
    def longitude(self) -> Floats:
        """Return the longitudes of the middles of the columns [degree]."""
        return np.asarray(self.west + self.cell * (np.arange(self.columns) + 0.5), np.float64)

    def cells(self, latitude: Floats, longitude: Floats) -> Ints:
        """Return the number of the cell of each position, row by row; -1 outside or where it is NaN."""
        there = np.isfinite(latitude) & np.isfinite(longitude)
        rows = np.floor((np.where(there, latitude, -999.0) - self.south) / self.cell)
        columns = np.floor((np.where(there, longitude, 0.0) - self.west) % 360 / self.cell)
        inside = there & (rows >= 0) & (rows < self.rows) & (columns < self.columns)
        found: Ints = np.where(inside, rows * self.columns + columns, -1).astype(np.int64)
        return found

    def on_map(self, values: Floats) -> Floats:
        """Return values of the cells as (row, column)."""
        return values.reshape(self.rows, self.columns)


@dataclass(frozen=True)
class Residence:
    """Hours of arrivals over cells.

    Parameters
    ----------
    places : the cells
    times : (arrival,) instants of arrival [UTC, datetime64[ns]], ascending
    hours : (arrival, cell) mean of the arrival's paths [h]
    mixed : the same below the mixing height [h]; None where height or mixing height is unknown
    beyond : (arrival,) hours that were asked for and lie in no cell [h]
    """

    places: Places
    times: npt.NDArray[np.datetime64]
    hours: Floats
    mixed: Floats | None
    beyond: Floats

    def __len__(self) -> int:
        """Count the arrivals."""
        return len(self.times)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Residence:
        """Return some of the arrivals."""
        mixed = None if self.mixed is None else self.mixed[chosen]
        return Residence(self.places, self.times[chosen], self.hours[chosen], mixed, self.beyond[chosen])


def residence(paths: xr.Dataset, places: Places) -> Residence:
    """Return the hours of arrivals over cells; paths of one ``start_time`` are members of one arrival.

    Parameters
    ----------
    paths : TRAJECTORY_CONTRACT, backward
    places : cells of a grid, or regions

    Raises
    ------
    ContractError
        the paths run forward

    References
    ----------
    Ashbaugh, Malm and Sadeh (1985), https://doi.org/10.1016/0004-6981(85)90256-2: residence times.

    Examples
    --------
    >>> one = (("trajectory", "age"), np.array([[30.5, 30.6, 31.5]]))
    >>> paths = xr.Dataset(
    ...     {"latitude": one, "longitude": one, "height": one, "air_pressure": one,
    ...      "start_time": ("trajectory", np.array(["2025-01-01"], "M8[ns]")), "ended": ("trajectory", [""])},
    ...     {"age": [0.0, -1.0, -2.0]}, {"source": "X", "kind": "analysis", "world": "w", "method": "m"})
    >>> found = residence(paths, Grid(30.0, 30.0, 2, 2))
    >>> found.hours.tolist(), found.beyond.tolist()
    ([[1.0, 0.0, 0.0, 1.0]], [0.0])
    """
    check_trajectories(paths)
    age = paths["age"].to_numpy().astype(np.float64)
    if len(age) > 1 and age[1] > 0:
        raise ContractError("hours of residence come of paths back in time; these run forward")
    steps = np.concatenate([[0.0], -np.diff(age)])
    times, arrival = np.unique(paths["start_time"].to_numpy(), return_inverse=True)
    at = places.cells(paths["latitude"].to_numpy(), paths["longitude"].to_numpy())
    members = np.bincount(arrival, minlength=len(times))
    hours = _add_up(at, arrival, steps, len(times), places.size) / members[:, None]
    mixed = None
    if MIXING in paths and np.isfinite(paths[MIXING]).any():
        height, top = paths["height"].to_numpy(), paths[MIXING].to_numpy()
        with np.errstate(invalid="ignore"):
            below = np.where(height <= top, at, -1)
        mixed = _add_up(below, arrival, steps, len(times), places.size) / members[:, None]
    return Residence(places, times, hours, mixed, float(steps.sum()) - hours.sum(axis=1))


def joined(parts: list[Residence]) -> Residence:
    """Return the arrivals of several stretches, in order of time; ContractError where they overlap."""
    times = np.concatenate([p.times for p in parts])
    if (np.diff(times.astype("int64")) <= 0).any():
        raise ContractError("stretches of arrivals overlap or are out of order")
    mixed = [p.mixed for p in parts if p.mixed is not None]
    return Residence(
        parts[0].places,
        times,
        np.concatenate([p.hours for p in parts]),
        np.concatenate(mixed) if len(mixed) == len(parts) else None,
        np.concatenate([p.beyond for p in parts]),
    )


def _add_up(at: Ints, arrival: Ints, steps: Floats, arrivals: int, cells: int) -> Floats:
    there = at >= 0
    flat = np.where(there, arrival[:, None] * cells + at, 0)
    weights = np.where(there, steps[None, :], 0.0)
    sums = np.bincount(flat.ravel(), weights.ravel(), minlength=arrivals * cells)
    return sums.astype(np.float64).reshape(arrivals, cells)
