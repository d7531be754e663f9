"""How CNEMC writes: names of fields, times, marks of missing values, units; shared by its two feeds.

Facts from a public survey of the live service (2026-10) and public copies of its answers; the service itself
documents nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from ingest.wire import REMEDY, Reading, hour_end, load_json, observation_rows, to_number
from pipeline.errors import BadPayload, NotYetAvailable, SourceUnavailable
from pipeline.http import Http, Limits, Request, Service
from pipeline.names import QC_SUSPECT
from pipeline.times import to_ns

SOURCE: Final = "cnemc"
BASE_URL: Final = "https://air.cnemc.cn:18007"
VARIABLE_MAP: Final = {"PM2_5": "pm2p5", "PM10": "pm10"}
GAS_MAP: Final = {"SO2": "sulfur_dioxide", "NO2": "nitrogen_dioxide", "O3": "ozone", "CO": "carbon_monoxide"}
FACTOR: Final = {"CO": 1000.0}
"""CO comes in mg/m³, all else in µg/m³."""
MISSING: Final = frozenset({"", "NA", "/", "—", "-;", "-"})
"""``/`` says that the pollutant is no longer measured there; ``-;`` was used until about 2018."""
CST: Final = timezone(timedelta(hours=8))
EPOCH_MS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
CODE = re.compile(r"\w{1,20}", re.ASCII)
AHEAD: Final = timedelta(minutes=10)
"""How far a clock may be off before a time counts as lying in the future."""
MOST_NAMED: Final = 20
LIMITS: Final = Limits(per_minute=120, per_hour=600, zone="Asia/Shanghai")
"""The service states no limit; these are ours, far above an hour's need and enough for a backfill."""
Item = Mapping[str, Any]


class Values(NamedTuple):
    """What one row gives: station code as written, interval end and the values, NaN where missing."""

    code: str
    time: np.datetime64
    readings: tuple[tuple[str, float], ...]


@lru_cache(maxsize=512)
def plain(field: str) -> str:
    """Return a field's name without case and underscores, in which its many spellings agree.

    >>> plain("PM2_5_24h") == plain("pm2_5_24H"), plain("StationCode") == plain("station_code")
    (True, True)
    """
    return field.replace("_", "").lower()


FIELDS: Final = {plain(f): (f, q, FACTOR.get(f, 1.0)) for f, q in {**VARIABLE_MAP, **GAS_MAP}.items()}


def service() -> Service:
    """Return what must be known to ask it; it needs no key."""
    return Service(SOURCE, LIMITS)


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


def looks_alive(payload: bytes) -> None:
    """Raise SourceUnavailable for an empty body or a web page, as it answers wrong methods and in trouble.

    >>> looks_alive(b"[]")
    """
    if not payload.strip() or payload.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise SourceUnavailable(SOURCE, "answered nothing, or a web page", remedy="try again later")


def post(http: Http, known: Service, base: str, path: str, form: Mapping[str, str] | None = None) -> bytes:
    """Post a form and return the raw answer; an empty form must be sent as an empty body."""
    headers = {
        "X-Requested-With": "XMLHttpRequest",
        "Referer": f"{base}/",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    request = Request("POST", base + path, data=form or b"", headers=headers, check=looks_alive, expect=TYPES)
    return http.ask(known, request)


TYPES: Final = ("application/json", "text/json", "text/plain", "text/html")
"""Web pages pass here and are then told apart by their body: they mean trouble, not another format."""


def items_of(payload: bytes) -> list[Item]:
    """Return the rows of an answer with plain field names, whichever of the known shapes it has.

    A JSON list, one JSON object, a GeoJSON collection (public copies of 2018), or CSV (public archive
    since 2022).

    Raises
    ------
    SourceUnavailable
        an empty body or a web page
    NotYetAvailable
        no rows
    BadPayload
        anything else
    """
    looks_alive(payload)
    text = payload[:400].decode("utf-8-sig", "replace").lstrip()
    if plain(text.split(",", 1)[0]) in ("timepoint", "stationcode"):
        rows: Any = _csv_rows(payload)
    else:
        rows = load_json(payload, SOURCE)
    if isinstance(rows, dict):
        rows = rows.get("features") if "features" in rows else [rows] if "TimePoint" in rows else rows
    if not isinstance(rows, list):
        raise BadPayload(SOURCE, "the answer is no list of stations", remedy=REMEDY)
    if not rows:
        raise NotYetAvailable(SOURCE, "no stations for that hour", remedy="ask again later")
    return [_plain_item(row) for row in rows]


def _csv_rows(payload: bytes) -> list[Any]:
    try:
        return list(csv.DictReader(io.StringIO(payload.decode("utf-8-sig"))))
    except (ValueError, csv.Error) as error:
        raise BadPayload(SOURCE, "the table does not read", remedy=REMEDY) from error


def _plain_item(row: Any) -> Item:
    if not isinstance(row, Mapping):
        return {}
    inner, place = row.get("properties"), row.get("geometry")
    item = {plain(str(k)): v for k, v in (inner if isinstance(inner, Mapping) else row).items()}
    if isinstance(place, Mapping) and isinstance(place.get("coordinates"), list):
        item.update(zip(("longitude", "latitude"), place["coordinates"], strict=False))
    return item


def read_values(item: Item, code: object, now: datetime | None) -> Values:
    """Read the time and the six concentrations of a row.

    PM2.5 and PM10 must be named, gases may be absent. Any other field of a row is not looked at.

    Raises
    ------
    BadPayload
        naming the field that does not read, or a time after ``now``
    """
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise BadPayload(SOURCE, f"{str(code)[:40]!r} is no code", field="StationCode", remedy=REMEDY)
    if "timepoint" not in item:
        raise BadPayload(SOURCE, f"{code} lacks a field", field="TimePoint", remedy=REMEDY)
    time = parse_time(item["timepoint"])
    if now is not None and time > to_ns(now + AHEAD):
        raise BadPayload(SOURCE, f"{code} lies in the future", field="TimePoint", remedy=REMEDY)
    readings = []
    for short, (field, quantity, factor) in FIELDS.items():
        if short in item:
            readings.append((quantity, factor * to_number(item[short], SOURCE, field, MISSING)))
        elif field in VARIABLE_MAP:
            raise BadPayload(SOURCE, f"{code} lacks a field", field=field, remedy=REMEDY)
    return Values(code, time, tuple(readings))


def rows_of(values: Iterable[Values], prefix: str = "") -> pd.DataFrame:
    """Return observation rows, each once; a zero of PM is suspect, being what silent instruments print.

    >>> when = np.datetime64("2022-01-04T08", "ns")
    >>> rows_of([Values("1001A", when, (("pm2p5", 0.0), ("ozone", 0.0)))])["qc"].tolist()
    [1, 0]
    """
    rows = observation_rows(
        [Reading(f"{SOURCE}:{prefix}{v.code}", q, v.time, x) for v in values for q, x in v.readings]
    )
    zero = (rows["value"] == 0) & rows["quantity"].isin(list(VARIABLE_MAP.values()))
    rows.loc[zero, "qc"] = np.int8(QC_SUSPECT)
    return rows.drop_duplicates(["station", "quantity", "time"], keep="last", ignore_index=True)


def said(value: object, otherwise: str = "") -> str:
    r"""Return a text that can be stored whatever came; lone surrogates are replaced.

    >>> said("东四"), said(None, "1003A"), said("a\ud800")
    ('东四', '1003A', 'a?')
    """
    text = value if isinstance(value, str) and value.strip() else otherwise
    return text.encode("utf-8", "replace").decode()[:100]


def coordinate(value: object, limit: float) -> float:
    """Return a latitude or longitude [degree]; NaN where none is given or it cannot be one.

    >>> coordinate("39.88", 90), coordinate("", 90), coordinate("3988", 90)
    (39.88, nan, nan)
    """
    try:
        number = to_number(value, SOURCE, "Latitude", MISSING)
    except BadPayload:
        return float("nan")
    return number if abs(number) <= limit and number != 0 else float("nan")
