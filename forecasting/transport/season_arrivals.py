"""All paths of a season to one city: where each arrival's paths stayed, and one path of each for grouping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.residence import Grid, Residence, joined, residence
from pipeline.errors import ContractError
from pipeline.regions import all_regions, region_index

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

EAST_ASIA: Final = Grid(south=19.5, west=79.5, rows=41, columns=66)
"""Cells of one degree, with whole degrees in their middle."""


class Regions:
    """The named regions as places that points of paths lie in."""

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(all_regions())

    def cells(self, latitude: Floats, longitude: Floats) -> Ints:
        """Return the number of the region of each position; -1 elsewhere."""
        return region_index(latitude, longitude)


@dataclass(frozen=True)
class Arrivals:
    """Paths to one city, one row for each arrival: hours over cells and regions, and one path for grouping.

    ``latitude`` and ``longitude`` (arrival, age) are those of the member in the middle; ``known`` (arrival,)
    is how long the arrival's paths were on average [h].
    """

    cells: Residence
    regions: Residence
    age: Floats
    latitude: Floats
    longitude: Floats
    known: Floats

    @property
    def times(self) -> Times:
        """Return the instants of arrival [UTC]."""
        return self.cells.times

    def take(self, chosen: npt.NDArray[np.bool_]) -> Arrivals:
        """Return some of the arrivals."""
        return Arrivals(
            self.cells.take(chosen),
            self.regions.take(chosen),
            self.age,
            self.latitude[chosen],
            self.longitude[chosen],
            self.known[chosen],
        )


def arrivals_of(paths: xr.Dataset) -> Arrivals:
    """Return the arrivals of paths back from one city; those of one ``start_time`` are one arrival's members.

    Raises
    ------
    ContractError
        the paths run forward
    """
    cells, regions = residence(paths, EAST_ASIA), residence(paths, Regions())
    members = np.unique(paths["start_time"].to_numpy(), return_counts=True)[1]
    order = np.argsort(paths["start_time"].to_numpy(), kind="stable")
    begin = np.concatenate([[0], np.cumsum(members)[:-1]])
    middle = order[begin + members // 2]
    latitude, longitude = (paths[name].to_numpy().astype(np.float64) for name in ("latitude", "longitude"))
    age = paths["age"].to_numpy().astype(np.float64)
    steps = np.where(np.isfinite(latitude), np.concatenate([[0.0], -np.diff(age)])[None, :], 0.0).sum(axis=1)
    known = np.add.reduceat(steps[order], begin) / members
    return Arrivals(cells, regions, age, latitude[middle], longitude[middle], known)


def all_arrivals(parts: list[Arrivals]) -> Arrivals:
    """Return the arrivals of successive stretches; ContractError where they overlap or differ in length."""
    if len({len(p.age) for p in parts}) != 1:
        raise ContractError("paths of one season must be asked for the same number of hours")
    return Arrivals(
        joined([p.cells for p in parts]),
        joined([p.regions for p in parts]),
        parts[0].age,
        np.concatenate([p.latitude for p in parts]),
        np.concatenate([p.longitude for p in parts]),
        np.concatenate([p.known for p in parts]),
    )
