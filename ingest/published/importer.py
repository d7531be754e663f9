"""The storing half of an import: tables are gathered, joined, held or flagged, and stored in large pieces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import pandas as pd

from ingest.archive_stations import Station, merge
from ingest.archives import ASSUMED_DELAY, STATION_SOURCE
from ingest.published.chunks import MEMORY_HOURS, chunk_of, rows_from
from ingest.published.report import SourceTotals
from ingest.published.table import FileTable
from pipeline.observation_rows import Rows
from pipeline.times import from_ns

CHUNK_ROWS: Final = 3_000_000
"""Values gathered before they are stored: some 100 MB."""

ACCEPTED: Final = "in no station list; accepted at import"


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

    def read(
        self,
        *,
        world: str,
        as_of: datetime,
        stations: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return the observations known at an instant."""


class Importer:
    """One import: gathers tables of a source until they are many, then stores them."""

    def __init__(self, store: Store, world: str, now: datetime, accept_unknown: bool) -> None:
        self.store, self.world, self.now, self.accept_unknown = store, world, now, accept_unknown
        self.totals: dict[str, SourceTotals] = {}
        self.stations_written = 0
        self._known: set[str] = set()
        self._placed: set[str] = set()
        self._note_stations(store.stations(world))
        self._pending: list[FileTable] = []
        self._before: tuple[str, Rows] | None = None

    def add_lists(self, stations: Sequence[Station]) -> None:
        """Store stations of a list; from now on their values may be stored."""
        if stations:
            table = merge(stations, [], self.store.stations(self.world))
            self._store_stations(table)

    def add(self, table: FileTable) -> None:
        """Take one file's values; they are stored once there are enough of them."""
        placed = [s for s in table.listed if s.latitude == s.latitude and s.station not in self._placed]
        if placed:
            self._store_stations(merge([], placed, self.store.stations(self.world)))
        if self._pending and self._pending[0].source != table.source:
            self.flush()
        self._pending.append(table)
        if sum(map(len, self._pending)) >= CHUNK_ROWS:
            self.flush()

    def flush(self) -> None:
        """Store what has been gathered."""
        tables, self._pending = self._pending, []
        if not tables:
            return
        source = tables[0].source
        if self.accept_unknown:
            self._accept(tables)
        chunk = chunk_of(tables, self._known, self._earlier(tables))
        totals = self.totals.setdefault(source, SourceTotals())
        totals.values += len(chunk.rows)
        totals.duplicates += chunk.duplicates
        for name, count in chunk.held.items():
            totals.held[name] = totals.held.get(name, 0) + count
        for flag, count in chunk.counted().items():
            setattr(totals, flag, getattr(totals, flag) + count)
        if len(chunk.rows):
            frame = chunk.frame()
            done = self.store.append(frame, source=source, world=self.world, assumed_delay=ASSUMED_DELAY)
            totals.written += int(done.rows_written)
        self._before = (source, chunk.tail())

    def _earlier(self, tables: Sequence[FileTable]) -> Rows | None:
        """Return rows of the two days before: of the chunk before, else from the store."""
        if self._before is not None and self._before[0] == tables[0].source:
            return self._before[1]
        first = min((int(t.time.min()) for t in tables if len(t)), default=None)
        if first is None:
            return None
        end = from_ns(pd.Timestamp(first - 1).to_datetime64())
        start = end - timedelta(hours=MEMORY_HOURS)
        names = sorted({name for t in tables for name in t.stations})
        found = self.store.read(world=self.world, as_of=self.now, stations=names, start=start, end=end)
        return rows_from(found) if len(found) else None

    def _accept(self, tables: Sequence[FileTable]) -> None:
        """Store stations that no list has, with a note that says so."""
        seen = {s.station: s for t in tables for s in t.listed}
        new = sorted({name for t in tables for name in t.stations} - self._known)
        if new:
            accepted = [_accepted(seen.get(name, Station(name))) for name in new]
            self._store_stations(merge([], accepted, self.store.stations(self.world)))

    def _store_stations(self, table: pd.DataFrame) -> None:
        self.stations_written += self.store.append_stations(table, source=STATION_SOURCE, world=self.world)
        self._note_stations(table)

    def _note_stations(self, table: pd.DataFrame) -> None:
        """Remember which stations are known, and which of them have coordinates."""
        self._known |= set(table["station"])
        self._placed |= set(table["station"][table["latitude"].notna()])


def _accepted(station: Station) -> Station:
    """Return a station that no list has, with a note that says so."""
    note = "; ".join(filter(None, [station.note, ACCEPTED]))
    return Station(station.station, station.name, city=station.city, note=note)
