"""The timetable: what runs when, how long a missed time still matters, and what is due at an instant.

Nothing here touches a disk or a clock: what is due follows from the timetable, the ledger of jobs and the
present instant, so a year can be played in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from flows.rhythm import DAY, HOUR, MINUTE, Rhythm
from pipeline.ledger.jobs import JobRow
from pipeline.times import parse_instant

SILENT_AFTER: Final = 3 * MINUTE
"""A job whose worker has given no sign of life for this long is taken over."""

Action = Literal["run", "wait", "skip"]


@dataclass(frozen=True)
class Entry:
    """A flow of the timetable.

    Parameters
    ----------
    matters : a nominal time that was missed is still done this long after it; later it is left out
    longest : a job that takes longer is ended and counts as failed
    begins : how long after the nominal time it begins at the earliest
    waits : how long after the nominal time it waits for its data at most; zero: it waits for none
    data_before : its data are there when those of this long before the nominal time are
    retries : pauses before the attempts that follow failed ones
    at_once : done at once in a ledger that knows no job yet; else it waits for its next nominal time
    each : every nominal time left out is written down for itself, not a stretch of them in one line
    means : what it does, in a few words
    """

    flow: str
    rhythm: Rhythm
    matters: timedelta
    longest: timedelta
    means: str
    begins: timedelta = timedelta()
    waits: timedelta = timedelta()
    data_before: timedelta = timedelta()
    retries: tuple[timedelta, ...] = field(default=(MINUTE, 5 * MINUTE, 15 * MINUTE))
    each: bool = False
    at_once: bool = False


FIRST_WITHIN: Final = HOUR
"""What waits in a fresh ledger is done where its nominal time is no older."""

CYCLE = Entry(
    "cycle",
    Rhythm((0,), (5, 11, 23)),
    6 * HOUR,
    HOUR,
    "forecast cycle",
    20 * MINUTE,
    35 * MINUTE,
    each=True,
    at_once=True,
)
"""From 20 minutes after 05, 11 and 23 KST, when AirKorea (HH:15) and CNEMC (HH:20 CST) have published."""

CONFIRM = Entry(
    "cycle",
    Rhythm((0,), (17,)),
    6 * HOUR,
    HOUR,
    "forecast cycle",
    MINUTE,
    6 * MINUTE,
    HOUR,
    each=True,
    at_once=True,
)
"""From a minute after 17 KST, from data to 16:00, to confirm or update before the decision of 17:10."""

INGEST = Entry("ingest", Rhythm((27,)), 50 * MINUTE, 40 * MINUTE, "the hour's sources", at_once=True)
"""Every hour, when AirKorea (HH:15) and CNEMC (HH:20 CST) have published; CNEMC keeps a day only."""

POST = Entry(
    "post",
    Rhythm(tuple(range(0, 60, 5))),
    5 * MINUTE,
    20 * MINUTE,
    "deadlines and mail",
    retries=(),
    at_once=True,
)
"""Every five minutes: a deadline passes, or a mail server that was away is back."""

EXCHANGE = Entry(
    "exchange",
    Rhythm(tuple(range(3, 60, 10))),
    10 * MINUTE,
    20 * MINUTE,
    "letters between nodes",
    retries=(),
    at_once=True,
)
"""Every ten minutes, if this node speaks for one party; between the hour's sources and the post."""

VERIFICATION = Entry("verification", Rhythm((10,), (4,)), DAY, 2 * HOUR, "scores of stored runs", each=True)
UPKEEP = Entry("upkeep", Rhythm((40,), (1,)), 20 * HOUR, HOUR, "repair and merge the store", each=True)
BACKUP = Entry("backup", Rhythm((10,), (2,)), 20 * HOUR, 4 * HOUR, "backup of everything", each=True)
RETRAINING = Entry(
    "retraining", Rhythm((0,), (13,), (0,)), 6 * DAY, 3 * HOUR, "models on trial, past the gate", each=True
)
"""Mondays at 13 KST, between two cycles; a new model stays in the shadow until shown to be better."""
OUTLOOK = Entry("outlook", Rhythm((10,), (12,)), 20 * HOUR, HOUR, "draft of the weekly outlook", each=True)
"""On the day on which the season's rhythm asks for one, from the 11 KST cycle; else nothing is to do."""

LINKS = Entry("links", Rhythm((0,), (13,), (1,)), 6 * DAY, 3 * HOUR, "links of the past", each=True)

TIMETABLE: Final = (
    CYCLE,
    CONFIRM,
    INGEST,
    POST,
    EXCHANGE,
    VERIFICATION,
    UPKEEP,
    BACKUP,
    OUTLOOK,
    RETRAINING,
    LINKS,
)
"""Everything that runs by itself."""


def entries_of(flow: str) -> tuple[Entry, ...]:
    """Return the entries of a flow; the cycle has two, for 17 KST begins earlier."""
    return tuple(entry for entry in TIMETABLE if entry.flow == flow)


def flows() -> tuple[str, ...]:
    """Return the names of the flows, in the order of the timetable."""
    return tuple(dict.fromkeys(entry.flow for entry in TIMETABLE))


@dataclass(frozen=True)
class Decision:
    """What is to be done about a nominal time, and why.

    Parameters
    ----------
    through : last of a stretch of nominal times that are left out together; else the nominal time itself
    """

    entry: Entry
    nominal: datetime
    action: Action
    why: str
    through: datetime
    times: int = 1


def due(
    entries: Sequence[Entry], jobs: Sequence[JobRow], now: datetime, begun: datetime | None = None
) -> list[Decision]:
    """Return what is to be done now about the nominal times of one flow, oldest first.

    Only the newest nominal time is ever run, for it sees all that earlier ones would have seen; earlier ones
    that never ran are left out with the reason written down, and so are those of which an attempt failed
    that nobody repeated in time, where each is written down. A fresh ledger begins with the newest, where
    that is to be done at once or is no older than an hour, else with the next. What a clock that ran ahead of
    ``now`` wrote is not believed, unless it is done.

    Parameters
    ----------
    entries : of one flow
    jobs : the flow's jobs from its newest ended one before ``now`` on
    begun : when the first job of any flow began; where this flow has none, later times are due to it

    Examples
    --------
    >>> from pipeline.times import iso
    >>> now = parse_instant("2026-01-01T03:30Z")
    >>> [(d.action, iso(d.nominal)) for d in due([INGEST], [], now)]
    [('run', '2026-01-01T03:27:00Z')]
    """
    known = [job for job in jobs if job.state == "done" or job.begun_at <= now]
    times = _times(entries, known, now, begun)
    if not times:
        return []
    found = _left_out(times[:-1], known)
    decided = _newest(*times[-1], known, now)
    return [*found, *([decided] if decided else [])]


def _times(
    entries: Sequence[Entry], known: Sequence[JobRow], now: datetime, first: datetime | None
) -> list[tuple[Entry, datetime]]:
    """Return the nominal times to look at, oldest first; the last is the newest that may begin."""
    ended = [job.nominal for job in known if job.state != "running" and job.nominal <= now]
    begun = [job.nominal for job in known if job.nominal <= now]
    held = max(ended, default=min(begun, default=None))
    since = now - max(e.rhythm.span for e in entries) if held is None else held - timedelta(microseconds=1)
    times = [(entry, time) for entry in entries for time in entry.rhythm.times(since, now - entry.begins)]
    times.sort(key=lambda pair: pair[1])
    if held is not None:
        return times
    return [
        (entry, time)
        for entry, time in times[-1:]
        if entry.at_once or now - time <= FIRST_WITHIN or (first is not None and first <= time)
    ]


def _through(job: JobRow) -> datetime:
    """Return the last nominal time that a job speaks of."""
    return parse_instant(job.result["through"]) if "through" in job.result else job.nominal


def _covers(job: JobRow, nominal: datetime) -> bool:
    return job.nominal <= nominal <= _through(job)


def _left_out(times: Sequence[tuple[Entry, datetime]], known: Sequence[JobRow]) -> list[Decision]:
    """Return what is written of times that were missed: each, or one line for neighbours."""
    found: list[Decision] = []
    for entry, time in times:
        own = [job for job in known if _covers(job, time)]
        last = found[-1] if found else None
        if own:
            newest = max(own, key=lambda job: job.attempt)
            if entry.each and newest.state == "failed" and failures_of(own) <= len(entry.retries):
                why = f"attempt {newest.attempt} failed ({newest.why}); a later one does its work"
                found.append(Decision(entry, time, "skip", why, time))
        elif last is not None and not entry.each and last.entry is entry:
            found[-1] = Decision(entry, last.nominal, "skip", last.why, time, last.times + 1)
        else:
            found.append(Decision(entry, time, "skip", "nothing ran; a later one does its work", time))
    return found


def _newest(entry: Entry, nominal: datetime, known: Sequence[JobRow], now: datetime) -> Decision | None:
    """Return what is to be done about the newest nominal time; None: nothing."""
    own = [job for job in known if _covers(job, nominal)]
    if any(job.state in ("done", "skipped") for job in own):
        return None
    alive = [job for job in known if job.state == "running" and now - job.beat_at <= SILENT_AFTER]
    if alive:
        other = alive[0].nominal != nominal
        return Decision(entry, nominal, "wait", "the one before still runs", nominal) if other else None
    last = max(own, key=lambda job: job.attempt, default=None)
    if now - nominal > entry.matters:
        late = f"{(now - nominal) / HOUR:.1f} h late: stale"
        return Decision(entry, nominal, "skip", late, nominal) if last is None else None
    if last is None:
        return Decision(entry, nominal, "run", "", nominal)
    if last.state == "running":
        return Decision(entry, nominal, "run", f"{last.worker} fell silent", nominal)
    return _again(entry, nominal, own, now)


def _again(entry: Entry, nominal: datetime, own: Sequence[JobRow], now: datetime) -> Decision | None:
    """Return the attempt after a failed one, once its pause is over; None when there are no more.

    One that was stopped with its worker counts for nothing, and is repeated without a pause.
    """
    last = max(own, key=lambda job: job.attempt)
    if last.was_stopped:
        return Decision(entry, nominal, "run", f"attempt {last.attempt}: {last.why}", nominal)
    failures = failures_of(own)
    if failures > len(entry.retries):
        return None
    resting = now - (last.ended_at or last.begun_at) < entry.retries[failures - 1]
    why = f"attempt {last.attempt} failed: {last.why}"
    return Decision(entry, nominal, "wait" if resting else "run", why, nominal)


def failures_of(attempts: Sequence[JobRow]) -> int:
    """Return how many attempts failed by themselves, and were not stopped with their worker."""
    return sum(job.state == "failed" and not job.was_stopped for job in attempts)


def account(
    entries: Sequence[Entry], jobs: Sequence[JobRow], first: datetime, before: datetime
) -> Mapping[datetime, str]:
    """Return for every nominal time of a flow what became of it: done, failed, skipped, running or nothing.

    Parameters
    ----------
    first, before : nominal times with ``first`` ≤ time < ``before``
    """
    rank = {"done": 4, "running": 3, "skipped": 2, "failed": 1}
    edge = timedelta(microseconds=1)
    found = {}
    for entry in entries:
        for time in entry.rhythm.times(first - edge, before - edge):
            states = [job.state for job in jobs if _covers(job, time)]
            found[time] = max(states, key=rank.__getitem__, default="nothing")
    return dict(sorted(found.items()))
