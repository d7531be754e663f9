"""How a simulated world gets into the store: its history in bulk, its last hours by the real feeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import pandas as pd

from ingest import airkorea, cnemc, open_meteo
from ingest.asking import FeedReport
from ingest.collect import collect_all
from ingest.feeds import Ask, Due, Feed, RawAnswer, SourceConfig
from ingest.simulated.network import NOTE
from ingest.simulated.previous_winds import Store as ForecastsStore
from ingest.simulated.previous_winds import store_previous_winds
from ingest.simulated.twin import twin_session
from ingest.simulated.world import SimulatedWorld
from ingest.sources import ANY_KEY
from ingest.storing import ForecastSink, Intake
from ingest.wire import Parsed
from pipeline.http import PoliteHttp
from pipeline.observations import ObservationStore
from pipeline.times import HOUR

ASSUMED_DELAY: Final = timedelta(minutes=25)
"""History counts as received this long after each interval's end; the services publish within 20 minutes."""
LAST_HOURS: Final = 24
"""How many hours the services are asked for, as by a node that was away for a day."""
ASKED: Final = (
    "airkorea.stations",
    "airkorea.hourly",
    "cnemc.hourly",
    "open_meteo.weather",
    "open_meteo.forecast",
)
"""The feeds that a simulated world has."""


class Store(Protocol):
    """The part of ``pipeline.observations.ObservationStore`` that history needs."""

    def append(
        self, rows: pd.DataFrame, *, source: str, world: str, assumed_delay: timedelta | None = None
    ) -> object:
        """Store rows, nothing twice."""

    def append_stations(self, stations: pd.DataFrame, *, source: str, world: str) -> object:
        """Store stations, nothing twice."""


def ingest_history(
    world: SimulatedWorld,
    store: Store,
    *,
    forecasts: ForecastsStore | None = None,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Load the two years before the last hours, as an archive with assumed receipt; returns the rows given.

    It ends where the services are asked (:func:`ingest_recent`), so no value is given twice; that of a
    network that no simulated service shows goes on to the present. Into
    ``forecasts`` goes what earlier runs of the weather model had said of the winds.
    """
    until = world.end - LAST_HOURS * HOUR
    rows = 0
    tables = {"": world.observations(world.start, until), "open_meteo": world.weather(world.start, until)}
    unasked = set(world.networks) - {name.partition(".")[0] for name in ASKED}
    known = world.end - ASSUMED_DELAY
    tables |= dict.fromkeys(unasked, world.observations(world.start, known)) if unasked else {}
    for source in (*world.networks, "open_meteo"):
        table = tables.get(source, tables[""])
        table = table[
            table["station"].isin([s for s in table["station"].cat.categories if s.startswith(f"{source}:")])
        ]
        if progress is not None:
            progress(source)
        stations = world.stations[world.stations["station"].str.startswith(f"{source}:")].reset_index(
            drop=True
        )
        store.append_stations(stations, source=source, world=world.name)
        store.append(
            table.reset_index(drop=True), source=source, world=world.name, assumed_delay=ASSUMED_DELAY
        )
        rows += len(table)
    if forecasts is not None:
        store_previous_winds(world, forecasts)
    return rows


def simulated_feeds() -> list[Feed]:
    """Return the real feeds of the three services; every station and forecast says that it is simulated.

    >>> [feed.name for feed in simulated_feeds()] == list(ASKED)
    True
    """
    config = SourceConfig(key=ANY_KEY)
    found = {feed.name: feed for source in (airkorea, cnemc, open_meteo) for feed in source.feeds(config)}
    return [_as_simulated(found[name]) for name in ASKED]


def _as_simulated(feed: Feed) -> Feed:
    def parse(answer: RawAnswer) -> Parsed:
        parsed = feed.parse(replace(answer, asked={**answer.asked, "note": NOTE}))
        notes = [note if note.startswith(NOTE) else NOTE for note in parsed.stations["note"]]
        labelled = tuple(d.assign_attrs(source=f"{d.attrs['source']} ({NOTE})") for d in parsed.forecasts)
        return parsed._replace(stations=parsed.stations.assign(note=notes), forecasts=labelled)

    # The twin's day always holds LAST_HOURS rows; the real one may hold fewer, so the feed asks for a month.
    def asks(due: Due) -> list[Ask]:
        day = {"dataTerm": "DAILY"}
        return [
            replace(ask, parameters={**ask.parameters, **day}) if "dataTerm" in ask.parameters else ask
            for ask in feed.asks(due)
        ]

    return replace(feed, parse=parse, asks=asks)


def ingest_recent(
    world: SimulatedWorld,
    store: ObservationStore,
    now: datetime,
    quarantine_dir: Path,
    feeds: list[Feed] | None = None,
    forecasts: ForecastSink | None = None,
) -> list[FeedReport]:
    """Ask for the last hours as a node does that was away, and store them; each feed may fail alone.

    The weather forecast is kept where ``forecasts`` is given.
    """
    with twin_session(world, lambda: now) as session:
        http = PoliteHttp(session, store.ledger, lambda: now, sleep=lambda _: None)
        intake = Intake(store, world.name, quarantine_dir, forecasts)
        asked = simulated_feeds() if feeds is None else feeds
        return collect_all(intake, http, asked, now, backfill=LAST_HOURS * HOUR)
