"""What the watchdog looks at: by the timetable and the clock, not by the word of what it watches."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, make_url

from flows.backup.note import newest_note
from flows.timetable import SILENT_AFTER, entries_of, flows
from pipeline.errors import StorageError
from pipeline.ledger import Ledger, open_ledger
from pipeline.ledger.jobs import JobRow, first_begun, newest_jobs, running_jobs
from pipeline.ledger.notices import Condition
from pipeline.ledger.warnings import list_versions
from pipeline.names import MEASURED
from pipeline.readiness import LEAST_BYTES, LEAST_FILES
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant

GRACE: Final = timedelta(minutes=5)
SILENT: Final = timedelta(minutes=20)
"""Something runs at least every five minutes; after so long without a sign nothing does."""
BACKUP_OLD: Final = timedelta(days=2)
BACKUP_VERY_OLD: Final = timedelta(days=7)
TOLD, WORST = 2, 3


def ledger_there(settings: Settings) -> Ledger:
    """Open the ledger, but never make a new one where it is gone.

    Raises
    ------
    StorageError
        it is gone or cannot be used
    """
    url = make_url(settings.ledger)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise StorageError(f"the ledger {url.database} is gone; mount its disk, or restore a backup")
    return open_ledger(settings.ledger)


def look_at_jobs(conn: Connection, now: datetime) -> Iterator[Condition]:
    """Yield whether the timetable is followed: each flow, jobs that are stuck, and whether anything runs."""
    done, newest = newest_jobs(conn, state="done", until=now), newest_jobs(conn, until=now)
    running = running_jobs(conn)
    begun = first_begun(conn)
    yield _service([*newest.values(), *running], now)
    for flow in flows():
        yield _late(flow, done.get((flow, "")), begun, now)
        yield _stuck(flow, [job for job in running if job.flow == flow], now)


def _service(known: list[JobRow], now: datetime) -> Condition:
    """Return whether anything of the timetable has been heard of lately; times to come do not count."""
    heard = [t for job in known for t in (job.beat_at, job.ended_at) if t is not None and t <= now + GRACE]
    last = max(heard, default=None)
    silent = last is None or now - last > SILENT
    said = "nothing has ever run" if last is None else f"last sign {iso(last)}"
    advice = "; look at sameair-serve and Prefect, or run `sameair jobs run` by cron" if silent else ""
    return Condition(
        "watch service", "silent" if silent else "ok", WORST * silent, f"the schedule: {said}{advice}"
    )


def overdue(flow: str, done: JobRow | None, begun: datetime | None, now: datetime) -> list[datetime]:
    """Return the nominal times that should be done by now, and that nothing as new has been done of.

    Each may begin late, wait for its data and take its longest before it counts.

    Parameters
    ----------
    begun : when the first job of the ledger began; before that nothing is overdue
    """
    entries = entries_of(flow)
    since = now - 4 * max(entry.rhythm.span for entry in entries) - max(entry.longest for entry in entries)
    if begun is not None and begun <= now:
        since = max(since, begun)
    if done is not None and done.nominal <= now:
        since = max(since, done.nominal)
    found = []
    for entry in entries:
        late = max(entry.begins, entry.waits) + entry.longest + GRACE
        found += [time for time in entry.rhythm.times(since, now - late)]
    return sorted(found)


def _late(flow: str, done: JobRow | None, begun: datetime | None, now: datetime) -> Condition:
    """Return whether a flow is behind: one nominal time, or three of what recurs within the hour."""
    times, entry = overdue(flow, done, begun, now), entries_of(flow)[0]
    allowed = 0 if entry.each else 2
    severity = 0
    if len(times) > allowed:
        severity = WORST if len(times) > 2 * allowed + 1 else TOLD
    last = f"last done {iso(done.nominal)}" if done is not None else "never done"
    text = f"{entry.means} ({flow}): {len(times)} overdue, {last}"
    return Condition(f"watch flow {flow}", "late" if severity else "ok", severity, text)


def _stuck(flow: str, running: list[JobRow], now: datetime) -> Condition:
    """Return whether a job of a flow has been silent, or has run too long, without anybody ending it."""
    longest = max(entry.longest for entry in entries_of(flow))
    stuck = [
        j for j in running if now - j.beat_at > SILENT_AFTER + GRACE or now - j.begun_at > longest + GRACE
    ]
    said = ", ".join(f"{iso(job.nominal)} by {job.worker}, last sign {iso(job.beat_at)}" for job in stuck)
    text = f"stuck: {flow} {said}" if stuck else f"no job of {flow} is stuck"
    return Condition(f"watch stuck {flow}", "stuck" if stuck else "ok", TOLD * bool(stuck), text)


def look_at_drafts(conn: Connection, now: datetime) -> Condition:
    """Return whether a draft waits whose deadline is over, which the schedule should have settled."""
    waiting = [v for v in list_versions(conn, MEASURED, limit=500) if v.state in ("draft", "in_review")]
    late = [v.warning_id for v in waiting if now - parse_instant(v.content["review_deadline"]) > 2 * SILENT]
    text = f"deadline over, nothing settled: {', '.join(late)}" if late else "no draft is past its deadline"
    return Condition("watch drafts", "late" if late else "ok", WORST * bool(late), text)


def look_at_disk(folder: Path) -> Condition:
    """Return whether the disk of the data folder fills: told at four times the least, worse at the least."""
    try:
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
    except OSError as error:
        return Condition("watch disk", "gone", WORST, f"the data folder cannot be read: {error.strerror}")
    few = bool(files.f_files) and files.f_favail < LEAST_FILES
    severity = WORST if few or free < LEAST_BYTES else TOLD if free < 4 * LEAST_BYTES else 0
    text = f"{free / 2**30:.1f} GiB and {files.f_favail} files free for data"
    return Condition("watch disk", "full" if severity else "ok", severity, text)


def look_at_backup(settings: Settings, now: datetime) -> Condition:
    """Return whether the newest backup is old, where the settings name a place for one."""
    note = newest_note(settings.data_dir) if settings.backup_to else (now, "")
    age = BACKUP_VERY_OLD if note is None else now - note[0]
    severity = WORST if age > BACKUP_VERY_OLD else TOLD if age > BACKUP_OLD else 0
    text = "there is no backup yet" if note is None else f"newest backup {iso(note[0])}"
    text = text if settings.backup_to else "no place for backups is set"
    return Condition("watch backup", "old" if severity else "ok", severity, text)
