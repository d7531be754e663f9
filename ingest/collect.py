"""Asking feeds for just what they owe us, storing it once, and remembering what was answered.

What is stored is marked as answered afterwards, so that a kill anywhere only means asking again. Sources are
asked side by side, the feeds of one source in turn, and each feed fails alone.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingest.asking import FeedReport, Round
from ingest.due import FIRST_BACKFILL, due_hours, lost_hours
from ingest.feeds import WHOLE, Due, Feed, Hour, Unit
from ingest.retry import close_answered, retry_held
from ingest.storing import Intake, units_of
from pipeline.errors import SameairError, SourceError
from pipeline.http import Http
from pipeline.ledger.asked import first_known, forget_answered, note_gaps, read_answered
from pipeline.ledger.attempts import Attempt, first_and_last, record_attempt

log = logging.getLogger(__name__)

LONGEST_ROUND_S: Final = 1200.0
"""How long a round goes on asking [s]: an hourly round ends well before the next."""
FORGET: Final = timedelta(days=7)
"""How long answers stay on record after the source keeps the instants no more."""


@dataclass(frozen=True)
class Plan:
    """What is asked of a feed now, and what it can no longer give."""

    due: Due
    units: frozenset[Unit]
    lost: tuple[Hour, ...] = ()
    forget_until: datetime | None = None


def collect_all(
    intake: Intake,
    http: Http,
    feeds: Sequence[Feed],
    now: datetime,
    *,
    backfill: timedelta = FIRST_BACKFILL,
    within_s: float = LONGEST_ROUND_S,
    progress: Callable[[str], None] = lambda _: None,
) -> list[FeedReport]:
    """Ask every feed for what it owes us at ``now``; returns a report of each, in the order of ``feeds``.

    Parameters
    ----------
    backfill : how far before its first attempt a feed is asked
    within_s : after this long no request is begun [s]; what was not asked is lacking and asked next time
    progress : told each source that is done

    Raises
    ------
    StorageError
        disk or ledger cannot be used; what other sources gave is stored
    """
    groups: dict[str, list[Feed]] = {}
    for feed in feeds:
        groups.setdefault(feed.source, []).append(feed)
    found: dict[str, FeedReport] = {}
    until = time.monotonic() + within_s
    if groups:
        with ThreadPoolExecutor(len(groups), thread_name_prefix="source") as pool:
            waiting = {
                pool.submit(_collect_source, intake, http, g, now, backfill, until): name
                for name, g in groups.items()
            }
            for done in as_completed(waiting):
                progress(waiting[done])
        for done, name in waiting.items():
            found |= {report.feed: report for report in _reports(done, groups[name])}
    return [found[feed.name] for feed in feeds]


def _reports(done: Future[list[FeedReport]], feeds: Sequence[Feed]) -> list[FeedReport]:
    """Return what the feeds of a source gave; a fault that nobody foresaw is that source's alone."""
    try:
        return done.result()
    except SameairError:
        raise
    except Exception as error:
        log.exception("%s failed in a way that was not foreseen", feeds[0].source)
        fault = SourceError(feeds[0].source, f"not foreseen: {type(error).__name__}", remedy="see the log")
        return [FeedReport(feed.name, feed.source, "failed", errors=(fault,)) for feed in feeds]


def _collect_source(
    intake: Intake, http: Http, feeds: Sequence[Feed], now: datetime, backfill: timedelta, until: float
) -> list[FeedReport]:
    """Ask the feeds of one source in turn; then try what was held for stations that are listed by now."""
    found = [collect_feed(intake, http, feed, now, backfill, until) for feed in feeds]
    freed = retry_held(intake, feeds)
    close_answered(intake, feeds)
    return [replace(report, rows=report.rows + freed.get(report.feed, 0)) for report in found]


def collect_feed(
    intake: Intake,
    http: Http,
    feed: Feed,
    now: datetime,
    backfill: timedelta = FIRST_BACKFILL,
    until: float = math.inf,
) -> FeedReport:
    """Ask one feed for what it owes us at ``now`` and store it; a failure is reported, never raised.

    Parameters
    ----------
    until : reading of ``time.monotonic`` from which no request is begun

    Raises
    ------
    StorageError
        disk or ledger cannot be used
    """
    began = time.monotonic()
    try:
        plan = plan_feed(intake, feed, now, backfill)
    except SourceError as error:
        return FeedReport(feed.name, feed.source, "failed", errors=(error,))
    if not plan.due.hours:
        return FeedReport(feed.name, feed.source, "idle", lost=plan.lost)
    report = Round(intake, http, feed, plan.units, lambda: time.monotonic() < until).ask_all(plan.due)
    report = replace(report, lost=plan.lost)
    attempt = Attempt(
        feed.name,
        feed.source,
        now,
        time.monotonic() - began,
        report.outcome,
        report.answers,
        report.rows,
        report.newest,
        tuple(str(error) for error in report.errors),
    )
    with intake.ledger.write() as conn:
        record_attempt(conn, intake.world, attempt)
        if plan.forget_until is not None:
            forget_answered(conn, intake.world, feed.name, plan.forget_until)
    return report


def plan_feed(intake: Intake, feed: Feed, now: datetime, backfill: timedelta = FIRST_BACKFILL) -> Plan:
    """Decide what to ask a feed for, and put what is gone for good on record."""
    units = units_of(intake, feed)
    keeps = feed.timing.keeps
    with intake.ledger.read() as conn:
        ends = first_and_last(conn, intake.world, feed.name)
        last = min(ends[1], now) if ends else now
        answered = read_answered(conn, intake.world, feed.name, last - keeps)
        known = first_known(conn, intake.world, feed.name) if ends else {}
    if ends is None:
        return Plan(Due(now, due_hours(feed.timing, sorted(units), answered, now, None, backfill)), units)
    # A clock that ran ahead at the first attempt must not keep us from asking until then.
    first = min(ends[0], now)
    expected = {u: max(first, known.get(u, first)) for u in units if u == WHOLE or u in known}
    lost = lost_hours(feed.timing, expected, answered, now, last)
    if lost:
        with intake.ledger.write() as conn:
            lost = note_gaps(conn, intake.world, feed.name, lost, now)
    due = Due(now, due_hours(feed.timing, sorted(units), answered, now, first, backfill))
    return Plan(due, units, tuple(lost), last - keeps - FORGET)
