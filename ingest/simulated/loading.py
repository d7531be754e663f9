"""How a simulated world gets into the store: its history in bulk, its last day through the wire formats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import pandas as pd

from ingest import cnemc, open_meteo
from ingest.simulated.network import NOTE
from ingest.simulated.services import WINDOW_HOURS
from ingest.simulated.world import SimulatedWorld
from ingest.sources import STATION_LIST, Collected, HttpSource, RawAnswer, Source, collect_all, parse_answer
from pipeline.times import HOUR

ASSUMED_DELAY: Final = timedelta(minutes=25)
"""History counts as received this long after each interval's end; the services publish within 20 minutes."""


class Store(Protocol):
    """The part of ``pipeline.observations.ObservationStore`` that is needed here."""

    def append(
        self, rows: pd.DataFrame, *, source: str, world: str, assumed_delay: timedelta | None = None
    ) -> object:
        """Store rows, nothing twice."""

    def append_stations(self, stations: pd.DataFrame, *, source: str, world: str) -> object:
        """Store stations, nothing twice."""


def ingest_history(
    world: SimulatedWorld, store: Store, *, progress: Callable[[str], None] | None = None
) -> int:
    """Load the two years before the last day, as an archive with assumed receipt; returns the rows given.

    It ends where the services' last day begins (:func:`ingest_recent`), so no value is given twice.
    """
    until = world.end - WINDOW_HOURS * HOUR
    rows = 0
    tables = {"": world.observations(world.start, until), "open_meteo": world.weather(world.start, until)}
    for source in ("airkorea", "cnemc", "open_meteo"):
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
    return rows


def simulated_sources(world: SimulatedWorld) -> list[Source]:
    """Return the three services of a world, asked as a node does that was away for a day.

    AirKorea is asked station by station for its last day, CNEMC hour by hour, Open-Meteo since yesterday.
    """

    def korea(now: datetime) -> list[RawAnswer]:
        listed = world.answer("airkorea", "getMsrstnList", now)
        found = [RawAnswer("airkorea", listed, STATION_LIST, now, {"note": NOTE})]
        for name in (s.split(":")[1] for s in world.networks["airkorea"].stations):
            payload = world.answer("airkorea", "getMsrstnAcctoRltmMesureDnsty", now, {"stationName": name})
            found.append(RawAnswer("airkorea", payload, f"last day of {name}", now, {"station": name}))
        return found

    def china(now: datetime) -> list[RawAnswer]:
        found = []
        for back in range(WINDOW_HOURS - 1, -1, -1):
            label = (now - back * HOUR).astimezone(cnemc.CST).strftime("%Y-%m-%d %H:00:00")
            payload = world.answer("cnemc", "GetAQIHistoryByConditionHis", now, {"date": label})
            if payload != b"[]":
                found.append(RawAnswer("cnemc", payload, f"country at {label} CST", now, {"note": NOTE}))
        return found

    def weather(now: datetime) -> list[RawAnswer]:
        asked = {
            "latitude": ",".join(str(p.latitude) for p in open_meteo.POINTS),
            "longitude": ",".join(str(p.longitude) for p in open_meteo.POINTS),
            "hourly": ",".join((*open_meteo.VARIABLE_MAP, *open_meteo.WIND_FIELDS)),
            "past_days": "1",
            "forecast_days": "1",
        }
        payload = world.answer("open_meteo", "forecast", now, asked)
        return [RawAnswer("open_meteo", payload, "hourly weather", now, {"note": NOTE})]

    asked = {"airkorea": korea, "cnemc": china, "open_meteo": weather}
    return [HttpSource(name, get, parse_answer) for name, get in asked.items()]


def store_collected(collected: Collected, store: Store, world: str) -> int:
    """Append what a source gave, as received now, and return the rows given."""
    if len(collected.stations):
        store.append_stations(collected.stations, source=collected.source, world=world)
    if len(collected.observations):
        store.append(collected.observations, source=collected.source, world=world)
    return len(collected.observations)


def ingest_recent(
    world: SimulatedWorld, store: Store, now: datetime, quarantine_dir: Path
) -> list[Collected]:
    """Fetch, read and store the last day through the wire formats; each source may fail alone."""
    found = collect_all(simulated_sources(world), now, quarantine_dir)
    for collected in found:
        store_collected(collected, store, world.name)
    return found
