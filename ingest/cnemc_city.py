"""The official hourly value of a Chinese city, which is not the mean of its stations.

``GetCityRealTimeAqiHistoryByCondition`` gives a city's last 24 hours with the six concentrations, so one
request an hour is also the backfill. That its rows name their fields like the station rows is taken from
public clients (AQI, Quality, TimePoint as ``/Date(ms)/``); the spelling of the concentrations is unverified,
as is whether a row repeats the code of its city.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from ingest.cnemc_wire import BASE_URL, MOST_NAMED, SOURCE, Values, items_of, post, read_values, rows_of
from ingest.feeds import Ask, Due, Feed, RawAnswer, Timing
from ingest.wire import REMEDY, Parsed, station_rows
from pipeline.cities import all_cities
from pipeline.errors import BadPayload
from pipeline.http import Http, Service
from pipeline.times import from_ns

_USUAL: Final = {
    "110000": "北京市",
    "120000": "天津市",
    "130100": "石家庄市",
    "130200": "唐山市",
    "130300": "秦皇岛市",
    "140100": "太原市",
    "150100": "呼和浩特市",
    "210100": "沈阳市",
    "210200": "大连市",
    "210600": "丹东市",
    "220100": "长春市",
    "230100": "哈尔滨市",
    "310000": "上海市",
    "320100": "南京市",
    "320700": "连云港市",
    "330200": "宁波市",
    "340100": "合肥市",
    "370100": "济南市",
    "370200": "青岛市",
    "370600": "烟台市",
    "371000": "威海市",
}
"""The cities of the forecast exchange and those of pipeline/surroundings.toml, by GB/T 2260 code."""
_CHOSEN: Final = {
    c.geocode["value"]: c.areas[0] for c in all_cities().values() if c.country == "CN" and len(c.areas) == 1
}
CITIES: Final[Mapping[str, str]] = {**_CHOSEN, **_USUAL}
"""The usual ones and the cities of this installation: whose official value is asked for."""
CITY_OF_CODE: Final = {c.geocode["value"]: c.id for c in all_cities().values() if c.country == "CN"}
PREFIX: Final = "city_"
OPERATION: Final = "GetCityRealTimeAqiHistoryByCondition"
NOTE: Final = "official value of the city as published, not a station mean"
TIMING: Final = Timing(delay=timedelta(minutes=25), keeps=timedelta(hours=24))


def station_of(code: str) -> str:
    """Return the station id under which a city's value is stored.

    >>> station_of("110000")
    'cnemc:city_110000'
    """
    return f"{SOURCE}:{PREFIX}{code}"


def parse_city(payload: bytes, code: str, note: str = "", now: datetime | None = None) -> Parsed:
    """Read the hours of one city; also its newest hour alone (``GetAQIDataPublishLiveInfo``, one object).

    Returns
    -------
    Parsed
        rows of ``pm2p5``, ``pm10`` and gases [ug m-3] of the station ``cnemc:city_…``; ``covered`` holds
        the hours that have a row, whether their values are there or not

    Raises
    ------
    SourceUnavailable
        an empty body or a web page
    NotYetAvailable
        an empty list
    BadPayload
        not one row reads, or they are another city's
    """
    values: list[Values] = []
    left_out: list[BadPayload] = []
    for item in items_of(payload):
        try:
            _same_city(item.get("citycode"), code)
            values.append(read_values(item, code, now))
        except BadPayload as error:
            left_out.append(error)
    if not values:
        raise left_out[0]
    station = {
        "station": station_of(code),
        "name": CITIES.get(code, code),
        "latitude": np.nan,
        "longitude": np.nan,
        "altitude": np.nan,
        "city": CITY_OF_CODE.get(code, ""),
        "interval_hours": 1,
        "note": "; ".join(s for s in (note, NOTE) if s),
    }
    return Parsed(
        rows_of(values, PREFIX),
        station_rows([station]),
        covered=tuple(sorted({(station_of(code), from_ns(v.time)) for v in values})),
        left_out=tuple(left_out[:MOST_NAMED]),
    )


def _same_city(said: Any, code: str) -> None:
    """Refuse another city's row; 0 and absence say nothing."""
    if said not in (None, "", 0, "0") and str(said) != code:
        raise BadPayload(SOURCE, f"a row of {str(said)[:20]!r}, not {code}", field="CityCode", remedy=REMEDY)


def get_city(http: Http, known: Service, code: str, base_url: str = BASE_URL) -> bytes:
    """Ask for a city's last 24 hours and return the raw answer."""
    return post(http, known, base_url, f"/HourChangesPublish/{OPERATION}?citycode={code}")


def asks(due: Due) -> list[Ask]:
    """Return one request for each city with hours due; it answers for all of them.

    Examples
    --------
    >>> from datetime import UTC
    >>> hour = datetime(2026, 10, 9, 10, tzinfo=UTC)
    >>> [a.parameters for a in asks(Due(hour, {"cnemc:city_110000": (hour,), "cnemc:city_120000": ()}))]
    [{'citycode': '110000'}]
    """
    found = []
    for unit, hours in due.hours.items():
        if hours:
            code = unit.removeprefix(station_of(""))
            fills = tuple((unit, hour) for hour in hours)
            found.append(Ask(OPERATION, f"last day of {CITIES.get(code, code)}", {"citycode": code}, fills))
    return found


def feeds(base: str, known: Service) -> list[Feed]:
    """Return the feed of the cities' values; every city is a unit."""

    def fetch(http: Http, ask: Ask) -> bytes:
        return get_city(http, known, ask.parameters["citycode"], base)

    def parse(answer: RawAnswer) -> Parsed:
        asked = answer.asked
        return parse_city(answer.payload, asked["citycode"], asked.get("note", ""), answer.fetched_at)

    units = tuple(station_of(code) for code in CITIES)
    return [
        Feed(
            "cnemc.city", SOURCE, TIMING, known, asks, fetch, parse, networks=(SOURCE,), units=lambda _: units
        )
    ]
