"""Step 1 of a cycle: every source asked once, each failing alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from flows.plan import CyclePlan
from flows.workspace import Workspace, reporter
from ingest.archives import ImportReport, import_archive
from ingest.simulated.loading import ingest_history, simulated_sources, store_collected
from ingest.simulated.world import SimulatedWorld, make_world
from ingest.sources import collect_all
from pipeline.observations import ObservationStore

SNAPSHOT_AFTER = timedelta(minutes=1)
"""How long after the sources were asked the snapshot of a simulated cycle is taken."""


@dataclass(frozen=True)
class SourceReport:
    """What one source gave in this cycle: rows read, and what went wrong in one line each."""

    source: str
    rows: int
    answers: int
    errors: tuple[str, ...]


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

    A simulated world is loaded with two years of history and then asked for its last day through the
    services' wire formats. The measured world has no automatic source in this version: its archives come
    in by `sameair import-archive`. The store of a simulated world keeps that world's time.
    """
    if plan.mode != "simulated":
        return []
    world = simulated_world(plan.seed, plan.quiet_season)
    tell = reporter.get()
    asked_at = plan.as_of - SNAPSHOT_AFTER
    store = ObservationStore(ws.settings.observations_dir, ws.ledger, clock=lambda: asked_at)
    done = iter(range(1, 4))
    ingest_history(world, store, progress=lambda _: tell("loading two years of history", next(done), 3))
    found = collect_all(simulated_sources(world), asked_at, ws.settings.quarantine_dir)
    for collected in found:
        store_collected(collected, store, plan.world)
    return [
        SourceReport(c.source, len(c.observations), c.answers, tuple(str(e) for e in c.errors)) for c in found
    ]


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
    return import_archive(folder, ws.store, progress=reporter.get())
