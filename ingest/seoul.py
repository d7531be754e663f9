"""Seoul Open Data (data.seoul.go.kr): the newest hour of the 25 districts, ``RealtimeCityAir``.

One row for each district (구), which is the district's value as the city publishes it; ``MSRDT`` is KST. The
end of the day may be written ``…2400`` or ``…0000`` (neither was seen). PM is in µg/m³, gases in ppm. Zero or
empty stands for missing: a gas of 0 always, PM of 0 unless the district has an index and the other districts
are as clean. A value of a district whose ``IDEX_NM`` is no grade (such as maintenance) is kept as suspect
(unverified that such rows carry values). The service gives no coordinates, and only the newest hour: what
is not asked for within the hour is gone. It answers by plain HTTP, with the key in the path. Codes INFO-100,
ERROR-290, 310 and 337 (the day's calls are used) are known from sister portals only (unverified).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from statistics import median
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pandas as pd

from ingest.feeds import WHOLE, About, Ask, Due, Feed, SourceConfig, Timing
from ingest.salvage import clean_text, parts_per_billion, read_each, station_name
from ingest.wire import (
    REMEDY,
    Parsed,
    Reading,
    hour_end,
    load_json,
    observation_rows,
    required,
    station_rows,
    to_number,
)
from pipeline.errors import BadPayload, NotYetAvailable, QuotaSpent, Refused, SourceUnavailable
from pipeline.http import Http, Limits, Request, Service
from pipeline.names import QC_PASS, QC_SUSPECT
from pipeline.times import from_ns

SOURCE: Final = "seoul"
BASE_URL: Final = "http://openapi.seoul.go.kr:8088"
OPERATION: Final = "RealtimeCityAir"
ABOUT: Final = About(
    SOURCE,
    "Seoul Open Data, districts of Seoul (data.seoul.go.kr)",
    "hourly PM and gases of Seoul's 25 districts, beside AirKorea's",
    "SAMEAIR_SEOUL_KEY",
    "register at data.seoul.go.kr and ask for an open-data key",
    "KOGL type 1, attribution; values are unconfirmed",
)
KST: Final = timezone(timedelta(hours=9))
TIMING: Final = Timing(delay=timedelta(minutes=15), keeps=timedelta(hours=1))
CALLS_PER_DAY: Final = 1000
"""Our own limit; the portal's is unverified."""
PM: Final = {"PM25": "pm2p5", "PM10": "pm10"}
GASES: Final = {
    "O3": "ozone_fraction",
    "NO2": "nitrogen_dioxide_fraction",
    "CO": "carbon_monoxide_fraction",
    "SO2": "sulfur_dioxide_fraction",
}
FIELDS: Final = PM | GASES
TYPES: Final = ("application/json", "text/json", "text/plain")
"""Content types that may be JSON; which of them the portal sends is unverified. Refusals are read in any."""
MOST_ROWS: Final = 1000
"""The portal gives no more at once."""
CLEAN_UGM3: Final = 5.0
"""Median of the other districts up to which a PM of 0 is believed."""
MISSING: Final = frozenset({"", "-"})
GRADES: Final = frozenset({"좋음", "보통", "나쁨", "매우나쁨", "매우 나쁨"})
NAMES: Final = (
    "강남구 강동구 강북구 강서구 관악구 광진구 구로구 금천구 노원구 도봉구 동대문구 동작구 마포구 "
    "서대문구 서초구 성동구 성북구 송파구 양천구 영등포구 용산구 은평구 종로구 중구 중랑구"
)
DISTRICTS: Final = frozenset(NAMES.split())
"""The districts of the city; a row of any other name is held until somebody knows what it is."""
LABEL: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})", re.ASCII)
CODE: Final = re.compile(rb'(?:"CODE"\s*:\s*"|<CODE>\s*)([A-Z]{4,5}-\d{3})')
DONE: Final = "INFO-000"
NO_DATA: Final = "INFO-200"
BAD_KEYS: Final = frozenset({"INFO-100", "INFO-300", "ERROR-290"})
SPENT: Final = "ERROR-337"
SERVER: Final = frozenset({"ERROR-500", "ERROR-600", "ERROR-601"})


def service(config: SourceConfig) -> Service:
    """Return what must be known to ask the portal."""
    return Service(SOURCE, Limits(per_day=CALLS_PER_DAY, zone="Asia/Seoul"), (config.key,))


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the feed of the newest hour; none without a key.

    >>> feeds(SourceConfig())
    []
    """
    if not config.key.get_secret_value():
        return []
    asked = service(config)
    return [
        Feed(
            "seoul.hourly",
            SOURCE,
            TIMING,
            asked,
            hourly_asks,
            lambda http, ask: get_hour(http, asked, config),
            lambda answer: parse_hour(answer.payload),
            (SOURCE,),
        )
    ]


def hourly_asks(due: Due) -> list[Ask]:
    """Return the one request there is, where any hour is due."""
    fills = tuple((WHOLE, when) for when in due.instants)
    return [Ask(OPERATION, "newest hour of the districts", {}, fills)] if fills else []


def get_hour(http: Http, asked: Service, config: SourceConfig) -> bytes:
    """Ask for the newest hour of all districts and return the raw answer."""
    key = quote(config.key.get_secret_value(), safe="")
    url = f"{config.base_url or BASE_URL}/{key}/json/{OPERATION}/1/100/"
    return http.ask(asked, Request("GET", url, check=check_answer, expect=TYPES))


def check_answer(payload: bytes) -> None:
    """Raise the typed error of a refusal (JSON, or XML although JSON was asked); pass anything else.

    Raises
    ------
    NotYetAvailable
        INFO-200, no data
    Refused
        the key is refused
    QuotaSpent
        ERROR-337, the day's calls are used
    SourceUnavailable
        server error, or a web page instead of an answer
    BadPayload
        the request was wrong, or a code nobody documented

    Examples
    --------
    >>> check_answer(b'{"RealtimeCityAir": {"RESULT": {"CODE": "INFO-000"}}}')
    >>> check_answer(b"<RESULT><CODE>INFO-200</CODE></RESULT>")
    Traceback (most recent call last):
    pipeline.errors.NotYetAvailable: seoul: no data (INFO-200); ask again later
    """
    head = payload.lstrip()[:200].lower()
    if head.startswith(b"<!doctype html") or head.startswith(b"<html"):
        raise SourceUnavailable(SOURCE, "answered a web page", remedy="try again later")
    code = CODE.search(payload)
    if code and code[1].decode() != DONE:
        _refuse(code[1].decode())
    if not code and head.startswith(b"<"):
        raise BadPayload(SOURCE, "answered XML where JSON was asked", remedy=REMEDY)


def _refuse(code: str) -> None:
    if code == NO_DATA:
        raise NotYetAvailable(SOURCE, f"no data ({code})", remedy="ask again later")
    if code in BAD_KEYS:
        raise Refused(SOURCE, f"the key is refused ({code})", remedy="check SAMEAIR_SEOUL_KEY")
    if code == SPENT:
        raise QuotaSpent(SOURCE, f"the day's calls are used ({code})", remedy="wait until midnight KST")
    if code in SERVER:
        raise SourceUnavailable(SOURCE, f"server error ({code})", remedy="try again later")
    raise BadPayload(SOURCE, f"refused with {code}", field="CODE", remedy="check operation and parameters")


def parse_label(text: object) -> np.datetime64:
    """Return the interval end [UTC] of ``YYYYMMDDhhmm`` in KST; 2400 and 0000 of the next day are the same.

    >>> [str(parse_label(text))[:16] for text in ("202502041100", "202502042400", "202502050000")]
    ['2025-02-04T02:00', '2025-02-04T15:00', '2025-02-04T15:00']
    """
    text = str(text) if isinstance(text, int) and not isinstance(text, bool) else text
    match = LABEL.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if match is None or int(match[4]) > 24 or (int(match[4]) == 24 and int(match[5])):
            raise ValueError(text)
        year, month, day, hour, minute = map(int, match.groups())
        when = datetime(year, month, day, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
    except (ValueError, OverflowError):
        raise BadPayload(SOURCE, f"{ascii(text)[:40]} is no time", field="MSRDT", remedy=REMEDY) from None
    return hour_end(when, SOURCE, "MSRDT")


def parse_hour(payload: bytes) -> Parsed:
    """Read ``RealtimeCityAir``.

    Returns
    -------
    Parsed
        rows of PM [ug m-3] and of gases as mole fractions [1e-9], and the districts as stations
        ``seoul:<district>``; it covers the hours that its rows name

    Raises
    ------
    SourceUnavailable, NotYetAvailable
        refusals of the portal
    BadPayload
        no row reads at all; single bad rows are left out and named
    """
    check_answer(payload)
    body = required(load_json(payload, SOURCE), OPERATION, SOURCE)
    rows = required(body, "row", SOURCE)
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        raise BadPayload(SOURCE, "row is no list of districts", field="row", remedy=REMEDY)
    found, left_out = read_each(rows, _read)
    times = sorted({row.time for row in found})
    return Parsed(
        _observations(found),
        station_rows([_station(row.name) for row in found if row.name in DISTRICTS]),
        covered=tuple((WHOLE, from_ns(when)) for when in times),
        left_out=left_out,
    )


@dataclass(frozen=True)
class _District:
    """One row: which district and hour, whether it has an index and a grade, and its values."""

    name: str
    time: np.datetime64
    indexed: bool
    graded: bool
    values: Mapping[str, float]


def _read(row: Mapping[str, Any]) -> Iterator[_District]:
    name = station_name(required(row, "MSRSTE_NM", SOURCE), SOURCE, "MSRSTE_NM")
    time = parse_label(required(row, "MSRDT", SOURCE))
    grade = clean_text(row.get("IDEX_NM"))
    values = {quantity: _value(row, field) for field, quantity in FIELDS.items()}
    yield _District(name, time, bool(grade) and _index(row) > 0, grade in GRADES, values)


def _value(row: Mapping[str, Any], field: str) -> float:
    """Return a value in the unit of its quantity; NaN where nothing is given."""
    value = to_number(row.get(field), SOURCE, field, MISSING)
    return parts_per_billion(value, SOURCE, field) if field in GASES else value


def _index(row: Mapping[str, Any]) -> float:
    try:
        index = to_number(row.get("IDEX_MVL"), SOURCE, "IDEX_MVL", MISSING)
    except BadPayload:
        return 0.0
    return index if index == index else 0.0


def _observations(rows: Sequence[_District]) -> pd.DataFrame:
    """Return the values that are none of the missing zeros; those of a district without grade are suspect."""
    readings, doubted = [], []
    for row in rows:
        for quantity, value in row.values.items():
            if value == 0 and not _believed_zero(row, quantity, rows):
                continue
            readings.append(Reading(f"{SOURCE}:{row.name}", quantity, row.time, value))
            if value == value:
                doubted.append(not row.graded)
    table = observation_rows(readings)
    suspect = np.array(doubted, dtype=bool) & (table["qc"] == QC_PASS).to_numpy()
    table.loc[suspect, "qc"] = np.int8(QC_SUSPECT)
    return table.drop_duplicates(["station", "quantity", "time"], keep="first", ignore_index=True)


def _believed_zero(row: _District, quantity: str, rows: Sequence[_District]) -> bool:
    """Tell whether a zero is a value: PM of a district with an index, where the others are clean, too."""
    if quantity not in PM.values() or not row.indexed:
        return False
    near = [r.values[quantity] for r in rows if r.name != row.name and r.time == row.time]
    others = [value for value in near if value > 0]
    return not others or median(others) <= CLEAN_UGM3


def _station(name: str) -> dict[str, object]:
    return {
        "station": f"{SOURCE}:{name}",
        "name": name,
        "latitude": np.nan,
        "longitude": np.nan,
        "altitude": np.nan,
        "city": "seoul",
        "interval_hours": 1,
        "note": "district of Seoul, unconfirmed real-time values; the service gives no coordinates",
    }
