"""A fake of air.cnemc.cn: POST with an empty form, numbers as text, a day of hours, else web pages."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd

from ingest.cnemc_wire import CST, FACTOR, GAS_MAP, VARIABLE_MAP
from ingest.simulated.published import Published
from pipeline.times import from_ns, to_ns
from tests.fakes.server import FakeAnswer

HOURS_KEPT = 24
FIELDS = {**VARIABLE_MAP, **GAS_MAP}
PAGE = FakeAnswer(404, "text/html; charset=utf-8", "<html><body>找不到资源</body></html>".encode())
HOURS = "/HourChangesPublish/"


class CnemcFake:
    """The service at its clock's instant; cities are stations named ``cnemc:city_<code>``."""

    source = "cnemc"

    def __init__(self, published: Published, clock: Callable[[], datetime]) -> None:
        self.published, self.clock = published, clock
        stations = published.stations
        self.stations = stations[stations["station"].str.startswith("cnemc:")].set_index("station")

    def answer(self, method, path, query, form, headers):
        routes = {
            f"{HOURS}GetAllAQIPublishLive": lambda: self._country(None),
            f"{HOURS}GetAQIHistoryByConditionHis": lambda: self._country(form.get("date", "")),
            f"{HOURS}GetCityRealTimeAqiHistoryByCondition": lambda: self._city(query.get("citycode", "")),
        }
        if path not in routes or method != "POST":
            return PAGE
        if "content-length" not in headers or headers.get("x-requested-with") != "XMLHttpRequest":
            return FakeAnswer(200, "text/html", b"")
        body = json.dumps(routes[path](), ensure_ascii=False).encode()
        return FakeAnswer(200, "application/json; charset=utf-8", body)

    def known(self, cities: bool) -> pd.DataFrame:
        """What is published of the last day: the 24 hours that end with the newest one."""
        now = self.clock()
        rows = self.published.known(now, now - timedelta(days=3), now)
        rows = rows[rows["station"].str.startswith("cnemc:")]
        rows = rows[rows["station"].str.startswith("cnemc:city_") == cities]
        if not len(rows):
            return rows
        return rows[rows["time"] > rows["time"].max() - pd.Timedelta(hours=HOURS_KEPT)]

    def _country(self, label):
        rows = self.known(cities=False)
        if label is None:
            rows = rows[rows["time"] == rows.groupby("station")["time"].transform("max")]
        else:
            try:
                hour = datetime.strptime(label, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CST)
            except ValueError:
                return []
            rows = rows[rows["time"] == to_ns(hour)]
        return [self._item(*key, part) for key, part in rows.groupby(["station", "time"], sort=False)]

    def _city(self, code):
        rows = self.known(cities=True)
        rows = rows[rows["station"] == f"cnemc:city_{code}"]
        return [
            {"CityCode": int(code), **self._values(time, part)}
            for (_, time), part in rows.groupby(["station", "time"], sort=False)
        ]

    def _item(self, station, time, rows):
        row = self.stations.loc[station]
        return {
            "ProvinceId": 0,
            "CityCode": 0,
            "Area": "北京市" if row["city"] == "beijing" else "",
            "StationCode": station.split(":")[1],
            "PositionName": row["name"],
            "Latitude": f"{row['latitude']:.4f}",
            "Longitude": f"{row['longitude']:.4f}",
            "IsPublish": False,
            **self._values(time, rows),
        }

    def _values(self, time, rows):
        values = dict(zip(rows["quantity"], rows["value"], strict=True))
        end = from_ns(time.to_datetime64())
        shown = {}
        for field, quantity in FIELDS.items():
            absent = "NA" if field in VARIABLE_MAP else "/"
            value = values.get(quantity)
            shown[field] = absent if value is None or value != value else f"{value / FACTOR.get(field, 1):g}"
        return {
            "TimePoint": f"/Date({int(end.timestamp() * 1000)})/",
            "TimePointStr": end.astimezone(CST).strftime("%d日%H时"),
            "AQI": "—",
            "Quality": "—",
            "PrimaryPollutant": "—",
            "Measure": "",
            "Unheathful": "",
            **shown,
        }
