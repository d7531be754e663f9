"""OpenAQ's public archive on S3: a gzipped CSV for each station and day, complete after 72 h, without a key.

``records/csv.gz/locationid=<id>/year=YYYY/month=MM/location-<id>-YYYYMMDD.csv.gz`` with the columns
``location_id,sensors_id,location,datetime,lat,lon,parameter,units,value``; times carry the station's offset.
That a stamp is the end of the hour also here is unverified; it is so in v3, whose values these are. The day
in a file's name is the station's own.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from ingest.openaq_wire import MICROGRAMS, instant_text, is_missing, note_of, station_of
from ingest.salvage import clean_text, read_each
from ingest.wire import REMEDY, Parsed, Reading, nothing, observation_rows, station_rows
from pipeline.errors import BadPayload
from pipeline.http import Http, Limits, Request, Service
from pipeline.times import NS_HOUR, to_ns

ARCHIVE: Final = "openaq_archive"
BASE_URL: Final = "https://openaq-data-archive.s3.amazonaws.com"
SERVICE: Final = Service(ARCHIVE, Limits(per_minute=600))
"""Amazon states no limit; this one is ours."""
COLUMNS: Final = (
    "location_id",
    "sensors_id",
    "location",
    "datetime",
    "lat",
    "lon",
    "parameter",
    "units",
    "value",
)
PARAMETERS: Final = {
    "pm10": "pm10",
    "pm25": "pm2p5",
    "o3": "ozone",
    "no2": "nitrogen_dioxide",
    "so2": "sulfur_dioxide",
    "co": "carbon_monoxide",
}
PPM: Final = 1000.0
"""From ppm to 1e-9; gases in ppm become the ``_fraction`` quantities, of which PM has none."""
ASSUMED_DELAY: Final = timedelta(hours=2)
"""History counts as received this long after each interval's end, as values reach OpenAQ (unverified)."""
KEY: Final = re.compile(r"<Key>([^<]{1,300})</Key>")
DAY_FILE: Final = re.compile(r"location-\d+-(\d{8})\.csv\.gz$", re.ASCII)
MOST_UNPACKED: Final = 64 * 2**20


def month_prefix(location: int, month: datetime) -> str:
    """Return where the files of a station's month lie.

    >>> month_prefix(2178, datetime(2022, 5, 1))
    'records/csv.gz/locationid=2178/year=2022/month=05/'
    """
    return f"records/csv.gz/locationid={location}/year={month:%Y}/month={month:%m}/"


def get_month(http: Http, location: int, month: datetime, base_url: str = "") -> bytes:
    """Ask which files of a station's month exist; at most 31, so one page."""
    query = {"list-type": "2", "prefix": month_prefix(location, month)}
    url = (base_url or BASE_URL).rstrip("/") + "/"
    return http.ask(SERVICE, Request("GET", url, query, expect=("application/xml", "text/xml")))


def parse_month(payload: bytes, location: int, month: datetime) -> tuple[str, ...]:
    """Return the keys of the files of a month that a listing names, by day.

    Raises
    ------
    BadPayload
        it is no listing
    """
    text = payload.decode("utf-8", "replace")
    if "<ListBucketResult" not in text:
        raise BadPayload(ARCHIVE, "the answer is no listing", remedy=REMEDY)
    prefix = month_prefix(location, month)
    return tuple(sorted(key for key in KEY.findall(text) if key.startswith(prefix) and DAY_FILE.search(key)))


def get_day(http: Http, key: str, base_url: str = "") -> bytes:
    """Fetch one file as it is, gzipped.

    Raises
    ------
    NotYetAvailable
        there is no such file
    """
    url = f"{(base_url or BASE_URL).rstrip('/')}/{key}"
    return http.ask(SERVICE, Request("GET", url, absent=(404,)))


def parse_day(payload: bytes) -> Parsed:
    """Read a station's day; values between full hours are averaged into the hour that ends next.

    Returns
    -------
    Parsed
        PM and gases in [ug m-3] or [1e-9], whichever the file has, and the station; marks of missing values
        give no row, other negative values are kept and flagged

    Raises
    ------
    BadPayload
        the file is not gzip, has other columns, or not one row reads
    """
    table = csv.DictReader(io.StringIO(_unpacked(payload)))
    columns = _columns(table)
    if columns != COLUMNS:
        found = ascii(",".join(columns)[:80])
        raise BadPayload(ARCHIVE, f"the columns are {found}", remedy=REMEDY)
    stations: dict[str, dict[str, object]] = {}

    def read(row: Mapping[str, str | None]) -> Iterator[Reading]:
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        station = _station(cells)
        stations[str(station["station"])] = station
        quantity, factor = _quantity(cells)
        value = _number(cells["value"], "value") if cells["value"] else None
        if quantity and value is not None and not is_missing(value):
            time = to_ns(instant_text(cells["datetime"], "datetime"))
            yield Reading(str(station["station"]), quantity, time, value * factor)

    try:
        readings, left_out = read_each(table, read)
    except csv.Error as error:
        raise BadPayload(ARCHIVE, "the table does not read", remedy=REMEDY) from error
    return nothing()._replace(
        observations=_hourly(readings), stations=station_rows(list(stations.values())), left_out=left_out
    )


def _columns(table: csv.DictReader[str]) -> tuple[str, ...]:
    """Return what the first line names; a line that is no line of a table is told as such."""
    try:
        return tuple(table.fieldnames or ())
    except csv.Error as error:
        raise BadPayload(ARCHIVE, "the table does not read", remedy=REMEDY) from error


def _unpacked(payload: bytes) -> str:
    """Return the text of a gzipped file, which may not be larger than a day can be."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
            content = file.read(MOST_UNPACKED + 1)
            text = content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        what = f"the file does not unpack ({type(error).__name__})"
        raise BadPayload(ARCHIVE, what, remedy=REMEDY) from error
    if len(content) > MOST_UNPACKED:
        raise BadPayload(ARCHIVE, "the file is far larger than a day", remedy=REMEDY)
    return text


def _number(text: str, field: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadPayload(ARCHIVE, f"{ascii(text)[:40]} is no number", field=field, remedy=REMEDY) from None


def _station(cells: Mapping[str, str]) -> dict[str, object]:
    if not re.fullmatch(r"[1-9]\d{0,11}", cells["location_id"], re.ASCII):
        raise BadPayload(
            ARCHIVE, f"{ascii(cells['location_id'])[:40]} is no id", field="location_id", remedy=REMEDY
        )
    latitude, longitude = (_number(cells[name], name) if cells[name] else np.nan for name in ("lat", "lon"))
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise BadPayload(ARCHIVE, f"{latitude}, {longitude} is nowhere", field="lat", remedy=REMEDY)
    return station_of(
        cells["location_id"], clean_text(cells["location"]), latitude, longitude, note_of("archive", {})
    )


def _quantity(cells: Mapping[str, str]) -> tuple[str, float]:
    """Return quantity and factor of a row; an empty quantity where it is none of ours."""
    quantity = PARAMETERS.get(cells["parameter"], "")
    if cells["units"] in MICROGRAMS:
        return quantity, 1.0
    if cells["units"] in ("ppm", "ppb") and quantity and not quantity.startswith("pm"):
        return f"{quantity}_fraction", PPM if cells["units"] == "ppm" else 1.0
    return "", 1.0


def _hourly(readings: list[Reading]) -> pd.DataFrame:
    """Return rows at the ends of hours, means where several values fall into one."""
    rows = observation_rows(readings)
    ends = -(-rows["time"].to_numpy().astype("int64") // NS_HOUR) * NS_HOUR
    rows = rows.assign(time=ends.astype("datetime64[ns]"))
    means = rows.groupby(["station", "quantity", "time"], as_index=False, observed=True)["value"].mean()
    return observation_rows(
        [Reading(r.station, r.quantity, np.datetime64(r.time), float(r.value)) for r in means.itertuples()]
    )


def day_of(key: str) -> str:
    """Return the day in a file's name, ``YYYYMMDD``.

    >>> day_of("records/csv.gz/locationid=1/year=2022/month=05/location-1-20220503.csv.gz")
    '20220503'
    """
    found = DAY_FILE.search(key)
    return found[1] if found else ""
