"""Archives beside live sources: no value may seem to have been known before it was.

Archives count as received shortly after each interval's end, because nobody stored them then. Once the
sources of an installation are asked that assumption would be false: forecasts were made from what had really
come, and an archive holds corrected values, too. From then on a value of an archive is received when it is
imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from pipeline.observations import Appended, ObservationStore
from pipeline.times import to_ns


@dataclass(frozen=True)
class ArchiveStore:
    """A store that takes archives in, and assumes a receipt only before ``live_since``.

    Parameters
    ----------
    live_since : when a source first answered this installation, None: never

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> now, hour = parse_instant("2026-01-05T00:00Z"), timedelta(hours=1)
    >>> rows = pd.DataFrame({"station": "a:1", "quantity": "pm2p5", "value": [35.0, 36.0], "qc": np.int8(0),
    ...     "time": np.array(["2026-01-01T01", "2026-01-03T01"], "M8[ns]")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     store = ObservationStore(Path(folder) / "observations", ledger, lambda: now)
    ...     archives = ArchiveStore(store, live_since=parse_instant("2026-01-02T00:00Z"))
    ...     _ = archives.append(rows, source="archive-x", world="measured", assumed_delay=hour)
    ...     received = store.versions(world="measured")["received_at"]
    ...     ledger.close()
    >>> [f"{at:%d %H}" for at in received]
    ['01 02', '05 00']
    """

    store: ObservationStore
    live_since: datetime | None

    def append(
        self, rows: pd.DataFrame, *, source: str, world: str, assumed_delay: timedelta | None = None
    ) -> Appended:
        """Store rows; see :meth:`ObservationStore.append`."""
        if assumed_delay is None or self.live_since is None:
            return self.store.append(rows, source=source, world=world, assumed_delay=assumed_delay)
        after = rows["time"].to_numpy() > to_ns(self.live_since - assumed_delay)
        done = [
            self.store.append(part.reset_index(drop=True), source=source, world=world, assumed_delay=delay)
            for part, delay in ((rows[~after], assumed_delay), (rows[after], None))
            if len(part)
        ]
        batches = tuple(batch for one in done for batch in one.batches)
        return Appended(len(rows), sum(one.rows_written for one in done), batches)

    def append_stations(self, stations: pd.DataFrame, *, source: str, world: str) -> int:
        """Store stations; see :meth:`ObservationStore.append_stations`."""
        return self.store.append_stations(stations, source=source, world=world)

    def stations(self, world: str) -> pd.DataFrame:
        """Return the newest row of each station."""
        return self.store.stations(world)

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
        """Return the observations known at an instant; see :meth:`ObservationStore.read`."""
        return self.store.read(
            world=world, as_of=as_of, stations=stations, quantities=quantities, start=start, end=end
        )
