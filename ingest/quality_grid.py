"""Rows of hourly observations as matrices of consecutive hours by stations, and flags back to rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.times import NS_HOUR

BREAK_HOURS: Final = 48
"""Where nobody has a value for so long, a new matrix begins: no test remembers longer."""


@dataclass(frozen=True)
class Grid:
    """Consecutive hours of one quantity.

    Parameters
    ----------
    values : (hours, stations), NaN where there is no row
    first : the first interval end [hours since 1970]
    stations : ids of the columns, sorted
    rows : (n,) positions in the table of the rows that are in this matrix
    hour, station : (n,) where each of them stands
    """

    values: npt.NDArray[np.float64]
    first: int
    stations: tuple[str, ...]
    rows: npt.NDArray[np.intp]
    hour: npt.NDArray[np.int64]
    station: npt.NDArray[np.intp]

    def of_rows(self, matrix: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Return the entries of a matrix of the same shape that belong to ``rows``."""
        return matrix[self.hour, self.station]


def as_grids(part: pd.DataFrame, stations: pd.DataFrame) -> list[Grid]:
    """Return the hourly rows of one quantity as matrices, in the order of time.

    Rows that are not at a full hour, or of stations with longer intervals, are in none of them.

    Parameters
    ----------
    part : rows of OBSERVATION_COLUMNS of one quantity, each key once
    stations : STATION_COLUMNS

    Examples
    --------
    >>> from pipeline.schema import STATION_COLUMNS
    >>> part = pd.DataFrame({"station": ["a:2", "a:1", "a:1"], "value": [1.0, 2.0, 3.0],
    ...     "time": np.array(["2020-01-01T01", "2020-01-01T02", "2020-02-01"], "M8[ns]")})
    >>> [g.values.tolist() for g in as_grids(part, pd.DataFrame(columns=list(STATION_COLUMNS)))]
    [[[nan, 1.0], [2.0, nan]], [[3.0]]]
    """
    stamps = part["time"].to_numpy().astype("datetime64[ns]").view(np.int64)
    codes, names = pd.factorize(part["station"], sort=True)
    slow = set(stations.loc[stations["interval_hours"] > 1, "station"])
    hourly = np.array([str(name) not in slow for name in names], np.bool_)
    use = np.flatnonzero((stamps % NS_HOUR == 0) & hourly[codes]) if len(part) else np.empty(0, np.intp)
    hours = stamps[use] // NS_HOUR
    there = np.unique(hours)
    edges = there[1:][np.diff(there) > BREAK_HOURS]
    block = np.searchsorted(edges, hours, side="right")
    values = part["value"].to_numpy("float64")
    return [
        _grid(use[block == b], stamps, codes, names, values) for b in range(len(edges) + (len(there) > 0))
    ]


def as_matrix(
    part: pd.DataFrame, names: Sequence[str], end: np.datetime64, hours: int
) -> npt.NDArray[np.float64]:
    """Return rows of one quantity as (hours, stations) up to an interval end, NaN where there is none.

    Parameters
    ----------
    part : rows with station, time and value, each key once; those not at a full hour are left out
    names : stations of the columns
    end : last interval end, a full hour

    Examples
    --------
    >>> time = np.array(["2020-01-01T02"], "M8[ns]")
    >>> part = pd.DataFrame({"station": ["a:1"], "value": [2.0], "time": time})
    >>> as_matrix(part, ["a:1", "a:2"], np.datetime64("2020-01-01T03"), 2).tolist()
    [[2.0, nan], [nan, nan]]
    """
    stamps = part["time"].to_numpy().astype("datetime64[ns]").view(np.int64)
    last = int(end.astype("datetime64[ns]").astype(np.int64)) // NS_HOUR
    row = stamps // NS_HOUR - (last - hours + 1)
    column = pd.Index(names).get_indexer(pd.Index(part["station"]))
    use = (stamps % NS_HOUR == 0) & (row >= 0) & (row < hours) & (column >= 0)
    out = np.full((hours, len(names)), np.nan)
    out[row[use], column[use]] = part["value"].to_numpy("float64")[use]
    return out


def _grid(
    rows: npt.NDArray[np.intp],
    stamps: npt.NDArray[np.int64],
    codes: npt.NDArray[np.intp],
    names: pd.Index[str],
    values: npt.NDArray[np.float64],
) -> Grid:
    hour = stamps[rows] // NS_HOUR
    used, column = np.unique(codes[rows], return_inverse=True)
    first = int(hour.min())
    matrix = np.full((int(hour.max()) - first + 1, len(used)), np.nan)
    matrix[hour - first, column] = values[rows]
    return Grid(matrix, first, tuple(str(names[c]) for c in used), rows, hour - first, column)
