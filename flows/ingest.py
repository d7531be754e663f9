"""Step 1 of a cycle, and hourly: every source asked for what it owes us, each failing alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from flows.live import EXCHANGE, feeds_of, forecasts_of, http_of
from flows.plan import CyclePlan
from flows.published import archives_of
from flows.workspace import Workspace, reporter
from ingest.archives import ImportReport, import_archive
from ingest.asking import FeedReport
from ingest.collect import LONGEST_ROUND_S, collect_all
from ingest.simulated.loading import ingest_history, ingest_recent
from ingest.simulated.world import SimulatedWorld, make_world
from ingest.storing import Intake
from pipeline.forecast_store import ForecastStore
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.names import MEASURED
from pipeline.observations import ObservationStore
from pipeline.storage.opening import FIELDS, stored_in
from pipeline.times import iso

SNAPSHOT_AFTER = timedelta(minutes=1)
"""How long after the sources were asked the snapshot of a simulated cycle is taken."""
CYCLE_WAITS_S = 300.0
"""How long a cycle goes on asking [s]: what is late is noted, not waited for."""
GRACE_S = 30.0
"""How long after the last request was begun the answers may still be on their way [s]."""
INGEST_LOCK = "ingest"
"""Lock of whoever asks the sources, reads their old answers again or reviews the values."""
LONGEST_WAIT = 900
"""How long to wait for another process that is asking the sources [s]; a cycle then goes on without."""


@dataclass(frozen=True)
class SourceReport:
    """What one source gave: answers and rows read, rows that were new or changed, and what went wrong.

    ``notes`` are no failures: what is not published yet, rows left out or held, hours that are gone for good.
    """

    source: str
    rows: int
    answers: int
    errors: tuple[str, ...]
    stored: int = 0
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=2)
def simulated_world(seed: int, quiet_season: bool) -> SimulatedWorld:
    """Simulate a world once per process; the same seed gives the same world."""
    tell = reporter.get()
    tell("simulating three years of weather and air", 0, 0)
    world = make_world(seed, quiet_season=quiet_season)
    tell("simulating three years of weather and air", 1, 1)
    return world


def ingest(ws: Workspace, plan: CyclePlan) -> list[SourceReport]:
    """Take in what is there for a cycle; running it again adds nothing.

    A simulated world is loaded with two years of history and then asked for its last hours by the real feeds.
    In a live cycle the real services are asked if the settings say so (:func:`ingest_live`); archives of
    measurements come in by `sameair import-archive`. A simulated world's store keeps that world's time.
    """
    if plan.mode == "live":
        return ingest_live(ws, slow=False, within_s=CYCLE_WAITS_S)
    if plan.mode != "simulated":
        return []
    world = simulated_world(plan.seed, plan.quiet_season)
    tell = reporter.get()
    asked_at = plan.as_of - SNAPSHOT_AFTER
    store = ObservationStore(ws.store.root, ws.ledger, clock=lambda: asked_at)
    forecasts = ForecastStore(stored_in(ws.settings, FIELDS), ws.ledger, lambda: asked_at)
    parts = len(world.networks) + 1
    done = iter(range(1, parts + 1))
    ingest_history(
        world,
        store,
        forecasts=forecasts,
        progress=lambda _: tell("loading two years of history", next(done), parts),
    )
    recent = ingest_recent(world, store, asked_at, ws.settings.quarantine_dir, forecasts=forecasts)
    return by_source(recent)


def ingest_live(
    ws: Workspace,
    *,
    services: bool | None = None,
    only: Sequence[str] = (),
    slow: bool = True,
    within_s: float = LONGEST_ROUND_S,
) -> list[SourceReport]:
    """Ask the sources of the measured world for what they owe; one process at a time.

    Parameters
    ----------
    services : ask services, not only the folder of exchange files (default: as the settings say)
    only : names of sources; empty: all
    slow : ask feeds as well whose answers take minutes
    within_s : after this long no request is begun [s], and soon after none goes on; another process is
        waited for no longer than this either
    """
    asked = ws.settings.live_sources if services is None else services
    offered = [f for f in feeds_of(ws, MEASURED) if slow or not f.slow]
    feeds = [f for f in offered if (asked or _is_folder(f.name)) and (not only or f.source in only)]
    if not feeds:
        return []
    try:
        with ledger_lock(ws.ledger, INGEST_LOCK, wait_s=min(LONGEST_WAIT, within_s)):
            tell = reporter.get()
            http = replace(http_of(ws), until=time.monotonic() + within_s + GRACE_S)
            names = sorted({feed.source for feed in feeds})
            done = iter(range(1, len(names) + 1))
            intake = Intake(ws.store, MEASURED, ws.settings.quarantine_dir, forecasts_of(ws))
            tell("asking the sources", 0, len(names))
            found = collect_all(
                intake,
                http,
                feeds,
                ws.clock(),
                within_s=within_s,
                progress=lambda _: tell("asking the sources", next(done), len(names)),
            )
    except LockHeld:
        return [SourceReport("sources", 0, 0, ("another process has long been asking the sources",))]
    return by_source(found)


def _is_folder(feed: str) -> bool:
    """Tell whether a feed only looks into a folder of this machine."""
    return feed == f"{EXCHANGE}.inbox"


def by_source(found: Sequence[FeedReport]) -> list[SourceReport]:
    """Sum up the reports of feeds by source."""
    reports = []
    for source, group in groupby(sorted(found, key=lambda r: r.source), key=lambda r: r.source):
        parts = list(group)
        reports.append(
            SourceReport(
                source,
                sum(p.read for p in parts),
                sum(p.answers for p in parts),
                tuple(str(e) for p in parts for e in p.errors),
                sum(p.rows for p in parts),
                tuple(str(n) for p in parts for n in p.notes) + tuple(gone(p) for p in parts if p.lost),
            )
        )
    return reports


def gone(report: FeedReport) -> str:
    """Say in one line what a feed can no longer give.

    >>> from pipeline.times import parse_instant
    >>> hours = (("", parse_instant("2025-01-01T03:00")), ("", parse_instant("2025-01-01T04:00")))
    >>> gone(FeedReport("cnemc.hourly", "cnemc", "ok", lost=hours))
    'cnemc.hourly: 2 gone for good, 2025-01-01T03:00:00Z to 2025-01-01T04:00:00Z'
    """
    hours = [hour for _, hour in report.lost]
    return f"{report.feed}: {len(hours)} gone for good, {iso(min(hours))} to {iso(max(hours))}"


def trouble_with(report: SourceReport) -> str:
    """Return in one line what went wrong with a source, fit for the text of a warning; empty if nothing.

    >>> trouble_with(SourceReport("cnemc", 700, 23, ("cnemc: …", "cnemc: …")))
    'cnemc: 2 answers could not be used'
    >>> trouble_with(SourceReport("cnemc", 0, 0, ("cnemc: HTTP 503",)))
    'cnemc: no answer'
    """
    if not report.errors:
        return ""
    what = f"{len(report.errors)} answers could not be used" if report.answers else "no answer"
    return f"{report.source}: {what}"


def ingest_archive(ws: Workspace, folder: Path) -> ImportReport:
    """Import a folder of measured archives; a second import adds nothing."""
    return import_archive(folder, archives_of(ws), progress=reporter.get())
