"""What a station's neighbours measure in the same hour: the ground on which a plume is told from a fault."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Matrix = npt.NDArray[np.float64]

REACH_KM: Final = 60.0
"""Neighbours lie within this distance: beyond it a plume or a dust front may arrive hours later [km]."""
APART_KM: Final = 0.5
"""Nearer ones are the same instrument under another id, or its spare: no second opinion [km]."""
MOST: Final = 12
"""At most so many neighbours are asked, the nearest ones."""
EARTH_KM: Final = 6371.0
_ROWS: Final = 400


@dataclass(frozen=True)
class Near:
    """The neighbours of n stations: ``index`` (n, k) positions, in no order; ``there`` (n, k) if any."""

    index: npt.NDArray[np.intp]
    there: npt.NDArray[np.bool_]


class Around(NamedTuple):
    """Median and highest value of the neighbours, (hours, stations); NaN where no neighbour has a value."""

    median: Matrix
    highest: Matrix


def closeness(latitude: Matrix, longitude: Matrix) -> Matrix:
    """Return the cosine of the angle between all places seen from the Earth's centre; NaN where unknown.

    >>> angle = np.degrees(np.arccos(closeness(np.array([37.0, 38.0]), np.array([127.0, 127.0]))[0, 1]))
    >>> float(angle.round(6))
    1.0
    """
    lat, lon = np.radians(latitude), np.radians(longitude)
    place = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    out: Matrix = place.T @ place
    return out


def network_of(station: str) -> str:
    """Return the network of a station id.

    >>> network_of("cnemc:1001A")
    'cnemc'
    """
    return station.partition(":")[0]


def find_near(stations: pd.DataFrame, names: Sequence[str], reach_km: float = REACH_KM) -> Near:
    """Find the neighbours of stations: the same network, within reach, not the same place.

    Another network may publish the same instrument under another id, so its values are no second opinion.

    Parameters
    ----------
    stations : STATION_COLUMNS; stations without coordinates have no neighbours
    names : the n station ids, in the order of the columns of the matrices to be judged

    Examples
    --------
    >>> from pipeline.schema import STATION_COLUMNS
    >>> table = pd.DataFrame({"station": ["a:1", "a:2", "b:3"], "latitude": [37.0, 37.1, 37.2],
    ...     "longitude": 127.0}).reindex(columns=list(STATION_COLUMNS))
    >>> near = find_near(table, ["a:1", "a:2", "b:3"])
    >>> near.there.any(axis=1).tolist(), near.index[0][near.there[0]].tolist()
    ([True, True, False], [1])
    """
    known = stations.drop_duplicates("station", keep="last").set_index("station")
    place = known[["latitude", "longitude"]].reindex(list(names)).to_numpy("float64")
    if not len(names):
        return Near(np.zeros((0, 1), np.intp), np.zeros((0, 1), np.bool_))
    close = closeness(place[:, 0], place[:, 1])
    network = np.unique([network_of(name) for name in names], return_inverse=True)[1]
    with np.errstate(invalid="ignore"):
        usable = (close <= math.cos(APART_KM / EARTH_KM)) & (close >= math.cos(reach_km / EARTH_KM))
    close = np.where(usable & (network[:, None] == network), close, -np.inf)
    order = np.argpartition(-close, min(MOST, len(names)) - 1, axis=1)[:, :MOST]
    return Near(order, np.isfinite(np.take_along_axis(close, order, axis=1)))


def around(values: Matrix, near: Near) -> Around:
    """Return what the neighbours say in every hour.

    >>> near = Near(np.array([[1, 2], [0, 2], [0, 1]]), np.ones((3, 2), bool))
    >>> around(np.array([[10.0, 20.0, np.nan]]), near)
    Around(median=array([[20., 10., 15.]]), highest=array([[20., 10., 20.]]))
    """
    median, highest = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for low in range(0, len(values), _ROWS):
        part = values[low : low + _ROWS]
        asked = np.where(near.there.T[:, None, :], part[:, near.index.T].transpose(1, 0, 2), np.nan)
        median[low : low + _ROWS], highest[low : low + _ROWS] = middle(asked)
    return Around(median, highest)


def middle(stack: npt.NDArray[np.float64], least: int = 1) -> tuple[Matrix, Matrix]:
    """Return median and maximum along the first axis, NaN where fewer than ``least`` values are there.

    >>> [m.tolist() for m in middle(np.array([[1.0, np.nan], [3.0, 2.0], [9.0, np.nan]]))]
    [[3.0, 2.0], [9.0, 2.0]]
    """
    ordered = np.sort(stack, axis=0)
    count = np.isfinite(ordered).sum(axis=0)[None]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(ordered) - 1), axis=0)[0]
    top = np.take_along_axis(ordered, np.maximum(count - 1, 0), axis=0)[0]
    enough = count[0] >= least
    return np.where(enough, (low + high) / 2, np.nan), np.where(enough, top, np.nan)
