"""CNEMC, the Chinese national network: the whole country's hourly values of the present hour or the last day.

Undocumented service without key. Times are naive Beijing time or epoch milliseconds, the end of the hour;
numbers are strings; published about HH:20 for health guidance, not for compliance. Hours older than a day
are gone, so it must be asked every hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from ingest import cnemc_city
from ingest.cnemc_wire import (
    BASE_URL,
    CST,
    MISSING,
    MOST_NAMED,
    SOURCE,
    VARIABLE_MAP,
    Item,
    Values,
    coordinate,
    items_of,
    parse_time,
    post,
    read_values,
    rows_of,
    said,
    service,
)
from ingest.feeds import WHOLE, About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.wire import Parsed, station_rows
from pipeline.cities import cities_by_area
from pipeline.errors import BadPayload
from pipeline.http import Http, Service
from pipeline.times import HOUR, from_ns

__all__ = [
    "ABOUT",
    "BASE_URL",
    "CST",
    "MISSING",
    "SOURCE",
    "VARIABLE_MAP",
    "feeds",
    "get_history",
    "get_live",
    "parse_live",
    "parse_time",
    "read_live",
    "service",
]

CITY_OF_AREA: Final = cities_by_area("CN")
NOT_IN_MEAN: Final = {"对照点": "control site", "区域": "regional site"}
CONTROL_CODES: Final = frozenset({"1002A"})
"""Clean reference sites of Beijing, no part of its city mean; some answers leave the mark out of the name."""
LIVE: Final = "GetAllAQIPublishLive"
HISTORY: Final = "GetAQIHistoryByConditionHis"
TIMING: Final = Timing(
    delay=timedelta(minutes=25),
    keeps=timedelta(hours=24),
    revisit=(timedelta(hours=1), timedelta(hours=4), timedelta(hours=20)),
)
ABOUT: Final = About(
    source=SOURCE,
    title="CNEMC national publication (air.cnemc.cn)",
    adds="hourly PM2.5, PM10 and gases of about 1,600 Chinese stations, and the official values of 21 cities",
    licence="published for health guidance; terms of redistribution are not stated",
)


def parse_live(payload: bytes, note: str = "", now: datetime | None = None) -> Parsed:
    """Read the country at one hour: ``GetAllAQIPublishLive``, ``GetAQIHistoryByConditionHis`` or a copy.

    Public copies in other spellings (lower case of 2018, ``pm25.in``, the archive's CSV) read alike.

    Parameters
    ----------
    now : when it was fetched; rows later than that are left out

    Returns
    -------
    Parsed
        rows of ``pm2p5``, ``pm10`` and gases [ug m-3] and the stations with coordinates; rows with
        ``IsPublish`` false are valid; ``CityCode`` and ``ProvinceId`` may be 0 and are not used. A row that
        does not name its city is taken to say nothing of the place. ``covered`` holds each hour that at
        least half of the stations have.

    Raises
    ------
    SourceUnavailable
        an empty body or a web page, as the service answers wrong methods and in trouble
    NotYetAvailable
        an empty list: the hour is not there, or lies more than 23 hours back
    BadPayload
        not one row reads
    """
    values: list[Values] = []
    stations: list[dict[str, object]] = []
    left_out: list[BadPayload] = []
    for item in items_of(payload):
        try:
            row = read_values(item, item.get("stationcode"), now)
        except BadPayload as error:
            left_out.append(error)
            continue
        values.append(row)
        stations.append(_station(item, row.code, note))
    if not values:
        raise left_out[0]
    covered = tuple((WHOLE, hour) for hour in common_hours(values))
    named = tuple(left_out[:MOST_NAMED])
    return Parsed(rows_of(values), station_rows(stations), covered=covered, left_out=named)


def common_hours(values: Iterable[Values]) -> list[datetime]:
    """Return the hours [UTC] for which at least half of the stations that answered have a row."""
    stations_at: Counter[np.datetime64] = Counter()
    codes: set[str] = set()
    for code, time in {(v.code, v.time) for v in values}:
        stations_at[time] += 1
        codes.add(code)
    return sorted(from_ns(time) for time, n in stations_at.items() if 2 * n >= len(codes))


def _station(item: Item, code: str, note: str) -> dict[str, object]:
    name = said(item.get("positionname"), code)
    apart = next((what for mark, what in NOT_IN_MEAN.items() if mark in name), "")
    if code in CONTROL_CODES:
        apart = NOT_IN_MEAN["对照点"]
    area = said(item.get("area"))
    notes = [note, f"{apart}, not in the city mean" if apart else ""]
    return {
        "station": f"{SOURCE}:{code}",
        "name": name,
        "latitude": coordinate(item.get("latitude"), 90) if area else np.nan,
        "longitude": coordinate(item.get("longitude"), 180) if area else np.nan,
        "altitude": np.nan,
        "city": "" if apart else CITY_OF_AREA.get(area, ""),
        "interval_hours": 1,
        "note": "; ".join(s for s in notes if s),
    }


def read_live(path: Path) -> Parsed:
    """Read a saved answer or public copy; see :func:`parse_live`."""
    return parse_live(path.read_bytes())


def get_live(http: Http, known: Service, base_url: str = BASE_URL) -> bytes:
    """Ask for the whole country's newest hour and return the raw answer."""
    return post(http, known, base_url, f"/HourChangesPublish/{LIVE}")


def get_history(http: Http, known: Service, label: str, base_url: str = BASE_URL) -> bytes:
    """Ask for the whole country at one hour of the last 23, ``2026-10-09 18:00:00`` Beijing time."""
    return post(http, known, base_url, f"/HourChangesPublish/{HISTORY}", {"date": label})


def beijing_label(hour_end: datetime) -> str:
    """Return an interval end as the history wants it.

    >>> from datetime import UTC
    >>> beijing_label(datetime(2026, 10, 9, 16, tzinfo=UTC))
    '2026-10-10 00:00:00'
    """
    return hour_end.astimezone(CST).strftime("%Y-%m-%d %H:00:00")


def asks(due: Due) -> list[Ask]:
    """Return one request for each hour that is due; the hour that has just ended is asked for as the newest.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 10, 9, 10, 27, tzinfo=UTC)
    >>> hours = now.replace(hour=9, minute=0), now.replace(minute=0)
    >>> [a.description for a in asks(Due(now, {WHOLE: hours}))]
    ['country at 2026-10-09 17:00:00 CST', 'country, newest hour']
    """
    found = []
    for hour in due.instants:
        if due.now - hour < HOUR:
            found.append(Ask(LIVE, "country, newest hour", fills=((WHOLE, hour),)))
        else:
            label = beijing_label(hour)
            found.append(Ask(HISTORY, f"country at {label} CST", {"date": label}, ((WHOLE, hour),)))
    return found


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the country's hours and the official values of cities."""
    base, known = (config.base_url or BASE_URL).rstrip("/"), service()

    def fetch(http: Http, ask: Ask) -> bytes:
        if ask.operation == LIVE:
            return get_live(http, known, base)
        return get_history(http, known, ask.parameters["date"], base)

    def parse(answer: RawAnswer) -> Parsed:
        return parse_live(answer.payload, answer.asked.get("note", ""), answer.fetched_at)

    country = Feed("cnemc.hourly", SOURCE, TIMING, known, asks, fetch, parse, networks=(SOURCE,))
    return [country, *cnemc_city.feeds(base, known)]
