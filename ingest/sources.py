"""The list of sources, what each of them is to the cycle, and how one is asked without harming the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import pandas as pd
import requests

from ingest import airkorea, cnemc, open_meteo
from ingest.quarantine import quarantine
from ingest.wire import REMEDY, Parsed, observation_rows, station_rows
from pipeline.errors import BadPayload, SourceError


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came, and what was asked in words (no address, no key).

    ``asked`` holds parameters that the answer does not repeat, such as the station's name.
    """

    source: str
    payload: bytes = field(repr=False)
    description: str
    fetched_at: datetime
    asked: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Something that delivers observations."""

    @property
    def name(self) -> str:
        """Return the short name, which also begins its station ids."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the networks whose stations it delivers."""

    @property
    def expected_delay(self) -> timedelta:
        """Return how long after an interval's end its value is normally there."""

    def fetch(self, now: datetime) -> list[RawAnswer]:
        """Ask for what is new at ``now``; raises SourceError."""

    def parse(self, answer: RawAnswer) -> Parsed:
        """Read one answer; raises SourceError."""


Getter = Callable[[datetime], list[RawAnswer]]
Parser = Callable[[RawAnswer], Parsed]

EXPECTED_DELAY: Final = {
    "airkorea": timedelta(minutes=20),
    "cnemc": timedelta(minutes=25),
    "open_meteo": timedelta(minutes=15),
}


@dataclass(frozen=True)
class HttpSource:
    """A source made of two functions: one that asks, one that reads."""

    name: str
    get: Getter = field(repr=False)
    read: Parser = field(repr=False)

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the one network it has."""
        return (self.name,)

    @property
    def expected_delay(self) -> timedelta:
        """Return the delay of EXPECTED_DELAY."""
        return EXPECTED_DELAY[self.name]

    def fetch(self, now: datetime) -> list[RawAnswer]:
        """Ask for what is new at ``now``."""
        return self.get(now)

    def parse(self, answer: RawAnswer) -> Parsed:
        """Read one answer."""
        return self.read(answer)


STATION_LIST: Final = "station list"


def parse_answer(answer: RawAnswer) -> Parsed:
    """Read an answer of any of the services by its source and description."""
    if answer.source == airkorea.SOURCE:
        if answer.description == STATION_LIST:
            return airkorea.parse_stations(answer.payload, answer.asked.get("note", ""))
        return airkorea.parse_measurements(answer.payload, answer.asked.get("station"))
    if answer.source == cnemc.SOURCE:
        return cnemc.parse_live(answer.payload, answer.asked.get("note", ""))
    if answer.source == open_meteo.SOURCE:
        note = answer.asked.get("note", open_meteo.ANALYSIS)
        return open_meteo.parse_weather(answer.payload, answer.fetched_at, note=note)
    raise BadPayload(answer.source, "nobody reads this source", remedy="add it to ingest/sources.py")


def live_sources(session: requests.Session, airkorea_key: str) -> list[Source]:
    """Return the real services; AirKorea only where there is a key. Nothing is asked yet."""

    def korea(now: datetime) -> list[RawAnswer]:
        stations = airkorea.get_stations(session, airkorea_key)
        values = airkorea.get_measurements(session, airkorea_key)
        return [
            RawAnswer("airkorea", stations, STATION_LIST, now),
            RawAnswer("airkorea", values, "newest hour", now),
        ]

    def china(now: datetime) -> list[RawAnswer]:
        return [RawAnswer("cnemc", cnemc.get_live(session), "newest hour", now)]

    def weather(now: datetime) -> list[RawAnswer]:
        return [RawAnswer("open_meteo", open_meteo.get_weather(session), "hourly weather", now)]

    found: list[Source] = [
        HttpSource("cnemc", china, parse_answer),
        HttpSource("open_meteo", weather, parse_answer),
    ]
    return [HttpSource("airkorea", korea, parse_answer), *found] if airkorea_key else found


@dataclass(frozen=True)
class Collected:
    """What one source gave: rows, and every error with where its answer lies."""

    source: str
    observations: pd.DataFrame = field(repr=False)
    stations: pd.DataFrame = field(repr=False)
    answers: int
    errors: tuple[SourceError, ...] = ()
    quarantined: tuple[Path, ...] = ()


def collect(source: Source, now: datetime, quarantine_dir: Path) -> Collected:
    """Ask one source and read its answers; a failure is reported, never raised.

    An answer that cannot be read goes to quarantine and the others of the same source still count.
    """
    try:
        answers = source.fetch(now)
    except SourceError as error:
        return Collected(source.name, observation_rows([]), station_rows([]), 0, (error,))
    parts: list[Parsed] = []
    errors: list[SourceError] = []
    kept: list[Path] = []
    for answer in answers:
        try:
            parts.append(_parsed(source, answer))
        except SourceError as error:
            errors.append(error)
            if isinstance(error, BadPayload):
                kept.append(
                    quarantine(quarantine_dir, answer.payload, answer.description, answer.fetched_at, error)
                )
    observations = _join([p.observations for p in parts], observation_rows([]))
    stations = _join([p.stations for p in parts], station_rows([]))
    stations = stations.drop_duplicates("station", keep="last", ignore_index=True)
    return Collected(source.name, observations, stations, len(answers), tuple(errors), tuple(kept))


def _parsed(source: Source, answer: RawAnswer) -> Parsed:
    """Read an answer; whatever a parser stumbles over is a BadPayload, so that one source stops no other."""
    try:
        return source.parse(answer)
    except SourceError:
        raise
    except Exception as error:
        what = f"the answer does not have the documented shape ({type(error).__name__})"
        raise BadPayload(source.name, what, remedy=REMEDY) from error


def collect_all(sources: Sequence[Source], now: datetime, quarantine_dir: Path) -> list[Collected]:
    """Ask every source in turn; each may fail alone."""
    return [collect(source, now, quarantine_dir) for source in sources]


def _join(frames: list[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty
