"""A fake of OpenAQ v3 and of its archive: key, pages, hour-ending means, local times, a late archive."""

import gzip
import json
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from xml.sax.saxutils import escape

import pandas as pd

from ingest.simulated.published import Published
from pipeline.times import from_ns, to_ns
from tests.fakes.server import FakeAnswer

KEY = "openaq/test+key"
PARAMETERS = {"pm10": (1, "pm10"), "pm2p5": (2, "pm25")}
EARTH_KM = 6371.0
LONG_AGO = datetime(2016, 1, 1, tzinfo=UTC)
COMPLETE = timedelta(hours=72)
PAGE = 100
KST = timezone(timedelta(hours=9))


class OpenAqFake:
    """The service at its clock's instant: stations ``openaq:<number>`` of what is published.

    Each has a PM10 and a PM2.5 sensor whose ids are the location's with 1 or 2 behind.
    """

    source = "openaq"

    def __init__(self, published: Published, clock: Callable[[], datetime], key: str = KEY) -> None:
        self.published, self.clock, self.key = published, clock, key

    def answer(self, method, path, query, form, headers):
        del form
        if headers.get("x-api-key") != self.key:
            return reply({"detail": "Invalid credentials"}, 401)
        if method != "GET":
            return reply({"detail": "Method Not Allowed"}, 405)
        parts = path.strip("/").split("/")
        if parts == ["locations"]:
            found = self.locations(query)
        elif len(parts) == 4 and parts[0] == "sensors" and parts[2:] == ["measurements", "hourly"]:
            found = self.hours(parts[1], query)
        else:
            found = None
        if found is None:
            return reply({"detail": "Not Found"}, 404)
        return paged(found, query)

    def locations(self, query):
        stations = self.published.stations_of("openaq:")
        found = []
        for row in stations.itertuples():
            if "coordinates" in query:
                latitude, longitude = (float(x) for x in query["coordinates"].split(","))
                away = kilometres(latitude, longitude, row.latitude, row.longitude)
                if away > float(query.get("radius", "25000")) / 1000:
                    continue
            found.append(self.location(row))
        return found

    def location(self, row):
        number = row.station.split(":")[1]
        known = self.known(row.station, LONG_AGO, self.clock())
        times = known["time"]
        last = None if not len(times) else from_ns(times.to_numpy().max())
        return {
            "id": int(number),
            "name": row.name if isinstance(row.name, str) else number,
            "locality": None,
            "timezone": "Asia/Seoul",
            "country": {"id": 6, "code": "KR", "name": "Korea"},
            "owner": {"id": 4, "name": "Unknown Governmental Organization"},
            "provider": {"id": 7, "name": "Korea"},
            "isMobile": False,
            "isMonitor": row.note != "low cost",
            "instruments": [{"id": 2, "name": "Government Monitor"}],
            "sensors": [sensor(number, quantity) for quantity in PARAMETERS],
            "coordinates": {"latitude": row.latitude, "longitude": row.longitude},
            "bounds": [row.longitude, row.latitude, row.longitude, row.latitude],
            "distance": None,
            "datetimeFirst": both(LONG_AGO),
            "datetimeLast": None if last is None else both(last),
        }

    def known(self, station, start, end):
        rows = self.published.known(self.clock(), start, end, station)
        return rows[rows["station"] == station].sort_values("time")

    def hours(self, number, query):
        quantity = {"1": "pm10", "2": "pm2p5"}.get(number[-1])
        station = f"openaq:{number[:-1]}"
        if quantity is None or station not in set(self.published.stations["station"]):
            return None
        # A name that is spelled otherwise is ignored, as the service does.
        start = instant(query["datetime_from"]) if "datetime_from" in query else LONG_AGO
        end = instant(query["datetime_to"]) if "datetime_to" in query else self.clock()
        rows = self.known(station, start, end)
        rows = rows[rows["quantity"] == quantity]
        return [
            hour(quantity, from_ns(t), v) for t, v in zip(rows["time"].to_numpy(), rows["value"], strict=True)
        ]


def sensor(number, quantity):
    ident, name = PARAMETERS[quantity]
    parameter = {"id": ident, "name": name, "units": "µg/m³", "displayName": None}
    return {"id": int(f"{number}{ident}"), "name": f"{name} µg/m³", "parameter": parameter}


def hour(quantity, end, value):
    ident, name = PARAMETERS[quantity]
    shown = 9999 if math.isnan(value) else value  # what Korea's adapter makes of a missing value
    return {
        "value": shown,
        "flagInfo": {"hasFlags": False},
        "parameter": {"id": ident, "name": name, "units": "µg/m³", "displayName": None},
        "period": {
            "label": "1hour",
            "interval": "01:00:00",
            "datetimeFrom": both(end - timedelta(hours=1)),
            "datetimeTo": both(end),
        },
        "coordinates": None,
        "summary": {"min": shown, "max": shown, "avg": shown, "sd": None},
        "coverage": {"expectedCount": 1, "observedCount": 1, "percentCoverage": 100.0},
    }


def both(when):
    return {"utc": f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "local": when.astimezone(KST).isoformat()}


def instant(text):
    """An instant of a filter; without a zone it is the station's."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=KST)


def kilometres(lat1, lon1, lat2, lon2):
    a, b = math.radians(lat1), math.radians(lat2)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(math.radians(lon2 - lon1))
    return EARTH_KM * math.acos(min(1.0, cosine))


def paged(found, query):
    limit, page = int(query.get("limit", PAGE)), int(query.get("page", "1"))
    if not 1 <= limit <= 1000 or page < 1:
        return reply({"detail": [{"loc": ["query", "limit"], "msg": "out of range"}]}, 422)
    part = found[(page - 1) * limit : page * limit]
    more = len(found) > page * limit
    meta = {"name": "openaq-api", "website": "/", "page": page, "limit": limit}
    meta["found"] = f">{limit}" if more else len(found)
    return reply({"meta": meta, "results": part})


def reply(content, status=200):
    left = {"x-ratelimit-limit": "60", "x-ratelimit-used": "1", "x-ratelimit-remaining": "59"}
    body = json.dumps(content, ensure_ascii=False).encode()
    return FakeAnswer(status, "application/json", body, {**left, "x-ratelimit-reset": "-2"})


COLUMNS = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value"


class ArchiveFake:
    """The public bucket at its clock's instant: a file for each station and local day, three days late."""

    source = "openaq_archive"

    def __init__(self, published: Published, clock: Callable[[], datetime]) -> None:
        self.published, self.clock = published, clock
        self.lock, self.made = threading.Lock(), None

    def answer(self, method, path, query, form, headers):
        del form, headers
        if method != "GET":
            return FakeAnswer(405, "application/xml", b"<Error><Code>MethodNotAllowed</Code></Error>")
        files = self.files()
        if path == "/" and query.get("list-type") == "2":
            return listing([k for k in sorted(files) if k.startswith(query.get("prefix", ""))], query)
        if path.lstrip("/") in files:
            content = gzip.compress(files[path.lstrip("/")].encode(), mtime=0)
            return FakeAnswer(200, "binary/octet-stream", content)
        return FakeAnswer(404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>")

    def files(self):
        """The text of every file that is complete, by its key."""
        now = self.clock()
        with self.lock:
            if self.made is None or self.made[:2] != (now, id(self.published)):
                self.made = (now, id(self.published), self.write(now - COMPLETE))
            return self.made[2]

    def write(self, complete):
        rows = self.published.known(self.clock(), LONG_AGO, complete, "openaq:")
        stations = self.published.stations_of("openaq:")
        local = rows["time"] + pd.Timedelta(hours=9) - pd.Timedelta(nanoseconds=1)
        files = {}
        for (station, day), part in rows.groupby(["station", local.dt.floor("D")], observed=True):
            if to_ns(complete) < (day + pd.Timedelta(hours=15)).to_datetime64():
                continue
            number = station.split(":")[1]
            key = f"records/csv.gz/locationid={number}/year={day:%Y}/month={day:%m}/"
            lines = [line(number, row, stations.loc[station]) for row in part.itertuples()]
            files[f"{key}location-{number}-{day:%Y%m%d}.csv.gz"] = "\n".join([COLUMNS, *lines]) + "\n"
        return files


def line(number, row, station):
    ident, name = PARAMETERS[row.quantity]
    value = 9999 if math.isnan(row.value) else row.value
    local = from_ns(row.time.to_datetime64()).astimezone(KST).isoformat()
    place = f"{station['latitude']},{station['longitude']}"
    label = f'"{station["name"]}-{number}"'
    return f"{number},{number}{ident},{label},{local},{place},{name},µg/m³,{value}"


def listing(keys, query):
    contents = "".join(f"<Contents><Key>{escape(k)}</Key><Size>200</Size></Contents>" for k in keys)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>openaq-data-archive</Name>'
        f"<Prefix>{escape(query.get('prefix', ''))}</Prefix><KeyCount>{len(keys)}</KeyCount>"
        f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    )
    return FakeAnswer(200, "application/xml", text.encode())
