"""Batch files: immutable Parquet, named by their content; each appears whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StorageError, UsageError
from pipeline.observation_rows import Rows
from pipeline.storage.folder import Folder

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
    return root / partition_key(world, source, month)


def partition_key(world: str, source: str, month: str) -> str:
    """Return what the keys of one world, source and month begin with, without the last slash.

    Raises
    ------
    UsageError
        a name that cannot be one

    Examples
    --------
    >>> partition_key("measured", "pm25/seoul", "2019-03")
    'measured/pm25%2Fseoul/2019-03'
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", world):
        raise UsageError(f"'{world}' is no name of a world; use small letters, digits and hyphens")
    if not source or len(source) > 200:
        raise UsageError("a source needs a name of 1 to 200 characters")
    folder = quote(source, safe=" ()+,")
    return f"{world}/{folder.replace('.', '%2E') if folder.startswith('.') else folder}/{month}"


def write_batch(files: Folder, folder: str, rows: Rows, notes: Mapping[str, str]) -> tuple[str, int]:
    """Put one batch file and return its id and size [bytes]; it is not yet listed.

    Parameters
    ----------
    folder : see :func:`partition_key`
    rows : sorted by quantity, station and time
    notes : what the file says of itself; among it the batch it follows, so that no two files are alike

    Raises
    ------
    StorageError
        the disk or the server refuses; nothing of the batch is left
    """
    content = _encode(rows, notes)
    batch_id = hashlib.sha256(content).hexdigest()
    files.put(f"{folder}/{batch_id}.parquet", content)
    return batch_id, len(content)


def read_batch(files: Folder, key: str, size: int, selection: Selection) -> pa.Table:
    """Read the row groups of a batch file that can hold wanted rows; the caller drops the rest.

    Parameters
    ----------
    size : of the file, as it is listed [bytes]

    Raises
    ------
    FileNotFoundError
        compaction has replaced the file meanwhile, or it was lost
    StorageError
        the file is damaged, or the server does not answer
    """
    try:
        with files.opened(key, size) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            if file.metadata.num_row_groups == 1:
                return file.read(use_threads=False)
            return file.read_row_groups(_row_groups(file.metadata, selection), use_threads=True)
    except (FileNotFoundError, StorageError):
        raise
    except (OSError, pa.ArrowException) as error:
        raise StorageError(
            f"the batch {files.shown(key)} is damaged ({error}); restore it from a backup"
        ) from error


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
