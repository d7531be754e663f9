"""What the services of a simulated world answer: the documented shapes, as published at an instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ingest import airkorea, cnemc
from ingest.open_meteo import POINTS
from ingest.simulated.analysis import DIGITS
from ingest.simulated.instruments import PUBLISHED_MINUTES
from ingest.simulated.network import AREA
from pipeline.errors import UsageError
from pipeline.times import HOUR, to_ns, to_utc

if TYPE_CHECKING:
    from ingest.simulated.world import SimulatedWorld

WINDOW_HOURS: Final = 24
"""AirKorea's ``dataTerm=DAILY`` and CNEMC's history reach back this far."""
FLAG_TEXT: Final = {0: "자료이상", 1: "장비점검", 2: "점검및교정", 3: "통신장애"}
UNITS: Final = {
    "temperature_2m": "°C",
    "relative_humidity_2m": "%",
    "surface_pressure": "hPa",
    "boundary_layer_height": "m",
    "precipitation": "mm",
    "wind_speed_10m": "m/s",
    "wind_direction_10m": "°",
}
GASES_KR: Final = ("so2", "co", "o3", "no2")


def answer(
    world: SimulatedWorld, source: str, operation: str, now: datetime, parameters: Mapping[str, str]
) -> bytes:
    """Return the bytes the service would send at ``now``; what is not published by then is not in them.

    Operations: airkorea ``getCtprvnRltmMesureDnsty`` (``sidoName``), ``getMsrstnAcctoRltmMesureDnsty``
    (``stationName``) and ``getMsrstnList``; cnemc ``GetAllAQIPublishLive`` and
    ``GetAQIHistoryByConditionHis`` (``date``, Beijing time); open_meteo ``forecast`` (``past_days``).

    Raises
    ------
    UsageError
        for an operation that the twin does not have, or an instant outside the simulated hours
    """
    now = to_utc(now)
    world.hour_at(to_ns(now))
    makers = {
        ("airkorea", "getCtprvnRltmMesureDnsty"): _airkorea_now,
        ("airkorea", "getMsrstnAcctoRltmMesureDnsty"): _airkorea_station,
        ("airkorea", "getMsrstnList"): _airkorea_stations,
        ("cnemc", "GetAllAQIPublishLive"): _cnemc_now,
        ("cnemc", "GetAQIHistoryByConditionHis"): _cnemc_hour,
        ("open_meteo", "forecast"): _open_meteo,
    }
    if (source, operation) not in makers:
        raise UsageError(
            f"the simulated {source} has no operation {operation}; see ingest/simulated/services.py"
        )
    content = makers[source, operation](world, now, parameters)
    return json.dumps(content, ensure_ascii=False).encode()


def kst_label(when: datetime) -> str:
    """Return AirKorea's label of an interval end, whose hours run 01 … 24.

    >>> kst_label(datetime(2025, 5, 9, 15, tzinfo=UTC))
    '2025-05-09 24:00'
    """
    local = when.astimezone(airkorea.KST)
    if local.hour == 0:
        return (local - HOUR).strftime("%Y-%m-%d 24:00")
    return local.strftime("%Y-%m-%d %H:00")


def newest_published(world: SimulatedWorld, network: str, station: int, now: datetime) -> int | None:
    """Return the newest hour of a station that is published at ``now``, or None within the last day."""
    last = world.hour_at(to_ns(now))
    delay = world.networks[network].delay_minutes[:, station]
    for hour in range(last, max(last - WINDOW_HOURS, 0), -1):
        if world.time_of(hour) + timedelta(minutes=int(delay[hour])) <= now:
            return hour
    return None


def _airkorea_envelope(items: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"totalCount": len(items), "items": items, "pageNo": 1, "numOfRows": 1000}
    return {"response": {"body": body, "header": {"resultMsg": "NORMAL_CODE", "resultCode": "00"}}}


def _airkorea_item(world: SimulatedWorld, station: int, hour: int, with_name: bool) -> dict[str, Any]:
    network = world.networks["airkorea"]
    item: dict[str, Any] = {"dataTime": kst_label(world.time_of(hour)), "khaiValue": "-", "khaiGrade": None}
    for gas in GASES_KR:
        item |= {f"{gas}Value": "-", f"{gas}Flag": None, f"{gas}Grade": None}
    for field, quantity in airkorea.VARIABLE_MAP.items():
        value, name = network.readings[quantity][hour, station], field.removesuffix("Value")
        missing = bool(np.isnan(value))
        flag = FLAG_TEXT[int(network.silent[hour, station])] if missing else None
        item |= {field: "-" if missing else f"{value:.0f}", f"{name}Flag": flag, f"{name}Grade": None}
    if with_name:
        item |= {
            "stationName": network.stations[station].split(":")[1],
            "sidoName": AREA[network.stations[station]],
            "mangName": airkorea.URBAN,
        }
    return item


def _airkorea_now(world: SimulatedWorld, now: datetime, parameters: Mapping[str, str]) -> dict[str, Any]:
    province = parameters.get("sidoName", "서울")
    stations = world.networks["airkorea"].stations
    wanted = [i for i, s in enumerate(stations) if province in ("전국", AREA[s])]
    newest = {i: newest_published(world, "airkorea", i, now) for i in wanted}
    return _airkorea_envelope([_airkorea_item(world, i, h, True) for i, h in newest.items() if h is not None])


def _airkorea_station(world: SimulatedWorld, now: datetime, parameters: Mapping[str, str]) -> dict[str, Any]:
    network = world.networks["airkorea"]
    wanted = f"airkorea:{parameters.get('stationName', '')}"
    if wanted not in network.stations:
        return _airkorea_envelope([])
    station = network.stations.index(wanted)
    last = world.hour_at(to_ns(now))
    published = [
        h
        for h in range(last, max(last - WINDOW_HOURS, -1), -1)
        if world.time_of(h) + timedelta(minutes=int(network.delay_minutes[h, station])) <= now
    ]
    return _airkorea_envelope([_airkorea_item(world, station, h, False) for h in published])


def _airkorea_stations(world: SimulatedWorld, _: datetime, __: Mapping[str, str]) -> dict[str, Any]:
    table = world.stations[world.stations["station"].str.startswith("airkorea:")]
    return _airkorea_envelope(
        [
            {
                "stationName": row.name_,
                "addr": f"{AREA[str(row.station)]} {row.name_}",
                "mangName": airkorea.URBAN,
                "year": "2000",
                "item": "PM10, PM2.5",
                "dmX": f"{row.latitude:.6f}",
                "dmY": f"{row.longitude:.6f}",
            }
            for row in table.rename(columns={"name": "name_"}).itertuples()
        ]
    )


def _cnemc_item(world: SimulatedWorld, station: int, hour: int) -> dict[str, Any]:
    network, row = (
        world.networks["cnemc"],
        world.stations.set_index("station").loc[world.networks["cnemc"].stations[station]],
    )
    end = world.time_of(hour)
    shown: dict[str, str] = {}
    for field, quantity in cnemc.VARIABLE_MAP.items():
        value = network.readings[quantity][hour, station]
        shown |= {field: "NA" if np.isnan(value) else f"{value:.0f}", f"{field}_24h": "NA"}
    return {
        "ProvinceId": 1,
        "CityCode": 110000,
        "Area": AREA[network.stations[station]],
        "StationCode": network.stations[station].split(":")[1],
        "PositionName": row["name"],
        "Latitude": f"{row['latitude']:.4f}",
        "Longitude": f"{row['longitude']:.4f}",
        "TimePoint": f"/Date({int(end.timestamp() * 1000)})/",
        "TimePointStr": end.astimezone(cnemc.CST).strftime("%Y年%m月%d日 %H时"),
        "AQI": "—",
        "Quality": "—",
        "PrimaryPollutant": "—",
        "CO": "/",
        "NO2": "NA",
        "O3": "NA",
        "SO2": "/",
        **shown,
        "IsPublish": False,
        "Measure": "",
        "Unheathful": "",
    }


def _cnemc_now(world: SimulatedWorld, now: datetime, _: Mapping[str, str]) -> list[dict[str, Any]]:
    stations = range(len(world.networks["cnemc"].stations))
    newest = {s: newest_published(world, "cnemc", s, now) for s in stations}
    return [_cnemc_item(world, s, h) for s, h in newest.items() if h is not None]


def _cnemc_hour(world: SimulatedWorld, now: datetime, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    when = datetime.fromisoformat(parameters["date"]).replace(tzinfo=cnemc.CST).astimezone(UTC)
    if not now - WINDOW_HOURS * HOUR < when <= now:
        return []
    network, hour = world.networks["cnemc"], world.hour_at(to_ns(when))
    return [
        _cnemc_item(world, s, hour)
        for s in range(len(network.stations))
        if when + timedelta(minutes=int(network.delay_minutes[hour, s])) <= now
    ]


def _open_meteo(world: SimulatedWorld, now: datetime, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = max(world.hour_at(to_ns(today - timedelta(days=int(parameters.get("past_days", "1"))))), 0)
    hours = np.arange(first, world.hour_at(to_ns(today)) + 24)
    hours = hours[hours < len(world.times)]
    published = world.times[hours] + np.timedelta64(PUBLISHED_MINUTES["open_meteo"], "m") <= to_ns(now)
    stamps = [f"{t:%Y-%m-%dT%H:%M}" for t in pd.DatetimeIndex(world.times[hours])]
    found = []
    for at, point in enumerate(POINTS):
        columns = {
            f: [float(v) if p else None for v, p in zip(world.printed[f][hours, at], published, strict=True)]
            for f in DIGITS
        }
        found.append(
            {
                "latitude": round(point.latitude * 8) / 8,
                "longitude": round(point.longitude * 8) / 8,
                "elevation": 0.0,
                "generationtime_ms": 0.1,
                "utc_offset_seconds": 0,
                "timezone": "GMT",
                "timezone_abbreviation": "GMT",
                "hourly_units": {"time": "iso8601", **UNITS},
                "hourly": {"time": stamps, **columns},
            }
        )
    return found
