"""Observations as columns of numbers: the form in which they are sorted, compared, digested and stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ContractError

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

NS = 1_000_000_000
_TIME_BITS, _TIME_ZERO = 34, 2**33
_MONTH_SECONDS_BITS, _GROUP_BITS = 22, 29


@dataclass(frozen=True)
class Rows:
    """Columns of equal length; ``station`` and ``quantity`` count into the tuples of names.

    Parameters
    ----------
    stations, quantities : names, sorted
    station, quantity : (n,) positions in the names
    time : (n,) interval ends [ns since 1970, UTC], whole seconds
    value : (n,) in the unit of the quantity; NaN withdraws
    qc : (n,) flags of pipeline.names
    received : (n,) [ns since 1970, UTC], or None where the batch says it
    """

    stations: tuple[str, ...]
    quantities: tuple[str, ...]
    station: Codes
    quantity: Codes
    time: Integers
    value: npt.NDArray[np.float64]
    qc: npt.NDArray[np.int8]
    received: Integers | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.time)

    def take(self, which: Any) -> Rows:
        """Return the rows of a mask, slice or index; the names stay as they are."""
        return replace(
            self,
            station=self.station[which],
            quantity=self.quantity[which],
            time=self.time[which],
            value=self.value[which],
            qc=self.qc[which],
            received=None if self.received is None else self.received[which],
        )

    def keys(self, *, by_station: bool = False) -> Integers:
        """Return one number per row that orders by quantity, station, time, or by station first.

        Holds for the years 1697 to 2242.
        """
        if by_station:
            group = self.station.astype(np.int64) * len(self.quantities) + self.quantity
        else:
            group = self.quantity.astype(np.int64) * len(self.stations) + self.station
        return (group << _TIME_BITS) + (self.time // NS + _TIME_ZERO)

    def compressed(self) -> Rows:
        """Return the same rows with only the names that occur."""
        stations, station = _used(self.stations, self.station)
        quantities, quantity = _used(self.quantities, self.quantity)
        return replace(self, stations=stations, station=station, quantities=quantities, quantity=quantity)

    def digest(self) -> str:
        """Return SHA-256 of the content, the same however the names were numbered."""
        rows = self.compressed()
        digest = hashlib.sha256(json.dumps([rows.stations, rows.quantities]).encode())
        for column in (rows.station, rows.quantity, rows.time, rows.value, rows.qc):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def by_quantity(self) -> dict[str, list[int]]:
        """Return rows, first and last interval end [s since 1970] of each quantity."""
        out = {}
        for code, name in enumerate(self.quantities):
            time = self.time[self.quantity == code]
            if len(time):
                out[name] = [len(time), int(time.min() // NS), int(time.max() // NS)]
        return out


def split_by_month(frame: pd.DataFrame) -> Iterator[tuple[str, Rows]]:
    """Cut a checked table of observations into months (UTC), each sorted by quantity, station and time.

    Where a key occurs twice the last row counts.

    Raises
    ------
    ContractError
        an interval end is not a whole second

    Examples
    --------
    >>> frame = pd.DataFrame({"station": "a:1", "quantity": "pm2p5", "value": [1.0, 2.0, 3.0],
    ...     "qc": np.int8(0), "time": np.array(["2020-01-31T23", "2020-02-01", "2020-02-01"], "M8[ns]")})
    >>> [(month, rows.value.tolist()) for month, rows in split_by_month(frame)]
    [('2020-01', [1.0]), ('2020-02', [3.0])]
    """
    if not len(frame):
        return
    stations, station = _coded(frame["station"])
    quantities, quantity = _coded(frame["quantity"])
    time = frame["time"].to_numpy().view(np.int64)
    if (time % NS).any():
        raise ContractError("observations.time holds fractions of a second; interval ends are whole seconds")
    value, qc = frame["value"].to_numpy(), frame["qc"].to_numpy().astype(np.int8, copy=False)
    rows = Rows(stations, quantities, station, quantity, time, value, qc)
    month = time.view("datetime64[ns]").astype("datetime64[M]")
    first = month.min()
    order, month_of = _month_order(rows, (month - first).astype(np.int64), first)
    rows = rows.take(order)
    edges = np.flatnonzero(np.diff(month_of, prepend=-1, append=-1))
    for low, high in pairwise(edges):
        yield str(first + month_of[low]), rows.take(slice(low, high)).compressed()


def _month_order(rows: Rows, month: Integers, first: np.datetime64) -> tuple[npt.NDArray[np.intp], Integers]:
    """Return the order by month, quantity, station, time without repeated keys, and the months in it."""
    groups = len(rows.stations) * len(rows.quantities)
    if groups >= 1 << _GROUP_BITS or month.max() >= 1 << (63 - _GROUP_BITS - _MONTH_SECONDS_BITS):
        raise ContractError("one append holds too many stations or months; give it in pieces")
    starts = (first + np.arange(month.max() + 1)).astype("datetime64[s]").astype(np.int64)
    group = rows.quantity.astype(np.int64) * len(rows.stations) + rows.station
    packed = (month << (_GROUP_BITS + _MONTH_SECONDS_BITS)) + (group << _MONTH_SECONDS_BITS)
    packed += rows.time // NS - starts[month]
    order = np.argsort(packed)
    ordered = packed[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.argsort(packed, kind="stable")
        order = order[np.append(ordered[1:] != ordered[:-1], True)]
    return order, month[order]


def align(rows: Rows, stored: Rows) -> tuple[Mask, Rows]:
    """Find the newest stored version of each row.

    Parameters
    ----------
    rows : sorted by key, each key once
    stored : any versions, with ``received``

    Returns
    -------
    which rows are stored, and (for those; other rows hold anything) the newest stored version
    """
    recoded = _recoded(stored, rows)
    if recoded.received is None or not len(recoded) or not len(rows):
        return np.zeros(len(rows), dtype=np.bool_), rows
    recoded = recoded.take(np.argsort(recoded.received, kind="stable"))
    keys, wanted = rows.keys(), recoded.keys()
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    hit = keys[at] == wanted
    # Where a position repeats, the last assignment stays: the newest version.
    position = np.full(len(rows), -1, dtype=np.int64)
    position[at[hit]] = np.flatnonzero(hit)
    there = position >= 0
    return there, recoded.take(np.maximum(position, 0))


def newest(order: npt.NDArray[np.intp], keys: Integers) -> npt.NDArray[np.intp]:
    """Keep the last entry of each key in an order that sorts by key and then by age."""
    ordered = keys[order]
    last: npt.NDArray[np.intp] = order[np.append(ordered[1:] != ordered[:-1], True)[: len(order)]]
    return last


def version_order(keys: Integers, received: Integers, source: Codes) -> npt.NDArray[np.intp]:
    """Order by key, then receipt, then source; quick where few keys repeat."""
    order = np.argsort(keys)
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    if same.any():
        repeated = np.append(same, False) | np.append(False, same)
        some = order[repeated]
        order[repeated] = some[np.lexsort((source[some], received[some], keys[some]))]
    return order


def _coded(column: pd.Series[Any]) -> tuple[tuple[str, ...], Codes]:
    """Return the sorted names of a column, plain or categorical, and each row's position among them."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, names = column.cat.codes.to_numpy(), list(column.cat.categories)
    else:
        codes, found = pd.factorize(column)
        names = list(found)
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return tuple(str(names[i]) for i in order), rank[codes]


def _used(names: tuple[str, ...], codes: Codes) -> tuple[tuple[str, ...], Codes]:
    """Drop names that do not occur and renumber."""
    occurs = np.bincount(codes, minlength=len(names)) > 0
    if occurs.all():
        return names, codes
    rank = (np.cumsum(occurs) - 1).astype(np.int32)
    return tuple(n for n, there in zip(names, occurs, strict=True) if there), rank[codes]


def _recoded(stored: Rows, like: Rows) -> Rows:
    """Renumber stored rows by the names of others; rows whose names do not occur there are dropped."""
    station = _positions(stored.stations, like.stations)[stored.station]
    quantity = _positions(stored.quantities, like.quantities)[stored.quantity]
    known = (station >= 0) & (quantity >= 0)
    recoded = replace(
        stored, stations=like.stations, station=station, quantities=like.quantities, quantity=quantity
    )
    return recoded.take(known)


def _positions(names: tuple[str, ...], among: tuple[str, ...]) -> Codes:
    """Return where each name stands among others, or -1."""
    index = {name: i for i, name in enumerate(among)}
    return np.array([index.get(name, -1) for name in names], dtype=np.int32)
