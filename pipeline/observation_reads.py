"""Reading batches: every version of what is wanted, with the instant at which it became known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.batches import Selection, partition_key, read_batch
from pipeline.ledger.batches import Batch
from pipeline.observation_rows import NS, Codes, Integers, Rows, newest, version_order
from pipeline.storage.folder import Folder
from pipeline.times import to_ns

_FILE_COLUMNS = ["quantity", "station", "time", "value", "qc"]
_STRINGS = pd.StringDtype("pyarrow", na_value=np.nan)


@dataclass(frozen=True)
class Versions:
    """Rows in no order, each with ``received``, and the position of its source in ``sources``."""

    rows: Rows
    source: Codes
    sources: tuple[str, ...]

    def in_order(self, *, as_of: int | None = None) -> Versions:
        """Sort by station, quantity, time and receipt; as of an instant, keep only the newest of each."""
        keys = self.rows.keys(by_station=True)
        order = version_order(keys, received_of(self.rows), self.source)
        if as_of is not None:
            order = newest(order, keys)
            order = order[np.isfinite(self.rows.value[order])]
        return Versions(self.rows.take(order), self.source[order], self.sources)

    def frame(self, *, versions: bool) -> pd.DataFrame:
        """Return the table of OBSERVATION_COLUMNS, or of VERSION_COLUMNS."""
        rows = self.rows
        columns: dict[str, Any] = {
            "station": _names(rows.stations, rows.station),
            "quantity": _names(rows.quantities, rows.quantity),
            "time": rows.time.view("datetime64[ns]"),
            "value": rows.value,
            "qc": rows.qc,
        }
        if versions:
            columns["received_at"] = received_of(rows).view("datetime64[ns]")
            columns["source"] = _names(self.sources, self.source)
        return pd.DataFrame(columns)


def load_versions(
    files: Folder, listed: Sequence[Batch], selection: Selection, as_of: int | None = None
) -> Versions:
    """Read the versions that a selection wants from listed batches.

    Parameters
    ----------
    as_of : leave out what was received later [ns since 1970]

    Raises
    ------
    FileNotFoundError
        a file is gone: compaction has replaced it after the list was read
    StorageError
        a file is damaged
    """
    wanted = [
        b for b in listed if selection.quantities is None or not selection.quantities.isdisjoint(b.quantities)
    ]
    sources = tuple(sorted({batch.source for batch in wanted}))
    tables, received, source = [], [], []
    folders = {(b.source, b.month): partition_key(b.world, b.source, b.month) for b in wanted}

    def table_of(batch: Batch) -> pa.Table:
        key = f"{folders[batch.source, batch.month]}/{batch.id}.parquet"
        return read_batch(files, key, batch.bytes, selection)

    for batch, table in zip(wanted, files.each(table_of, wanted), strict=True):
        received.append(_received(batch, table))
        source.append(np.full(len(table), sources.index(batch.source), dtype=np.int32))
        tables.append(table.select(_FILE_COLUMNS))
    rows = _joined(tables, received)
    mask = _wanted(rows, selection, as_of)
    origin = np.concatenate(source) if source else np.empty(0, dtype=np.int32)
    return Versions(rows if mask.all() else rows.take(mask), origin[mask], sources)


def summary_of(listed: Sequence[Batch]) -> pd.DataFrame:
    """Return versions stored, first and last interval end by source and quantity."""
    cells = [(b.source, quantity, *cell) for b in listed for quantity, cell in b.quantities.items()]
    table = pd.DataFrame(cells, columns=["source", "quantity", "rows", "first", "last"])
    found = table.groupby(["source", "quantity"], as_index=False).agg(
        rows=("rows", "sum"), first=("first", "min"), last=("last", "max")
    )
    for column in ("first", "last"):
        found[column] = pd.to_datetime(found[column].astype("int64"), unit="s").astype("datetime64[ns]")
    return found


def received_of(rows: Rows) -> Integers:
    """Return when each row became known [ns]; rows that were read from batches always say."""
    if rows.received is None:
        raise ValueError("these rows carry no receipt times")
    return rows.received


def ns(instant: Any) -> int:
    """Return an aware datetime as ns since 1970."""
    return int(to_ns(instant).astype(np.int64))


def _received(batch: Batch, table: pa.Table) -> Integers:
    """Return the effective receipt of each row: the latest of those that apply (see Batch)."""
    floor = ns(batch.received_at) if batch.received_at is not None else np.iinfo(np.int64).min
    received: Integers = np.full(len(table), floor, dtype=np.int64)
    if batch.delay_seconds is not None:
        received = np.maximum(received, _integers(table.column("time")) + batch.delay_seconds * NS)
    if "received_at" in table.column_names:
        received = np.maximum(received, _integers(table.column("received_at")))
    return received


def _integers(column: pa.ChunkedArray) -> Integers:
    """Return a time column as ns since 1970."""
    integers: Integers = column.to_numpy().astype("datetime64[ns]").view(np.int64)
    return integers


def _joined(tables: Sequence[pa.Table], received: Sequence[Integers]) -> Rows:
    """Put tables of batches one after the other, with names numbered by their sorted order."""
    if not tables:
        none = np.empty(0, dtype=np.int32)
        empty = np.empty(0, dtype=np.int64)
        return Rows((), (), none, none, empty, np.empty(0), np.empty(0, dtype=np.int8), empty)
    whole = pa.concat_tables([table.replace_schema_metadata(None) for table in tables]).unify_dictionaries()
    stations, station = _coded(whole.column("station"))
    quantities, quantity = _coded(whole.column("quantity"))
    value, qc = whole.column("value").to_numpy(), whole.column("qc").to_numpy()
    time = _integers(whole.column("time"))
    return Rows(stations, quantities, station, quantity, time, value, qc, np.concatenate(received))


def _coded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Codes]:
    """Return the sorted names of a dictionary column and each row's position among them."""
    array = column.combine_chunks()
    names = np.array(array.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names)
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return tuple(names[order]), rank[array.indices.to_numpy()] if len(names) else rank


def _wanted(rows: Rows, selection: Selection, as_of: int | None) -> npt.NDArray[np.bool_]:
    """Return which rows the selection and the instant want."""
    mask = np.ones(len(rows), dtype=np.bool_)
    for names, codes, chosen in (
        (rows.stations, rows.station, selection.stations),
        (rows.quantities, rows.quantity, selection.quantities),
    ):
        if chosen is not None:
            mask &= np.array([name in chosen for name in names], dtype=np.bool_)[codes]
    if selection.start is not None:
        mask &= rows.time > selection.start
    if selection.end is not None:
        mask &= rows.time <= selection.end
    if as_of is not None:
        mask &= received_of(rows) <= as_of
    return mask


def _names(names: tuple[str, ...], codes: Codes) -> Any:
    """Return positions among names as a column of strings."""
    column = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.large_string()))
    return pd.array(column.cast(pa.large_string()), dtype=_STRINGS)
