"""Import of the measured archives: every known table of a folder into the observation store.

Archive values count as received one hour after their interval end (``ASSUMED_DELAY``), which the store marks
as assumed. A file that cannot be read is reported and the rest is imported; importing again adds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd

from ingest.archive_stations import Station, merge, read_stations, stations_of
from ingest.archive_tables import ArchiveTable, frames, read_table
from pipeline.errors import BadPayload, UsageError
from pipeline.names import MEASURED, QC_FAIL, QC_NOT_EVALUATED, QC_SUSPECT

ASSUMED_DELAY: Final = timedelta(hours=1)
MOST_ROWS: Final = 3_000_000
"""Rows of one append: some 60 MB in memory."""

STATION_SOURCE: Final = "archive-stations"

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes done and the bytes of all tables."""


class Store(Protocol):
    """What the import needs of the observation store."""

    def append(
        self, rows: pd.DataFrame, *, source: str, world: str, assumed_delay: timedelta | None = None
    ) -> Any:
        """Store rows; the answer has ``rows_written``."""

    def append_stations(self, stations: pd.DataFrame, *, source: str, world: str) -> int:
        """Store stations; the answer is how many were new or changed."""

    def stations(self, world: str) -> pd.DataFrame:
        """Return the newest row of each station."""


@dataclass(frozen=True)
class FileReport:
    """What became of one table: ``cells`` = values + bookkeeping + duplicates + dropped.

    ``bookkeeping`` are numeric cells that measure nothing (station numbers, counts), ``duplicates`` values
    replaced by a later one of the same station and time, ``dropped`` values without a time or off the
    3-hourly grid. ``failed``, ``suspect`` and ``not_evaluated`` were stored with that flag.
    """

    file: str
    source: str
    cells: int
    values: int
    written: int
    bookkeeping: int = 0
    duplicates: int = 0
    dropped: int = 0
    failed: int = 0
    suspect: int = 0
    not_evaluated: int = 0
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A file that was not imported; ``error`` is set if it should have been."""

    file: str
    reason: str
    error: BadPayload | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ImportReport:
    """What an import did, file by file; file names are relative to ``folder``."""

    folder: str
    files: tuple[FileReport, ...]
    skipped: tuple[Skipped, ...]
    stations_written: int
    seconds: float

    @property
    def cells(self) -> int:
        """Return the number of numeric cells found in all tables."""
        return sum(f.cells for f in self.files)

    @property
    def values(self) -> int:
        """Return the number of values offered to the store."""
        return sum(f.values for f in self.files)

    @property
    def written(self) -> int:
        """Return the number of values that the store did not hold yet."""
        return sum(f.written for f in self.files)

    @property
    def damaged(self) -> tuple[Skipped, ...]:
        """Return the files of a known layout that could not be read."""
        return tuple(s for s in self.skipped if s.error is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines (JSON)."""
        return {
            "folder": self.folder,
            "files": [asdict(f) for f in self.files],
            "skipped": [{"file": s.file, "reason": s.reason, "damaged": bool(s.error)} for s in self.skipped],
            "cells": self.cells,
            "values": self.values,
            "written": self.written,
            "stations_written": self.stations_written,
            "seconds": round(self.seconds, 2),
        }


def import_archive(
    folder: Path, store: Store, *, world: str = MEASURED, progress: Progress | None = None
) -> ImportReport:
    """Load every known table and station list under a folder into the store.

    Parameters
    ----------
    folder : holds parquet tables named as in ingest.archive_layouts and station lists, at any depth
    store : receives long tables of OBSERVATION_COLUMNS in chunks of at most MOST_ROWS
    world : the world to which the values belong

    Raises
    ------
    UsageError
        the folder does not exist, or holds neither tables nor station lists
    """
    started = time.perf_counter()
    tables, lists = _contents(folder)
    meter = _Meter(progress, sum(p.stat().st_size for p in tables))
    files: list[FileReport] = []
    skipped: list[Skipped] = []
    listed = _read_lists(lists, folder, skipped)
    seen: list[Station] = []
    for path in tables:
        name = str(path.relative_to(folder))
        try:
            table = read_table(path)
        except BadPayload as error:
            skipped.append(Skipped(name, str(error), error))
        else:
            if table is None:
                skipped.append(Skipped(name, "no known archive table; see ingest/archive_layouts.py"))
            else:
                seen += stations_of(table)
                files.append(_store_table(table, name, path.stem, store, world, meter.of(path)))
        meter.finish(path)
    written = _store_stations(listed, seen, store, world)
    return ImportReport(str(folder), tuple(files), tuple(skipped), written, time.perf_counter() - started)


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the folder that holds pm25/, met/ and stations/")
    tables = sorted(p for p in folder.rglob("*.parquet") if p.is_file())
    lists = sorted(p for p in folder.rglob("*stations.csv") if p.is_file())
    if not tables and not lists:
        raise UsageError(f"{folder} holds no parquet tables; give the folder that holds pm25/ and met/")
    return tables, lists


def _read_lists(lists: Sequence[Path], folder: Path, skipped: list[Skipped]) -> list[Station]:
    listed: list[Station] = []
    for path in lists:
        name = str(path.relative_to(folder))
        try:
            stations = read_stations(path)
        except BadPayload as error:
            skipped.append(Skipped(name, str(error), error))
            continue
        if stations is None:
            skipped.append(Skipped(name, "no known station list; see ingest/archive_stations.py"))
        listed += stations or []
    return listed


def _store_table(
    table: ArchiveTable, name: str, stem: str, store: Store, world: str, advance: Callable[[float], None]
) -> FileReport:
    source, written, done, values = f"archive-{stem}", 0, 0, table.values
    report = FileReport(
        name,
        source,
        table.cells,
        values,
        0,
        table.bookkeeping,
        table.duplicates,
        table.dropped,
        table.flagged(QC_FAIL),
        table.flagged(QC_SUSPECT),
        table.flagged(QC_NOT_EVALUATED),
        table.ignored,
    )
    for rows in frames(table, MOST_ROWS):
        added = store.append(rows, source=source, world=world, assumed_delay=ASSUMED_DELAY)
        written += int(added.rows_written)
        done += len(rows)
        advance(done / values)
    return FileReport(**{**report.__dict__, "written": written})


def _store_stations(listed: Sequence[Station], seen: Sequence[Station], store: Store, world: str) -> int:
    table = merge(listed, seen, store.stations(world))
    return store.append_stations(table, source=STATION_SOURCE, world=world) if len(table) else 0


class _Meter:
    """Progress in bytes of all tables, told after every chunk."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def of(self, path: Path) -> Callable[[float], None]:
        """Return a function that tells which share of a file is done."""
        size = path.stat().st_size

        def advance(share: float) -> None:
            if self._progress is not None:
                self._progress(path.name, self._done + int(share * size), self._total)

        return advance

    def finish(self, path: Path) -> None:
        """Count a file as done."""
        self._done += path.stat().st_size
        self.of(path)(0.0)
