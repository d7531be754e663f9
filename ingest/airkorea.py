"""AirKorea, the Korean national network (한국환경공단 on data.go.kr): hourly PM and the station list.

Labels are the end of the hour in KST and run 01 … 24; values are strings, published about HH:15 and
unconfirmed, so they may change. Errors of the gateway come as XML or JSON, often with HTTP 200.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import requests

from ingest.wire import (
    REMEDY,
    Parsed,
    Reading,
    ask,
    hour_end,
    load_json,
    nothing,
    observation_rows,
    required,
    station_rows,
    to_number,
)
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable

SOURCE: Final = "airkorea"
BASE_URL: Final = "https://apis.data.go.kr/B552584"
VARIABLE_MAP: Final = {"pm25Value": "pm2p5", "pm10Value": "pm10"}
MISSING: Final = frozenset({"-", ""})
KST: Final = timezone(timedelta(hours=9))
CITY_OF_PROVINCE: Final = {"서울": "seoul", "서울특별시": "seoul"}
URBAN: Final = "도시대기"
"""Network of urban background stations; roadside ones (도로변대기) are no part of a city mean."""

RETRY_CODES: Final = frozenset({"01", "1", "02", "2", "04", "4", "05", "5", "99"})
NO_DATA_CODES: Final = frozenset({"03", "3"})
REFUSALS: Final = {
    "20": "access denied; check that the key may use this service",
    "21": "key suspended; ask data.go.kr",
    "22": "the day's quota is spent; wait until midnight KST",
    "30": "key not registered; check SAMEAIR_AIRKOREA_KEY, it may have been encoded twice",
    "31": "key expired; renew it at data.go.kr",
    "32": "this address is not registered for the key",
    "33": "the call was not signed with a key",
}
LABEL = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2})")


def parse_label(text: str) -> np.datetime64:
    """Return the interval end [UTC] of a KST label, whose hours run to 24:00.

    >>> str(parse_label("2024-12-31 24:00"))[:16]
    '2024-12-31T15:00'
    """
    match = LABEL.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if match is None or int(match[4]) > 24 or (int(match[4]) == 24 and int(match[5])):
            raise ValueError(text)
        year, month, day, hour, minute = map(int, match.groups())
        when = datetime(year, month, day, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
    except (ValueError, OverflowError):
        raise BadPayload(SOURCE, f"{str(text)[:40]!r} is no time", field="dataTime", remedy=REMEDY) from None
    return hour_end(when, SOURCE, "dataTime")


def check_gateway(payload: bytes) -> None:
    """Raise the typed error of a refusal by the gateway (XML or JSON); pass anything else.

    Raises
    ------
    SourceUnavailable
        quota, key or server trouble, each with its remedy
    NotYetAvailable
        code 03, no data
    BadPayload
        the request was wrong (10, 11, 12), or a code nobody documented

    Examples
    --------
    >>> check_gateway(b'{"response": {}}')
    >>> check_gateway(b"<r><returnReasonCode>22</returnReasonCode></r>")
    Traceback (most recent call last):
    pipeline.errors.SourceUnavailable: airkorea: refused with code 22; the day's quota is spent; ...
    """
    head = payload.lstrip()[:200].lower()
    if head.startswith(b"<!doctype html") or head.startswith(b"<html"):
        raise SourceUnavailable(SOURCE, "answered a web page", remedy="try again later")
    code = re.search(rb'<returnReasonCode>\s*(\d+)|"returnReasonCode"\s*:\s*"?(\d+)', payload)
    if code:
        refuse((code[1] or code[2]).decode())
    elif head.startswith(b"<"):
        raise BadPayload(SOURCE, "answered XML where JSON was asked", remedy=REMEDY)


def refuse(code: str) -> None:
    """Raise the error that belongs to a result code; ``00`` passes."""
    if code in ("00", "0"):
        return
    if code in NO_DATA_CODES:
        raise NotYetAvailable(SOURCE, f"no data (code {code})", remedy="ask again later")
    if code in RETRY_CODES:
        raise SourceUnavailable(SOURCE, f"server error (code {code})", remedy="try again later")
    if code in REFUSALS:
        raise SourceUnavailable(SOURCE, f"refused with code {code}", remedy=REFUSALS[code])
    raise BadPayload(
        SOURCE, f"refused with code {code}", field="resultCode", remedy="check operation and parameters"
    )


def parse_items(payload: bytes) -> list[dict[str, Any]]:
    """Return the items of an answer: ``items`` may be a list, an object, ``{"item": …}`` or empty text."""
    check_gateway(payload)
    response = required(load_json(payload, SOURCE), "response", SOURCE)
    refuse(str(required(required(response, "header", SOURCE), "resultCode", SOURCE)))
    items = required(required(response, "body", SOURCE), "items", SOURCE)
    if isinstance(items, Mapping) and "item" in items:
        items = items["item"]
    if not items:
        return []
    if isinstance(items, Mapping):
        items = [dict(items)]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadPayload(SOURCE, "items is neither a list nor an object", field="items", remedy=REMEDY)
    return items


def parse_measurements(payload: bytes, station: str | None = None) -> Parsed:
    """Read ``getCtprvnRltmMesureDnsty`` (stations now) or ``getMsrstnAcctoRltmMesureDnsty`` (one station).

    Parameters
    ----------
    payload : the JSON answer as it came
    station : name of the station asked for; items of the one-station operation need not carry it

    Returns
    -------
    Parsed
        rows of ``pm2p5`` and ``pm10`` [ug m-3]; a value marked missing gives no row, whatever its flag

    Raises
    ------
    SourceUnavailable, NotYetAvailable
        refusals of the gateway
    BadPayload
        anything that does not read
    """
    readings = []
    for item in parse_items(payload):
        name = item.get("stationName") or station or required(item, "stationName", SOURCE)
        if item.get("dataTime") in MISSING | {None} and _is_empty(item):
            continue
        time = parse_label(required(item, "dataTime", SOURCE))
        for field, quantity in VARIABLE_MAP.items():
            value = to_number(item.get(field), SOURCE, field, MISSING)
            readings.append(Reading(f"{SOURCE}:{name}", quantity, time, value))
    return Parsed(observation_rows(readings), nothing().stations)


def _is_empty(item: Mapping[str, Any]) -> bool:
    """Tell whether a station that is silent altogether sent neither time nor values."""
    return all(item.get(field) in MISSING | {None} for field in VARIABLE_MAP)


def parse_stations(payload: bytes, note: str = "") -> Parsed:
    """Read ``getMsrstnList``: coordinates, and which stations make up a city (urban background only).

    ``dmX`` is the latitude in today's answers and the longitude in older ones; the value decides.
    """
    rows = []
    for item in parse_items(payload):
        name = required(item, "stationName", SOURCE)
        if not isinstance(name, str):
            raise BadPayload(SOURCE, f"{str(name)[:40]!r} is no name", field="stationName", remedy=REMEDY)
        pair = sorted(to_number(item.get(f), SOURCE, f, MISSING) for f in ("dmX", "dmY"))
        latitude, longitude = pair if 30 < pair[0] < 45 and 120 < pair[1] < 135 else (np.nan, np.nan)
        province = str(item.get("addr") or "").split(" ")[0]
        network = item.get("mangName")
        city = CITY_OF_PROVINCE.get(province, "") if network in (URBAN, None) else ""
        rows.append(
            {
                "station": f"{SOURCE}:{name}",
                "name": name,
                "latitude": latitude,
                "longitude": longitude,
                "altitude": np.nan,
                "city": city,
                "interval_hours": 1,
                "note": note or f"{network or 'network unknown'}, unconfirmed real-time values",
            }
        )
    return Parsed(nothing().observations, station_rows(rows))


def read_measurements(path: Path, station: str | None = None) -> Parsed:
    """Read a saved answer; see :func:`parse_measurements`."""
    return parse_measurements(path.read_bytes(), station)


def read_stations(path: Path) -> Parsed:
    """Read a saved station list; see :func:`parse_stations`."""
    return parse_stations(path.read_bytes())


def get_measurements(
    session: requests.Session, key: str, province: str = "서울", base_url: str = BASE_URL
) -> bytes:
    """Ask for the newest hour of all stations of a province and return the raw answer."""
    return _get(
        session,
        f"{base_url}/ArpltnInforInqireSvc/getCtprvnRltmMesureDnsty",
        key,
        {"sidoName": province, "ver": "1.3"},
    )


def get_stations(
    session: requests.Session, key: str, address: str = "서울", base_url: str = BASE_URL
) -> bytes:
    """Ask for the station list of an address and return the raw answer."""
    return _get(session, f"{base_url}/MsrstnInfoInqireSvc/getMsrstnList", key, {"addr": address})


def _get(session: requests.Session, url: str, key: str, parameters: dict[str, str]) -> bytes:
    # The portal hands out the key URL-encoded, too; sent like that it would be encoded twice (code 30).
    query = {
        "serviceKey": unquote(key),
        "returnType": "json",
        "numOfRows": "1000",
        "pageNo": "1",
        **parameters,
    }
    return ask(session, SOURCE, "GET", url, params=query)
