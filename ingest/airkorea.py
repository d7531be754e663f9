"""AirKorea, the Korean national network (한국환경공단 on data.go.kr): hourly values and the station list.

Labels are the end of the hour in KST and run 01 … 24; values are strings, published about HH:15 and
unconfirmed, so they may change: every day is read again after its end and once more four days later. PM is in
µg/m³; gases are in ppm and stored as mole fractions [1e-9]. Missing is ``-``, empty or null, with the reason
in the field's ``*Flag``. A flag beside a value is not documented (unverified): the value is kept as suspect.

One request answers for the newest hour of the whole country. Hours that were missed are asked for station by
station, for the stations of our cities and those that stand for the air upwind only: 500 requests a day are
few, so the history has its own share of them and can never use up those of the newest hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pandas as pd

from ingest import airkorea_alarms, airkorea_forecast
from ingest.airkorea_gateway import CALLS_PER_DAY, SOURCE, floor_hour, get, service
from ingest.airkorea_history import KEEPS, history_ask, settled
from ingest.airkorea_history import OPERATION as HISTORY
from ingest.airkorea_rows import parse_measurements, parse_stations
from ingest.feeds import WHOLE, About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.wire import Parsed
from pipeline.cities import all_cities
from pipeline.errors import QuotaSpent, SourceUnavailable
from pipeline.http import Http, Service
from pipeline.surroundings import all_places
from pipeline.times import HOUR

ABOUT: Final = About(
    SOURCE,
    "AirKorea, national network of Korea (data.go.kr)",
    "hourly PM and gases of Korea, official forecasts, PM advisories and warnings",
    "SAMEAIR_AIRKOREA_KEY",
    "apply at data.go.kr for 15073861, 15073877, 15073885 and 15112307; one key serves all",
    "KOGL, attribution, no derivatives; values are unconfirmed",
)
NEWEST: Final = "ArpltnInforInqireSvc/getCtprvnRltmMesureDnsty"
STATIONS: Final = "MsrstnInfoInqireSvc/getMsrstnList"
NATION: Final = "전국"
HISTORY_SHARE: Final = 380
"""Requests a day for station history, of the 500 that it shares with newest hours and forecasts."""
NEWEST_TIMING: Final = Timing(delay=timedelta(minutes=15), keeps=KEEPS)
DAYS_TIMING: Final = Timing(
    delay=timedelta(hours=2),
    keeps=KEEPS,
    step=timedelta(days=1),
    offset=timedelta(hours=15),
    revisit=(timedelta(days=4),),
)
STATIONS_TIMING: Final = Timing(
    delay=timedelta(0), keeps=timedelta(days=30), step=timedelta(days=1), offset=timedelta(hours=18)
)


def feeds(config: SourceConfig) -> list[Feed]:
    """Return all feeds of AirKorea, the station list first; none without a key.

    >>> feeds(SourceConfig())
    []
    """
    if not config.key.get_secret_value():
        return []
    main, list_service = main_service(config), service(config, "stations")
    return [
        Feed(
            "airkorea.stations",
            SOURCE,
            STATIONS_TIMING,
            list_service,
            lambda due: [Ask(STATIONS, "list of all stations", {}, _whole(due))],
            lambda http, ask: get(http, list_service, config, STATIONS, {}),
            lambda answer: parse_stations(answer.payload),
            (SOURCE,),
        ),
        Feed(
            "airkorea.hourly",
            SOURCE,
            NEWEST_TIMING,
            main,
            hourly_asks,
            lambda http, ask: get_hours(http, config, ask),
            parse_hours,
            (SOURCE,),
            wanted_stations,
        ),
        Feed(
            "airkorea.days",
            SOURCE,
            DAYS_TIMING,
            history_service(config),
            day_asks,
            lambda http, ask: get_history(http, config, ask),
            lambda answer: parse_hours(answer)._replace(covered=None),
            (SOURCE,),
            wanted_stations,
        ),
        *airkorea_forecast.feeds(config, main),
        *airkorea_alarms.feeds(config),
    ]


def main_service(config: SourceConfig) -> Service:
    """Return the share of the quota for newest hours and forecasts."""
    return service(config, per_day=CALLS_PER_DAY - HISTORY_SHARE)


def history_service(config: SourceConfig) -> Service:
    """Return the share of the quota that station history may use."""
    return service(config, "history", HISTORY_SHARE)


def _whole(due: Due) -> tuple[tuple[str, Any], ...]:
    return tuple((WHOLE, when) for when in due.instants)


def wanted_stations(stations: pd.DataFrame) -> tuple[str, ...]:
    """Return the stations whose missed hours are asked for: those of our cities, and those named around.

    Stations around that make means over three hours are not: two of three hours are enough for a mean.

    >>> "airkorea:백령도" in wanted_stations(pd.DataFrame({"station": [], "city": []}))
    True
    """
    ours = stations["station"].astype(str)
    ours = ours[(stations["city"].astype(str) != "") & ours.str.startswith(f"{SOURCE}:")]
    named = {
        name
        for series in (
            *(s for city in all_cities().values() for s in city.series),
            *(s for place in all_places().values() for s in place.series if s.interval_hours == 1),
        )
        for name in series.stations
        if name.startswith(f"{SOURCE}:")
    }
    return tuple(sorted({*ours, *named}))


def hourly_asks(due: Due) -> list[Ask]:
    """Return one request for the newest hour of all stations, and one for each that lacks older hours."""
    newest = floor_hour(due.now - NEWEST_TIMING.delay)
    asks = []
    if newest in due.instants:
        fills = tuple((unit, newest) for unit, hours in due.hours.items() if newest in hours)
        asks.append(Ask(NEWEST, "newest hour of the country", {"sidoName": NATION, "ver": "1.3"}, fills))
    for unit, hours in due.hours.items():
        if hours[0] < newest:
            asks.append(history_ask(unit, hours, hours[0] - HOUR, due.now))
    return asks


def day_asks(due: Due) -> list[Ask]:
    """Return one request for each station, for every hour of the days that end at the instants due."""
    day = timedelta(days=1)
    return [history_ask(unit, ends, ends[0] - day, due.now) for unit, ends in due.hours.items()]


def get_hours(http: Http, config: SourceConfig, asked: Ask) -> bytes:
    """Ask for the newest hour, or for the history of one station.

    Raises
    ------
    SourceError
        as the gateway says; a spent share of the history is SourceUnavailable, so that newest hours go on
    """
    if asked.operation != HISTORY:
        return get(http, main_service(config), config, asked.operation, asked.parameters)
    try:
        return get_history(http, config, asked)
    except QuotaSpent as spent:
        what = f"no requests left for station history ({spent.what})"
    raise SourceUnavailable(SOURCE, what, remedy="goes on after midnight KST; newest hours are not concerned")


def get_history(http: Http, config: SourceConfig, asked: Ask) -> bytes:
    """Ask for the history of one station."""
    query = {name: value for name, value in asked.parameters.items() if name != "since"}
    return get(http, history_service(config), config, HISTORY, query)


def parse_hours(answer: RawAnswer) -> Parsed:
    """Read an answer of either operation, and say which hours of which stations it settles."""
    name = answer.asked.get("stationName")
    parsed = parse_measurements(answer.payload, name)
    if name is None:
        return parsed
    seen = sorted({hour for _, hour in parsed.covered or ()})
    done = settled(f"{SOURCE}:{name}", seen, answer.asked, answer.fetched_at, not parsed.left_out)
    return parsed._replace(covered=done)
