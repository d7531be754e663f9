"""The observation store: append-only batches, read as they were known at any instant.

Files first, ledger last: a batch is a Parquet file named by its content, put into place whole, then listed in
a ledger transaction; readers see listed batches only. Writers of a world take turns by a lock; readers never
wait. A process killed at any instant leaves at most files that nobody sees (see ``compaction.repair``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from pipeline.batches import Selection, partition_key
from pipeline.compaction import Compacted, Repaired, compact, merge_tail, repair
from pipeline.errors import StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.batches import (
    TICK,
    Batch,
    forget_parts,
    known_parts,
    last_receipt,
    list_batches,
    listed_batches,
    newest_ids,
    next_receipt,
    record_part,
    worlds_listed,
)
from pipeline.observation_reads import Versions, load_versions, ns, summary_of
from pipeline.observation_rows import Rows, split_by_month
from pipeline.observation_writes import Comparison, compare, discard, listing, write_drafts
from pipeline.schema import check_observations
from pipeline.stations import append_stations, read_stations
from pipeline.storage.folder import Folder, StillHeld
from pipeline.storage.local import folder_of
from pipeline.times import Clock

READ_ATTEMPTS = 3


@dataclass(frozen=True)
class Appended:
    """What an append did: rows given, rows that were new or changed, and the ids of the batches listed."""

    rows_given: int
    rows_written: int
    batches: tuple[str, ...]


@dataclass(frozen=True)
class ObservationStore:
    """Observations of every world under one folder, of the disk or of object storage.

    Parameters
    ----------
    root : folder of the batches, see ``pipeline.storage.opening.stored_in``
    ledger : where they are listed
    clock : dates live batches; a batch is never dated before an earlier one of its world
    merge_after : how many small live batches of a source and month may gather before an append merges them

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> now = parse_instant("2020-01-01T02:00Z")
    >>> rows = pd.DataFrame({"station": ["a:1"], "quantity": ["pm2p5"], "value": [35.0],
    ...     "time": np.array(["2020-01-01T01"], "M8[ns]"), "qc": np.array([0], "int8")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     store = ObservationStore(Path(folder) / "observations", ledger, lambda: now)
    ...     first = store.append(rows, source="airkorea", world="measured").rows_written
    ...     again = store.append(rows, source="airkorea", world="measured").rows_written
    ...     known = store.read(world="measured", as_of=now)["value"].tolist()
    ...     ledger.close()
    >>> first, again, known
    (1, 0, [35.0])
    """

    root: Path | Folder
    ledger: Ledger
    clock: Clock
    merge_after: int = 48

    @property
    def files(self) -> Folder:
        """Return the place of the batches."""
        return folder_of(self.root)

    def append(
        self, rows: pd.DataFrame, *, source: str, world: str, assumed_delay: timedelta | None = None
    ) -> Appended:
        """Store what is new or changed of a table of OBSERVATION_COLUMNS; repeating it stores nothing.

        A row is compared with the newest version that the same source delivered. Where a table holds a key
        twice, its last row counts. NaN withdraws a stored value and is otherwise left out.

        Parameters
        ----------
        rows : see pipeline.schema; ``station`` and ``quantity`` may be categorical
        assumed_delay : for archives: first versions count as received this long after their interval end;
            corrections of stored values are dated by the clock in any case

        Raises
        ------
        ContractError
            the rows break pipeline.schema
        StorageError
            the disk or the ledger cannot be used; nothing of the append is visible
        """
        check_observations(rows)
        partition_key(world, source, "")
        parts = [(month, part, part.digest()) for month, part in split_by_month(rows)]
        if not parts:
            return Appended(0, 0, ())
        with self.files.turn(self.ledger, world) as still_held:
            written = self._append_parts(parts, (world, source), assumed_delay, still_held)
            tail = {b.month for b in written if b.receipt == "live"}
            if tail:
                merge_tail(self, world, source, tail, still_held)
        return Appended(len(rows), sum(b.rows for b in written), tuple(b.id for b in written))

    def _append_parts(
        self,
        parts: list[tuple[str, Rows, str]],
        place: tuple[str, str],
        delay: timedelta | None,
        still_held: StillHeld,
    ) -> list[Batch]:
        """Compare, write and list the parts of an append, one month each; the world is locked."""
        world, source = place
        months = (parts[0][0], parts[-1][0])
        with self.ledger.read() as conn:
            known = known_parts(conn, world, source, months)
            follows = newest_ids(conn, world, source, months)
            listed = listed_batches(conn, world, source=source, months=months)
            last = last_receipt(conn, world)
        now = self.clock()
        earliest = now if last is None else max(now, last + TICK)
        compared: list[tuple[str, str, Comparison]] = []
        for month, part, digest in parts:
            if (month, digest) not in known:
                stored = self._stored(part, [b for b in listed if b.month == month])
                found = compare(month, part, stored, delay=delay, earliest=earliest)
                compared.append((month, digest, found))
        if not compared:
            return []
        drafts = [draft for *_, found in compared for draft in found.drafts]
        written = write_drafts(self.files, world, source, drafts, follows)
        try:
            with self.ledger.write() as conn:
                still_held()
                live = any(draft.delay is None for draft in drafts)
                at = next_receipt(conn, world, self.clock()) if live else now
                new = [listing(world, source, w, at) for w in written]
                list_batches(conn, new, at)
                for month, digest, found in compared:
                    if found.changes:
                        forget_parts(conn, world, source, month)
                    if found.complete:
                        record_part(conn, part=(world, source, month, digest), at=at)
        except Exception:
            discard(self.files, world, source, written)
            raise
        return new

    def _stored(self, part: Rows, listed: list[Batch]) -> Rows | None:
        """Return the stored versions that may concern a part, or None."""
        if not listed:
            return None
        first, last = int(part.time.min()), int(part.time.max())
        near = [b for b in listed if ns(b.last_time) >= first and ns(b.first_time) <= last]
        selection = Selection.of(part.stations, part.quantities, first - 1, last)
        return load_versions(self.files, near, selection).rows

    def versions(
        self,
        *,
        world: str,
        stations: Collection[str] | None = None,
        quantities: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """Return every version received up to ``as_of`` of the intervals that end in (start, end].

        Returns
        -------
        VERSION_COLUMNS, sorted by station, quantity, time and received_at; NaN values are withdrawals
        """
        found = self._load(world, stations, quantities, (start, end), as_of)
        return found.in_order().frame(versions=True)

    def read(
        self,
        *,
        world: str,
        as_of: datetime,
        stations: Collection[str] | None = None,
        quantities: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return the observations known at ``as_of`` whose intervals end in (start, end].

        Returns
        -------
        OBSERVATION_COLUMNS, sorted by station, quantity and time: of each the version received last
        (from any source), unless that withdraws it
        """
        found = self._load(world, stations, quantities, (start, end), as_of)
        return found.in_order(as_of=ns(as_of)).frame(versions=False)

    def _load(
        self,
        world: str,
        stations: Collection[str] | None,
        quantities: Collection[str] | None,
        times: tuple[datetime | None, datetime | None],
        as_of: datetime | None,
    ) -> Versions:
        """Read the wanted versions, once more if compaction replaced a file between list and reading."""
        start, end = (None if t is None else ns(t) for t in times)
        selection = Selection.of(stations, quantities, start, end)
        until = None if as_of is None else ns(as_of)
        for _ in range(READ_ATTEMPTS):
            with self.ledger.read() as conn:
                listed = listed_batches(conn, world, times=times, as_of=as_of)
            try:
                return load_versions(self.files, listed, selection, until)
            except FileNotFoundError as error:
                gone = error
        raise StorageError(f"a listed batch is gone ({gone}); restore it from a backup") from gone

    def batch_ids(
        self, *, world: str, start: datetime | None, end: datetime | None, as_of: datetime
    ) -> list[str]:
        """Return the ids of the batches that a read of this window as of this instant opens."""
        with self.ledger.read() as conn:
            return [b.id for b in listed_batches(conn, world, times=(start, end), as_of=as_of)]

    def summary(self, world: str) -> pd.DataFrame:
        """Return versions stored, first and last interval end by source and quantity."""
        with self.ledger.read() as conn:
            return summary_of(listed_batches(conn, world))

    def worlds(self) -> list[str]:
        """Return the names of the worlds that have observations."""
        with self.ledger.read() as conn:
            return worlds_listed(conn)

    def snapshot(self, world: str) -> datetime:
        """Return the present instant, such that nothing listed from now on is dated at or before it."""
        with self.ledger.write() as conn:
            return next_receipt(conn, world, self.clock())

    def append_stations(self, stations: pd.DataFrame, *, source: str, world: str) -> int:
        """Store new and changed rows of a table of STATION_COLUMNS; return how many.

        Raises
        ------
        ContractError
            a column is missing
        """
        with self.ledger.write() as conn:
            return append_stations(conn, stations, source=source, world=world, now=self.clock())

    def stations(self, world: str, as_of: datetime | None = None) -> pd.DataFrame:
        """Return the stations of a world as STATION_COLUMNS, sorted by station.

        Parameters
        ----------
        as_of : newest rows known then; a station first heard of later has its first row, since archives
            bring stations long after their measurements
        """
        with self.ledger.read() as conn:
            return read_stations(conn, world, as_of)

    def compact(self, world: str, *, before: datetime, grace: timedelta = timedelta(hours=1)) -> Compacted:
        """Merge the small batches listed before an instant into one per month; what is read stays the same.

        ``grace`` : files superseded for longer are deleted; give more than the longest read takes.
        """
        return compact(self, world, before=before, grace=grace)

    def repair(self, world: str, *, grace: timedelta = timedelta(hours=1)) -> Repaired:
        """Remove files that no list names, and say which listed files are gone; for the start of a service.

        A writer holds the world's lock from its first byte to its listing, so a file that is unlisted under
        the lock belongs to a writer that died: it is removed at once, and the writer's re-run writes it
        again. ``grace`` spares files that compaction has superseded, for readers that still have them open.
        """
        return repair(self, world, grace=grace)
