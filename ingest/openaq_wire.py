"""How OpenAQ v3 writes: refusals, pages, ids, instants, missing marks, stations; shared with its archive."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np

from ingest.feeds import SourceConfig
from ingest.wire import REMEDY, required
from pipeline.cities import all_cities
from pipeline.errors import BadPayload, Refused, SourceError, SourceUnavailable
from pipeline.http import Http, Limits, Request, Service

SOURCE: Final = "openaq"
BASE_URL: Final = "https://api.openaq.org/v3"
LIMITS: Final = Limits(per_minute=60, per_hour=2000)
PER_PAGE: Final = 1000
MOST_PAGES: Final = 20
MICROGRAMS: Final = frozenset({"µg/m³", "μg/m³", "ug/m3"})
MISSING: Final = frozenset({-1.0, -999.0, -9999.0, 9999.0})
"""Marks of the networks that pass through; Korea's missing values arrive as 9999."""
CITY_KM: Final = 25.0
"""A station within this of a city's centre counts as the city's."""
KM_PER_DEGREE: Final = 111.2
SENSOR: Final = re.compile(r"\b(pm10|pm2p5)=(\d{1,12})\b", re.ASCII)


def service(config: SourceConfig) -> Service:
    """Return what must be known to ask it."""
    return Service(SOURCE, LIMITS, secrets=(config.key,))


def check(payload: bytes) -> None:
    """Raise what a refusal means; what is no JSON is not judged here.

    >>> check(b'{"detail": "Invalid credentials"}')
    Traceback (most recent call last):
    pipeline.errors.Refused: openaq: Invalid credentials; check SAMEAIR_OPENAQ_KEY
    """
    try:
        pages = list(_pages(payload))
    except BadPayload:
        return
    for page in pages:
        detail = page.get("detail", page.get("message")) if isinstance(page, Mapping) else None
        if detail is not None:
            raise _refusal(ascii(str(detail)[:120])[1:-1])


def _refusal(said: str) -> SourceError:
    words = said.lower()
    if "credentials" in words or "api key" in words:
        return Refused(SOURCE, said, remedy="check SAMEAIR_OPENAQ_KEY")
    if "too many" in words or "timeout" in words:
        return SourceUnavailable(SOURCE, said, remedy="try again later")
    return BadPayload(SOURCE, said, remedy="check the parameters")


def _pages(payload: bytes) -> Iterator[Any]:
    """Yield the JSON documents that stand one after the other."""
    try:
        text = payload.decode("utf-8-sig").strip()
        at = 0
        while at < len(text):
            page, at = json.JSONDecoder().raw_decode(text, at)
            yield page
            at += len(text[at:]) - len(text[at:].lstrip())
    except (ValueError, RecursionError) as error:
        start = payload[:40].decode("utf-8", "replace")
        raise BadPayload(SOURCE, f"the answer is no JSON; it starts with {start!r}", remedy=REMEDY) from error


def results_of(payload: bytes) -> list[Any]:
    """Return the results of all pages.

    >>> results_of(b'{"results": [1]} {"results": [2]}')
    [1, 2]
    """
    check(payload)
    found: list[Any] = []
    for page in _pages(payload):
        results = required(page, "results", SOURCE)
        if not isinstance(results, list):
            raise BadPayload(SOURCE, "results is no list", field="results", remedy=REMEDY)
        found += results
    return found


def id_of(value: object, field: str) -> str:
    """Return an id as text; anything but a positive whole number is a BadPayload."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**12:
        raise BadPayload(SOURCE, f"{ascii(value)[:40]} is no id", field=field, remedy=REMEDY)
    return str(value)


def instant_of(period: Any, field: str) -> datetime:
    """Return the instant of ``{"utc": …, "local": …}``."""
    return instant_text(required(period, "utc", SOURCE), field)


def instant_text(text: object, field: str) -> datetime:
    """Return an instant that names its zone.

    >>> instant_text("2020-07-30T23:00:00+03:00", "datetime").utcoffset()
    datetime.timedelta(seconds=10800)
    """
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None or not 1990 <= when.year <= 2199:
        raise BadPayload(SOURCE, f"{ascii(text)[:40]} is no instant", field=field, remedy=REMEDY)
    return when


def all_pages(http: Http, config: SourceConfig, path: str, query: Mapping[str, str]) -> bytes:
    """Ask page by page until a short one: ``meta.found`` may be no number."""
    url = (config.base_url or BASE_URL).rstrip("/") + path
    pages: list[bytes] = []
    for page in range(1, MOST_PAGES + 1):
        params = {**query, "limit": str(PER_PAGE), "page": str(page)}
        headers = {"X-API-Key": config.key.get_secret_value()}
        request = Request(
            "GET", url, params, headers=headers, check=check, expect=("application/json",), absent=(404,)
        )
        pages.append(http.ask(service(config), request))
        try:
            if len(results_of(pages[-1])) < PER_PAGE:
                break
        except BadPayload:
            break
    return b"\n".join(pages)


def is_missing(value: object) -> bool:
    """Tell whether a value is null or a mark; anything but a number is a BadPayload.

    >>> is_missing(9999), is_missing(None), is_missing(-4.9)
    (True, True, False)
    """
    if value is None:
        return True
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
        raise BadPayload(SOURCE, f"{ascii(value)[:40]} is no number", field="value", remedy=REMEDY)
    return float(value) in MISSING


def coordinates_of(place: object) -> tuple[float, float]:
    """Return latitude and longitude [degree] of ``coordinates``; NaN where they are not given."""
    if place is None:
        return math.nan, math.nan
    found = []
    for field, most in (("latitude", 90.0), ("longitude", 180.0)):
        number = required(place, field, SOURCE)  # type: ignore[arg-type]
        if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) <= most:
            raise BadPayload(SOURCE, f"{ascii(number)[:40]} is no coordinate", field=field, remedy=REMEDY)
        found.append(float(number))
    return found[0], found[1]


def station_of(location: str, name: str, latitude: float, longitude: float, note: str) -> dict[str, object]:
    """Return the station row of a location; near a city's centre it belongs to the city."""
    return {
        "station": f"{SOURCE}:{location}",
        "name": name[:100] or location,
        "latitude": latitude,
        "longitude": longitude,
        "altitude": np.nan,
        "city": city_near(latitude, longitude),
        "interval_hours": 1,
        "note": note,
    }


def city_near(latitude: float, longitude: float) -> str:
    """Return the city within 25 km of a place, empty where there is none.

    >>> city_near(37.56, 127.0), city_near(37.97, 124.63)
    ('seoul', '')
    """
    for city in all_cities().values():
        east = (longitude - city.longitude) * math.cos(math.radians(city.latitude))
        if math.hypot(latitude - city.latitude, east) * KM_PER_DEGREE <= CITY_KM:
            return city.id
    return ""


def note_of(provider: str, sensors: Mapping[str, str]) -> str:
    """Return a station's note: who provides it, and the sensors that can be asked.

    >>> note_of("AirNow", {"pm2p5": "3920"})
    'AirNow, by OpenAQ; sensors pm2p5=3920'
    """
    named = " ".join(f"{quantity}={sensor}" for quantity, sensor in sorted(sensors.items()))
    return f"{provider[:60] or 'unnamed provider'}, by OpenAQ" + (f"; sensors {named}" if named else "")


def sensors_of(note: str) -> dict[str, str]:
    """Return the sensors that a note names, quantity → id.

    >>> sensors_of("AirNow, by OpenAQ; sensors pm10=3919 pm2p5=3920")
    {'pm10': '3919', 'pm2p5': '3920'}
    """
    return dict(SENSOR.findall(note.rpartition("; sensors ")[2]))
