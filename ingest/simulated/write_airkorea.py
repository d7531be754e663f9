"""AirKorea's answers written from what is published: everything is text, hours run from 01 to 24 KST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pandas as pd

from ingest.simulated.published import Published, by_hour, printed
from pipeline.times import HOUR, from_ns

NETWORK: Final = "airkorea:"
KST: Final = timezone(timedelta(hours=9))
FIELDS: Final = {
    "so2": ("sulfur_dioxide_fraction", 3, 1000.0),
    "co": ("carbon_monoxide_fraction", 1, 1000.0),
    "o3": ("ozone_fraction", 4, 1000.0),
    "no2": ("nitrogen_dioxide_fraction", 4, 1000.0),
    "pm10": ("pm10", 0, 1.0),
    "pm25": ("pm2p5", 0, 1.0),
}
"""Field → our quantity, digits printed, our unit per theirs (ppm)."""
TERMS: Final = {"DAILY": 1, "MONTH": 31, "3MONTH": 92}
"""``dataTerm`` → days that it reaches back; the length of a month is unverified."""
EVERYWHERE: Final = "전국"
URBAN: Final = "도시대기"
SILENT: Final = "통신장애"


def kst_label(when: datetime) -> str:
    """Return AirKorea's label of an interval end, whose hours run 01 … 24.

    >>> kst_label(datetime(2025, 5, 10, 0, tzinfo=KST))
    '2025-05-09 24:00'
    """
    local = when.astimezone(KST)
    if local.hour == 0:
        return (local - HOUR).strftime("%Y-%m-%d 24:00")
    return local.strftime("%Y-%m-%d %H:00")


def envelope(items: list[dict[str, Any]], parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the page of items that was asked for, in the answer's envelope.

    >>> envelope([{"a": "1"}, {"a": "2"}], {"numOfRows": "1", "pageNo": "2"})["response"]["body"]
    {'totalCount': 2, 'items': [{'a': '2'}], 'pageNo': 2, 'numOfRows': 1}
    """
    asked = parameters or {}
    size, page = int(asked.get("numOfRows", "10")), int(asked.get("pageNo", "1"))
    shown = items[(page - 1) * size : page * size]
    body = {"totalCount": len(items), "items": shown, "pageNo": page, "numOfRows": size}
    return {"response": {"body": body, "header": {"resultMsg": "NORMAL_CODE", "resultCode": "00"}}}


def newest_items(published: Published, now: datetime, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return ``getCtprvnRltmMesureDnsty``: the newest hour of each station of a province (``sidoName``)."""
    province = parameters.get("sidoName", "서울")
    stations = published.stations_of(NETWORK)
    found = by_hour(published.newest(now, timedelta(days=1), NETWORK))
    order = {s: i for i, s in enumerate(stations.index)}
    items = []
    for station, time in sorted(found, key=lambda key: order.get(key[0], len(order))):
        area = published.area(station, str(stations["city"].get(station, "")))
        if province in (EVERYWHERE, area):
            named = {"stationName": station.split(":")[1], "sidoName": area, "mangName": URBAN}
            items.append({**_item(from_ns(time), found[station, time]), **named})
    return items


def station_items(published: Published, now: datetime, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return ``getMsrstnAcctoRltmMesureDnsty``: one station (``stationName``, ``dataTerm``), newest first."""
    wanted = NETWORK + parameters.get("stationName", "")
    days = TERMS[parameters.get("dataTerm", "DAILY")]
    newest = now.replace(minute=0, second=0, microsecond=0)
    rows = published.known(now, newest - timedelta(days=days), now, NETWORK)
    rows = rows[rows["station"] == wanted].sort_values("time", ascending=False, kind="stable")
    return [_item(from_ns(time), values) for (_, time), values in by_hour(rows).items()]


def list_items(published: Published, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return ``getMsrstnList``: the stations of an address (``addr``, by its first word) or name."""
    address, name = parameters.get("addr", ""), parameters.get("stationName", "")
    items = []
    for station, row in published.stations_of(NETWORK).iterrows():
        area = published.area(str(station), str(row["city"]))
        if area.startswith(address[:2]) and name in str(row["name"]):
            items.append(_listed(row, area))
    return items


def _listed(row: pd.Series[Any], area: str) -> dict[str, Any]:
    return {
        "stationName": row["name"],
        "addr": f"{area} {row['name']}",
        "mangName": URBAN,
        "year": "2000",
        "item": "SO2, CO, O3, NO2, PM10, PM2.5",
        "dmX": printed(row["latitude"], 6, ""),
        "dmY": printed(row["longitude"], 6, ""),
    }


def _item(end: datetime, values: Mapping[str, tuple[float, str]]) -> dict[str, Any]:
    item: dict[str, Any] = {"dataTime": kst_label(end), "khaiValue": "-", "khaiGrade": None}
    for field, (quantity, digits, scale) in FIELDS.items():
        value, flag = values.get(quantity, (None, ""))
        silent = value is not None and math.isnan(value)
        item |= {
            f"{field}Value": printed(value, digits, "-", scale),
            f"{field}Flag": flag or (SILENT if silent else None),
            f"{field}Grade": None,
        }
    return item


def window_start(now: datetime, parameters: Mapping[str, str]) -> datetime:
    """Return since when values are needed to answer a request.

    >>> window_start(datetime(2025, 5, 10, 0, 20, tzinfo=KST), {"dataTerm": "MONTH"}).isoformat()
    '2025-04-09T00:00:00+09:00'
    """
    newest = now.replace(minute=0, second=0, microsecond=0)
    return newest - timedelta(days=TERMS.get(parameters.get("dataTerm", ""), 1))
