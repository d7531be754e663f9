"""CNEMC, the Chinese national network: the whole country's hourly values of the present hour or the last day.

Undocumented service without key. Times are naive Beijing time or epoch milliseconds, the end of the hour;
numbers are strings; published about HH:20 for health guidance, not for compliance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
import requests

from ingest.wire import (
    REMEDY,
    Parsed,
    Reading,
    ask,
    hour_end,
    load_json,
    observation_rows,
    required,
    station_rows,
    to_number,
)
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable

SOURCE: Final = "cnemc"
BASE_URL: Final = "https://air.cnemc.cn:18007"
VARIABLE_MAP: Final = {"PM2_5": "pm2p5", "PM10": "pm10"}
MISSING: Final = frozenset({"", "NA", "/", "—", "-;", "-"})
"""``/`` says that the pollutant is no longer measured there; ``-;`` was used until about 2018."""
CST: Final = timezone(timedelta(hours=8))
CITY_OF_AREA: Final = {"北京市": "beijing"}
CONTROL_SITE: Final = "对照点"
CONTROL_CODES: Final = frozenset({"1002A"})
"""Clean reference sites of Beijing, no part of its city mean; some answers leave the mark out of the name."""
EPOCH_MS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


def parse_time(text: object) -> np.datetime64:
    """Return the interval end [UTC] of a CNEMC time: ``/Date(ms)/`` or ISO in Beijing time.

    A trailing ``Z`` is false (old copies of the service print Beijing time with it) and is ignored.

    >>> str(parse_time("2026-10-09T18:00:00"))[:16], str(parse_time("/Date(1791540000000)/"))[:16]
    ('2026-10-09T10:00', '2026-10-09T10:00')
    """
    try:
        epoch = EPOCH_MS.fullmatch(str(text))
        if epoch:
            when = datetime.fromtimestamp(int(epoch[1]) / 1000, tz=UTC)
        else:
            when = datetime.fromisoformat(str(text).removesuffix("Z"))
    except (ValueError, OverflowError, OSError):
        raise BadPayload(SOURCE, f"{str(text)[:40]!r} is no time", field="TimePoint", remedy=REMEDY) from None
    return hour_end(when if when.tzinfo else when.replace(tzinfo=CST), SOURCE, "TimePoint")


def parse_live(payload: bytes, note: str = "") -> Parsed:
    """Read ``GetAllAQIPublishLive`` or ``GetAQIHistoryByConditionHis``: the country at one hour.

    Returns
    -------
    Parsed
        rows of ``pm2p5`` and ``pm10`` [ug m-3] and the stations with coordinates; rows with
        ``IsPublish`` false are valid; ``CityCode`` and ``ProvinceId`` may be 0 and are not used

    Raises
    ------
    SourceUnavailable
        an empty body or a web page, as the service answers wrong methods and in trouble
    NotYetAvailable
        an empty list: the hour is not there, or lies more than 23 hours back
    BadPayload
        anything that does not read
    """
    if not payload.strip() or payload.lstrip()[:1] == b"<":
        raise SourceUnavailable(SOURCE, "answered nothing, or a web page", remedy="try again later")
    items = load_json(payload, SOURCE)
    if not isinstance(items, list):
        raise BadPayload(SOURCE, "the answer is no list of stations", remedy=REMEDY)
    if not items:
        raise NotYetAvailable(SOURCE, "no stations for that hour", remedy="ask again later")
    readings, stations = [], []
    for item in items:
        code = required(item, "StationCode", SOURCE)
        time = parse_time(required(item, "TimePoint", SOURCE))
        for field, quantity in VARIABLE_MAP.items():
            value = to_number(required(item, field, SOURCE), SOURCE, field, MISSING)
            readings.append(Reading(f"{SOURCE}:{code}", quantity, time, value))
        stations.append(_station(item, str(code), note))
    return Parsed(observation_rows(readings), station_rows(stations))


def _station(item: Mapping[str, Any], code: str, note: str) -> dict[str, object]:
    name = str(item.get("PositionName") or code)
    control = code in CONTROL_CODES or CONTROL_SITE in name
    said = [note, "control site, not in the city mean" if control else ""]
    return {
        "station": f"{SOURCE}:{code}",
        "name": name,
        "latitude": to_number(item.get("Latitude"), SOURCE, "Latitude", MISSING),
        "longitude": to_number(item.get("Longitude"), SOURCE, "Longitude", MISSING),
        "altitude": np.nan,
        "city": "" if control else CITY_OF_AREA.get(str(item.get("Area")), ""),
        "interval_hours": 1,
        "note": "; ".join(s for s in said if s),
    }


def read_live(path: Path) -> Parsed:
    """Read a saved answer; see :func:`parse_live`."""
    return parse_live(path.read_bytes())


def get_live(session: requests.Session, base_url: str = BASE_URL) -> bytes:
    """Ask for the whole country's newest hour and return the raw answer."""
    return _post(session, f"{base_url}/HourChangesPublish/GetAllAQIPublishLive", {}, base_url)


def get_history(session: requests.Session, hour_end: datetime, base_url: str = BASE_URL) -> bytes:
    """Ask for the whole country at one hour of the last 23 and return the raw answer."""
    label = hour_end.astimezone(CST).strftime("%Y-%m-%d %H:00:00")
    return _post(
        session, f"{base_url}/HourChangesPublish/GetAQIHistoryByConditionHis", {"date": label}, base_url
    )


def _post(session: requests.Session, url: str, form: dict[str, str], base_url: str) -> bytes:
    # An empty form body is needed: without one the service answers nothing.
    headers = {
        "X-Requested-With": "XMLHttpRequest",
        "Referer": base_url,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return ask(session, SOURCE, "POST", url, data=form or b"", headers=headers)
