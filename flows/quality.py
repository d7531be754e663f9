"""The review of flags every six hours, and of stations every day: what is looked at again, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from flows.ingest import INGEST_LOCK
from flows.workspace import Workspace
from ingest.quality_review import REVIEWED, review_rows
from ingest.quality_stations import QUANTITY, judge_stations
from pipeline.ledger.attempts import Attempt, first_and_last, record_attempt
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.verdicts import Verdict, all_verdicts, append_verdicts, newest_verdicts
from pipeline.observations import ObservationStore
from pipeline.schema import OBSERVATION_COLUMNS
from pipeline.times import HOUR, iso

SOURCE: Final = "quality"
ROWS: Final = "quality.rows"
STATIONS: Final = "quality.stations"
ROWS_EVERY: Final = timedelta(hours=6)
"""How often flags are reviewed: what a value's arrival could not show is found within six hours and a few."""
STATIONS_EVERY: Final = timedelta(hours=24)
LOOK_BACK: Final = timedelta(days=3)
"""How old a value may be whose flag still changes: a late hour of a neighbour arrives within a day."""
MEMORY: Final = timedelta(hours=48)
"""How much earlier values are read, so that the oldest reviewed hour has its history."""
SLACK: Final = timedelta(minutes=10)
"""How much earlier than due a review may run, so that an hourly schedule does not drift to seven hours."""
LONGEST_WAIT: Final = 60.0
"""How long to wait for a process that is asking the sources [s]; the review is then left to the next hour."""


@dataclass(frozen=True)
class Review:
    """What a review did: rows whose flag rose or fell, and new verdicts on stations."""

    raised: int = 0
    lowered: int = 0
    verdicts: tuple[Verdict, ...] = ()


def review_if_due(ws: Workspace, world: str, now: datetime) -> Review:
    """Review what is due: flags if the last review is six hours old, stations if it is a day old.

    Call it after the sources were asked, not while they are: it waits for the lock of the data folder.
    """
    return review(
        ws, world, now, rows=_is_due(ws, world, ROWS, now), stations=_is_due(ws, world, STATIONS, now)
    )


def review(ws: Workspace, world: str, now: datetime, *, rows: bool = True, stations: bool = True) -> Review:
    """Look again at the flags of the last three days, and at clocks and places of stations.

    Changed flags are appended as new versions under the source that delivered the values; repeating a review
    appends nothing.

    Raises
    ------
    StorageError
        the disk or the ledger cannot be used
    """
    if not rows and not stations:
        return Review()
    try:
        with ledger_lock(ws.ledger, INGEST_LOCK, wait_s=LONGEST_WAIT):
            raised, lowered = _timed(ws, world, ROWS, now, _review_rows) if rows else (0, 0)
            _, found = _timed(ws, world, STATIONS, now, _review_stations) if stations else (0, ())
    except LockHeld:
        return Review()
    return Review(raised, lowered, tuple(found))


def _is_due(ws: Workspace, world: str, feed: str, now: datetime) -> bool:
    every = ROWS_EVERY if feed == ROWS else STATIONS_EVERY
    with ws.ledger.read() as conn:
        asked = first_and_last(conn, world, feed)
    return asked is None or now - asked[1] >= every - SLACK


def _timed(
    ws: Workspace, world: str, feed: str, now: datetime, job: Callable[[Workspace, str, datetime], Any]
) -> Any:
    """Do a part of the review and write down that it was done."""
    began = time.perf_counter()
    found = job(ws, world, now)
    done = Attempt(feed, SOURCE, now, time.perf_counter() - began, "ok", 0, 0)
    with ws.ledger.write() as conn:
        record_attempt(conn, world, done)
    return found


def _review_rows(ws: Workspace, world: str, now: datetime) -> tuple[int, int]:
    after = now - LOOK_BACK
    versions = ws.store.versions(world=world, quantities=REVIEWED, start=after - MEMORY, end=now)
    if not len(versions):
        return 0, 0
    changed = review_rows(versions, ws.store.stations(world), after=after)
    for source, part in changed.groupby("source", sort=True):
        ws.store.append(part[list(OBSERVATION_COLUMNS)], source=str(source), world=world)
    lowered = int((changed["qc"] == 0).sum())
    return len(changed) - lowered, lowered


def _review_stations(ws: Workspace, world: str, now: datetime) -> tuple[int, tuple[Verdict, ...]]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    with ws.ledger.read() as conn:
        known = newest_verdicts(conn, world)
    found = judge_stations(_reader(ws.store, world, now), ws.store.stations(world), known, now=hour)
    with ws.ledger.write() as conn:
        append_verdicts(conn, world, found)
    return 0, tuple(found)


def _reader(
    store: ObservationStore, world: str, now: datetime
) -> Callable[[Sequence[str], datetime, datetime], pd.DataFrame]:
    def read(names: Sequence[str], start: datetime, end: datetime) -> pd.DataFrame:
        return store.read(world=world, as_of=now, stations=names, quantities=[QUANTITY], start=start, end=end)

    return read


def verdict_rows(ws: Workspace, world: str, *, history: bool = False) -> list[dict[str, Any]]:
    """Return the newest verdict on each station as plain rows, or with ``history`` every one."""
    with ws.ledger.read() as conn:
        found = all_verdicts(conn, world) if history else newest_verdicts(conn, world)
    return [
        {
            "station": v.station,
            "kind": v.kind,
            "state": v.state,
            "hours from": iso(v.since - HOUR),
            "noticed": iso(v.noticed_at),
            "gain": round(v.score, 3),
            "detail": v.detail,
        }
        for v in found
    ]
