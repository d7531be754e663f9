"""Step 1 of a cycle: every source asked once, each failing alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import requests

from flows.plan import CyclePlan
from flows.workspace import Workspace, reporter
from ingest.archives import ImportReport, import_archive
from ingest.simulated.loading import ingest_history, simulated_sources, store_collected
from ingest.simulated.world import SimulatedWorld, make_world
from ingest.sources import Collected, Source, collect_all, live_sources
from pipeline.errors import BadPayload, ContractError
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
    services' wire formats. In a live cycle the real services are asked if the settings say so; archives of
    measurements come in by `sameair import-archive`. A simulated world's store keeps that world's time.
    """
    if plan.mode == "live" and ws.settings.live_sources:
        key = ws.settings.airkorea_key.get_secret_value()
        with requests.Session() as session:
            return _collect(ws, ws.store, live_sources(session, key), plan.world, ws.clock())
    if plan.mode != "simulated":
        return []
    world = simulated_world(plan.seed, plan.quiet_season)
    tell = reporter.get()
    asked_at = plan.as_of - SNAPSHOT_AFTER
    store = ObservationStore(ws.settings.observations_dir, ws.ledger, clock=lambda: asked_at)
    done = iter(range(1, 4))
    ingest_history(world, store, progress=lambda _: tell("loading two years of history", next(done), 3))
    return _collect(ws, store, simulated_sources(world), plan.world, asked_at)


def _collect(
    ws: Workspace, store: ObservationStore, sources: Sequence[Source], world: str, now: datetime
) -> list[SourceReport]:
    """Ask sources one after the other and store what each gave; answers that cannot be read are kept."""
    found = collect_all(sources, now, ws.settings.quarantine_dir)
    found = [_stored(collected, store, world) for collected in found]
    return [
        SourceReport(c.source, len(c.observations), c.answers, tuple(str(e) for e in c.errors)) for c in found
    ]


def _stored(collected: Collected, store: ObservationStore, world: str) -> Collected:
    """Store what a source gave; rows that break the contract count as this source's error alone."""
    try:
        store_collected(collected, store, world)
    except ContractError as error:
        trouble = BadPayload(
            collected.source, str(error), remedy="tell a developer; nothing of it was stored"
        )
        return replace(
            collected, errors=(*collected.errors, trouble), observations=collected.observations[:0]
        )
    return collected


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
