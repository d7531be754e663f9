"""From the values of many files to one table for the store: joined, sorted, each key once, flagged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.published.table import FileTable
from ingest.quality import FLAT_HOURS, STEP_LIMITS, flag_series, worst
from pipeline.names import QC_FAIL, QC_SUSPECT
from pipeline.observation_rows import Rows
from pipeline.times import NS_HOUR

MEMORY_HOURS: Final = 48
"""How far back the values before a chunk are looked at when its first ones are flagged [h]."""


@dataclass(frozen=True)
class Chunk:
    """Rows sorted by quantity, station and time, each key once, and what became of the others.

    ``held`` counts values by station that no list has; ``duplicates`` values replaced by a later one.
    """

    rows: Rows
    held: dict[str, int]
    duplicates: int

    def frame(self) -> pd.DataFrame:
        """Return the table of OBSERVATION_COLUMNS."""
        rows = self.rows
        return pd.DataFrame(
            {
                "station": pd.Categorical.from_codes(rows.station, pd.Index(rows.stations, dtype=object)),
                "quantity": pd.Categorical.from_codes(rows.quantity, pd.Index(rows.quantities, dtype=object)),
                "time": rows.time.view("datetime64[ns]"),
                "value": rows.value,
                "qc": rows.qc,
            }
        )

    def counted(self) -> dict[str, int]:
        """Return how many rows carry a flag of failed or suspect."""
        found = np.bincount(self.rows.qc, minlength=4)
        return {"failed": int(found[QC_FAIL]), "suspect": int(found[QC_SUSPECT])}

    def tail(self) -> Rows:
        """Return the rows of the last MEMORY_HOURS, against which the next chunk is flagged."""
        if not len(self.rows):
            return self.rows
        return self.rows.take(self.rows.time > int(self.rows.time.max()) - MEMORY_HOURS * NS_HOUR)


def chunk_of(tables: Sequence[FileTable], known: Collection[str], before: Rows | None) -> Chunk:
    r"""Join tables of one source; where a key occurs twice the later table wins.

    Parameters
    ----------
    known : stations whose values may be stored; the values of others are held back
    before : rows that came before, sorted by quantity, station and time: only used to judge the new ones

    Examples
    --------
    >>> from ingest.published.quotsoft import read
    >>> table = read(b"date,hour,type,1001A,1002A\n20190303,1,PM2.5,35,0\n", "a.csv")
    >>> chunk = chunk_of([table, table], {"cnemc:1001A"}, None)
    >>> chunk.frame()[["value", "qc"]].values.tolist(), chunk.held, chunk.duplicates
    ([[35.0, 0.0]], {'cnemc:1002A': 2}, 1)
    """
    rows = _joined(tables)
    held: dict[str, int] = {}
    unknown = np.array([name not in known for name in rows.stations], dtype=np.bool_)
    if unknown.any():
        counts = np.bincount(rows.station, minlength=len(rows.stations))
        held = {rows.stations[at]: int(counts[at]) for at in np.flatnonzero(unknown) if counts[at]}
        rows = rows.take(~unknown[rows.station])
    keys = rows.keys()
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    last = np.append(ordered[1:] != ordered[:-1], True)[: len(order)]
    duplicates = int(len(order) - np.count_nonzero(last))
    rows = rows.take(order if not duplicates else order[last])
    return Chunk(_flagged(rows, before), held, duplicates)


def rows_from(frame: pd.DataFrame) -> Rows:
    """Return stored observations (OBSERVATION_COLUMNS) as rows sorted by quantity, station and time."""
    station, stations = pd.factorize(frame["station"].astype(object), sort=True)
    quantity, quantities = pd.factorize(frame["quantity"].astype(object), sort=True)
    time = frame["time"].to_numpy().astype("datetime64[ns]").view(np.int64)
    value, qc = frame["value"].to_numpy("float64"), frame["qc"].to_numpy("int8")
    codes = station.astype(np.int32), quantity.astype(np.int32)
    rows = Rows(tuple(map(str, stations)), tuple(map(str, quantities)), *codes, time, value, qc)
    return rows.take(np.argsort(rows.keys(), kind="stable"))


def _joined(tables: Sequence[FileTable]) -> Rows:
    """Put the columns of tables one after the other, their names numbered alike."""
    stations = tuple(sorted({name for table in tables for name in table.stations}))
    quantities = tuple(sorted({name for table in tables for name in table.quantities}))
    where = {name: at for at, name in enumerate(stations)}
    station = [np.array([where[n] for n in t.stations], dtype=np.int32)[t.station] for t in tables]
    quantity = [
        np.array([quantities.index(n) for n in t.quantities], dtype=np.int32)[t.quantity] for t in tables
    ]
    return Rows(
        stations,
        quantities,
        np.concatenate(station),
        np.concatenate(quantity),
        np.concatenate([t.time for t in tables]),
        np.concatenate([t.value for t in tables]),
        np.concatenate([t.qc for t in tables]),
    )


def _flagged(rows: Rows, before: Rows | None) -> Rows:
    """Set the worse of the publisher's flags and our own; values before the first ones are looked at."""
    qc = rows.qc
    edges = np.searchsorted(rows.quantity, np.arange(len(rows.quantities) + 1))
    for at, quantity in enumerate(rows.quantities):
        part = slice(int(edges[at]), int(edges[at + 1]))
        found = _judged(quantity, rows.take(part), before)
        qc[part] = worst(qc[part], found)
    return rows


def _judged(quantity: str, rows: Rows, before: Rows | None) -> npt.NDArray[np.int8]:
    """Flag the rows of one quantity, with those of the hours before where the tests look back."""
    looks_back = quantity in STEP_LIMITS or quantity in FLAT_HOURS
    if before is None or not looks_back or quantity not in before.quantities or not len(rows):
        return flag_series(quantity, rows.value, rows.time.view("datetime64[ns]"), rows.station)
    old = before.take(before.quantity == before.quantities.index(quantity))
    where = {name: at for at, name in enumerate(rows.stations)}
    renumbered = np.array([where.get(name, -1) for name in before.stations], dtype=np.int32)[old.station]
    first = int(rows.time.min())
    use = (renumbered >= 0) & (old.time < first) & (old.time >= first - MEMORY_HOURS * NS_HOUR)
    station = np.concatenate([renumbered[use], rows.station])
    time = np.concatenate([old.time[use], rows.time])
    value = np.concatenate([old.value[use], rows.value])
    order = np.lexsort((time, station))
    flags = np.empty(len(order), dtype=np.int8)
    flags[order] = flag_series(quantity, value[order], time[order].view("datetime64[ns]"), station[order])
    return flags[int(use.sum()) :]
