"""The stations of a simulated world: 25 districts of Seoul, 12 stations of Beijing, 5 upwind of them.

Names are those of real stations so that pages look right; coordinates are approximate, values invented. Other
cities of an installation have as many as their tables say, with invented names and codes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from ingest import open_meteo
from ingest.wire import station_rows
from pipeline.cities import City, all_cities

SEOUL: Final = {
    "종로구": (37.57, 127.00),
    "중구": (37.56, 126.97),
    "용산구": (37.54, 127.00),
    "성동구": (37.54, 127.05),
    "광진구": (37.54, 127.09),
    "동대문구": (37.58, 127.03),
    "중랑구": (37.58, 127.09),
    "성북구": (37.61, 127.03),
    "강북구": (37.65, 127.01),
    "도봉구": (37.65, 127.03),
    "노원구": (37.66, 127.07),
    "은평구": (37.61, 126.93),
    "서대문구": (37.58, 126.94),
    "마포구": (37.56, 126.91),
    "양천구": (37.53, 126.86),
    "강서구": (37.54, 126.84),
    "구로구": (37.50, 126.89),
    "금천구": (37.45, 126.91),
    "영등포구": (37.53, 126.90),
    "동작구": (37.48, 126.97),
    "관악구": (37.49, 126.93),
    "서초구": (37.50, 126.99),
    "강남구": (37.52, 127.05),
    "송파구": (37.52, 127.12),
    "강동구": (37.55, 127.14),
}
BEIJING: Final = {
    "1001A": ("万寿西宫", 39.88, 116.36),
    "1002A": ("定陵(对照点)", 40.29, 116.22),
    "1003A": ("东四", 39.93, 116.42),
    "1004A": ("天坛", 39.89, 116.41),
    "1005A": ("农展馆", 39.94, 116.46),
    "1006A": ("官园", 39.93, 116.34),
    "1007A": ("海淀万柳", 39.96, 116.29),
    "1008A": ("顺义新城", 40.14, 116.66),
    "1009A": ("怀柔镇", 40.33, 116.63),
    "1010A": ("昌平镇", 40.22, 116.23),
    "1011A": ("奥体中心", 39.98, 116.40),
    "1012A": ("古城", 39.91, 116.18),
}
CLEANER: Final = {"1002A": 0.72, "1009A": 0.80, "1010A": 0.88, "1008A": 0.93}
"""Share of the city's level at the stations outside the built-up area."""
CONTROL: Final = "1002A"
NOTE: Final = "simulated"


class Sentinel(NamedTuple):
    """One station upwind of a city: id, place, name and area as its service writes them, and where it is."""

    station: str
    place: str
    name: str
    area: str
    latitude: float
    longitude: float


SENTINELS: Final = (
    Sentinel("airkorea:백령도", "baengnyeong", "백령도", "인천", 37.97, 124.63),
    Sentinel("cnemc:9101A", "shijiazhuang", "石家庄", "石家庄市", 38.04, 114.51),
    Sentinel("cnemc:9102A", "jinan", "济南", "济南市", 36.65, 117.00),
    Sentinel("cnemc:9103A", "dalian", "大连", "大连市", 38.91, 121.61),
    Sentinel("cnemc:9104A", "weihai", "威海", "威海市", 37.51, 122.12),
)
"""Both services show such stations too; the Chinese codes are invented."""
RING: Final = 0.06
"""How far from their city's middle the invented stations lie [degree]."""


def other_cities() -> list[City]:
    """Return the installation's cities beside Seoul and Beijing.

    >>> other_cities()
    []
    """
    return [c for c in all_cities().values() if c.id not in ("seoul", "beijing")]


def network_of(city: City) -> str:
    """Return the service that shows a city's simulated stations.

    >>> network_of(all_cities()["seoul"])
    'airkorea'
    """
    spec = city.spec("pm2p5", "reference", "simulated")
    return spec.network if spec is not None else ""


def invented_stations(city: City) -> list[Sentinel]:
    """Return the stations of a city beside Seoul and Beijing: their ids, names and places.

    >>> [s.station for s in invented_stations(all_cities()["beijing"])][:2]
    ['cnemc:S110000_1', 'cnemc:S110000_2']
    """
    source, found = network_of(city), []
    for number in range(1, city.simulated.stations + 1):
        angle, far = 2.4 * number, RING * np.sqrt(number)
        name = {"airkorea": f"{city.name['ko']} {number}", "cnemc": f"{city.name['zh']}{number}"}.get(
            source, f"{city.name['en']} {number}"
        )
        code = name if source == "airkorea" else f"S{city.geocode['value']}_{number}".replace("-", "")
        north, east = far * np.sin(angle), far * np.cos(angle)
        area = city.areas[0] if city.areas else city.name["en"]
        place = (round(city.latitude + north, 4), round(city.longitude + east, 4))
        found.append(Sentinel(f"{source}:{code}", city.id, name, area, *place))
    return found


AREA: Final = {
    **{s.station: s.area for c in other_cities() for s in invented_stations(c)},
    **dict.fromkeys((f"airkorea:{n}" for n in SEOUL), "서울"),
    **dict.fromkeys((f"cnemc:{c}" for c in BEIJING), "北京市"),
    **{s.station: s.area for s in SENTINELS},
}
"""Province (AirKorea) or city (CNEMC) of every station, as its service writes it."""


def station_table() -> pd.DataFrame:
    """Return the stations and weather points of every simulated world (STATION_COLUMNS).

    >>> table = station_table()
    >>> table.groupby("city").size().to_dict()
    {'': 9, 'beijing': 12, 'seoul': 26}
    """
    rows: list[dict[str, object]] = []
    for name, (latitude, longitude) in SEOUL.items():
        rows.append(_row(f"airkorea:{name}", name, latitude, longitude, "seoul", NOTE))
    for code, (name, latitude, longitude) in BEIJING.items():
        control = code == CONTROL
        note = f"{NOTE}; control site, not in the city mean" if control else NOTE
        rows.append(_row(f"cnemc:{code}", name, latitude, longitude, "" if control else "beijing", note))
    rows += [_row(s.station, s.name, s.latitude, s.longitude, "", NOTE) for s in SENTINELS]
    for city in other_cities():
        rows += [
            _row(s.station, s.name, s.latitude, s.longitude, city.id, NOTE) for s in invented_stations(city)
        ]
    rows += [open_meteo.point_station(p, NOTE) for p in open_meteo.POINTS]
    return station_rows(rows)


def _row(
    station: str, name: str, latitude: float, longitude: float, city: str, note: str
) -> dict[str, object]:
    return {
        "station": station,
        "name": name,
        "latitude": latitude,
        "longitude": longitude,
        "altitude": np.nan,
        "city": city,
        "interval_hours": 1,
        "note": note,
    }
