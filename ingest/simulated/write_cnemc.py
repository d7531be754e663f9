"""CNEMC's answers written from what is published: numbers as text, times as epoch milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pandas as pd

from ingest.simulated.published import Published, by_hour, printed
from pipeline.times import HOUR, from_ns, to_ns

NETWORK: Final = "cnemc:"
CST: Final = timezone(timedelta(hours=8))
FIELDS: Final = {
    "CO": ("carbon_monoxide", 1, 1000.0),
    "NO2": ("nitrogen_dioxide", 0, 1.0),
    "O3": ("ozone", 0, 1.0),
    "SO2": ("sulfur_dioxide", 0, 1.0),
    "PM10": ("pm10", 0, 1.0),
    "PM2_5": ("pm2p5", 0, 1.0),
}
"""Field → our quantity, digits printed, our unit per theirs (CO in mg m-3)."""
NO_LONGER: Final = frozenset({"CO", "SO2"})
"""Fields that many stations no longer measure and mark ``/``."""
KEPT: Final = timedelta(hours=24)
DASH: Final = "—"


def country_now(published: Published, now: datetime) -> list[dict[str, Any]]:
    """Return ``GetAllAQIPublishLive``: the newest hour of every station."""
    return _items(published, published.newest(now, KEPT, NETWORK))


def country_then(published: Published, now: datetime, label: str) -> list[dict[str, Any]]:
    """Return ``GetAQIHistoryByConditionHis``: every station at an hour (CST label) of the last 24."""
    try:
        when = datetime.strptime(label, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CST).astimezone(UTC)
    except ValueError:
        return []
    if not now - KEPT < when <= now:
        return []
    rows = published.known(now, when - HOUR, when, NETWORK)
    return _items(published, rows[rows["time"] == to_ns(when)])


def _items(published: Published, rows: pd.DataFrame) -> list[dict[str, Any]]:
    stations = published.stations_of(NETWORK).to_dict("index")
    order = {station: at for at, station in enumerate(stations)}
    found = by_hour(rows)
    keys = sorted((key for key in found if key[0] in stations), key=lambda key: order[key[0]])
    return [_item(published, stations[s], from_ns(time), found[s, time]) for s, time in keys]


def _item(
    published: Published, station: Mapping[Any, Any], end: datetime, values: Mapping[str, tuple[float, str]]
) -> dict[str, Any]:
    code = str(station["station"]).removeprefix(NETWORK)
    area = published.area(str(station["station"]), str(station["city"]))
    shown: dict[str, str] = {}
    for field, (quantity, digits, scale) in FIELDS.items():
        absent = "/" if field in NO_LONGER and quantity not in values else "NA"
        value = values.get(quantity, (None, ""))[0]
        shown |= {field: printed(value, digits, absent, scale), f"{field}_24h": absent}
    return {
        "ProvinceId": 1,
        "CityCode": 110000 if area == "北京市" else 0,
        "Area": area,
        "StationCode": code,
        "PositionName": station["name"],
        "Latitude": printed(station["latitude"], 4, ""),
        "Longitude": printed(station["longitude"], 4, ""),
        "TimePoint": f"/Date({int(end.timestamp() * 1000)})/",
        "TimePointStr": end.astimezone(CST).strftime("%Y年%m月%d日 %H时"),
        "AQI": DASH,
        "Quality": DASH,
        "PrimaryPollutant": DASH,
        **shown,
        "IsPublish": False,
        "Measure": "",
        "Unheathful": "",
    }
