"""Batch files: immutable Parquet, named by their content, written beside and renamed into place."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StorageError, UsageError
from pipeline.observation_rows import Rows

SMALL_ROWS = 20_000
"""Up to this size a file is not compressed: 720 small files then open in a third of the time."""

ROW_GROUP_ROWS = 50_000
COLUMNS = ("quantity", "station", "time", "value", "qc", "received_at")


@dataclass(frozen=True)
class Selection:
    """Which rows a reader wants: names (None: all) and interval ends in (start, end] [ns since 1970]."""

    stations: frozenset[str] | None = None
    quantities: frozenset[str] | None = None
    start: int | None = None
    end: int | None = None

    @classmethod
    def of(
        cls,
        stations: Collection[str] | None,
        quantities: Collection[str] | None,
        start: int | None,
        end: int | None,
    ) -> Selection:
        """Build a selection from any collections."""
        return cls(
            None if stations is None else frozenset(stations),
            None if quantities is None else frozenset(quantities),
            start,
            end,
        )


def partition(root: Path, world: str, source: str, month: str) -> Path:
    """Return the folder of one world, source and month; odd characters of a source are escaped.

    >>> partition(Path("obs"), "measured", "pm25/seoul", "2019-03").as_posix()
    'obs/measured/pm25%2Fseoul/2019-03'
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", world):
        raise UsageError(f"'{world}' is no name of a world; use small letters, digits and hyphens")
    if not source or len(source) > 200:
        raise UsageError("a source needs a name of 1 to 200 characters")
    folder = quote(source, safe=" ()+,")
    return root / world / (folder.replace(".", "%2E") if folder.startswith(".") else folder) / month


def write_batch(folder: Path, rows: Rows, notes: Mapping[str, str]) -> tuple[str, int]:
    """Write one batch file durably and return its id and size [bytes]; it is not yet listed.

    Parameters
    ----------
    folder : see :func:`partition`
    rows : sorted by quantity, station and time
    notes : what the file says of itself; among it the batch it follows, so that no two files are alike

    Raises
    ------
    StorageError
        the disk is full or refuses; nothing of the batch is left
    """
    content = _encode(rows, notes)
    batch_id = hashlib.sha256(content).hexdigest()
    beside = folder / f".{uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(folder / f"{batch_id}.parquet")
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot write observations under {folder}: {error}; free it, then repeat"
        ) from error
    return batch_id, len(content)


def sync_folders(folders: Collection[Path], root: Path) -> None:
    """Make renames and new folders durable, from each folder up to the root of the store."""
    chain = {parent for f in folders for parent in (f, *f.parents) if parent.is_relative_to(root)}
    try:
        for folder in sorted(chain, reverse=True):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise StorageError(
            f"cannot secure observations under {root}: {error}; free it, then repeat"
        ) from error


def read_batch(path: str, selection: Selection) -> pa.Table:
    """Read the row groups of a batch file that can hold wanted rows; the caller drops the rest.

    Raises
    ------
    FileNotFoundError
        compaction has replaced the file meanwhile, or it was lost
    StorageError
        the file is damaged
    """
    try:
        with pa.OSFile(path) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            if file.metadata.num_row_groups == 1:
                return file.read(use_threads=False)
            return file.read_row_groups(_row_groups(file.metadata, selection), use_threads=True)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"the batch {path} is damaged ({error}); restore it from a backup") from error


def _row_groups(metadata: pq.FileMetaData, selection: Selection) -> list[int]:
    """Return the row groups whose names may occur in the selection."""
    wanted = (
        (COLUMNS.index("quantity"), selection.quantities),
        (COLUMNS.index("station"), selection.stations),
    )
    keep = []
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        if all(_may_hold(columns.column(at).statistics, names) for at, names in wanted if names is not None):
            keep.append(group)
    return keep


def _may_hold(statistics: pq.Statistics, names: frozenset[str]) -> bool:
    """Tell whether one of the names lies between the least and the greatest of a column."""
    if statistics is None or not statistics.has_min_max:
        return True
    low, high = statistics.min, statistics.max
    return any(low <= name <= high for name in names)


def _encode(rows: Rows, notes: Mapping[str, str]) -> bytes:
    """Write rows as Parquet in memory."""
    columns = {
        "quantity": pa.DictionaryArray.from_arrays(pa.array(rows.quantity), list(rows.quantities)),
        "station": pa.DictionaryArray.from_arrays(pa.array(rows.station), list(rows.stations)),
        "time": pa.array(rows.time.view("datetime64[ns]")),
        "value": pa.array(rows.value),
        "qc": pa.array(rows.qc),
    }
    if rows.received is not None:
        columns["received_at"] = pa.array(rows.received.view("datetime64[ns]"))
    table = pa.table(columns).replace_schema_metadata(dict(notes))
    small = len(rows) <= SMALL_ROWS
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="none" if small else "zstd",
        use_dictionary=["quantity", "station"] if small else ["quantity", "station", "value", "qc"],
        write_statistics=["quantity", "station"],
        row_group_size=SMALL_ROWS if small else ROW_GROUP_ROWS,
    )
    return bytes(sink.getvalue())
