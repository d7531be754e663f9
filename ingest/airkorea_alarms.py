"""AirKorea's register of PM advisories (주의보) and warnings (경보): issued and, later, lifted.

An open one has empty ``clear*`` fields (own knowledge, unverified). How late an entry comes
is unverified, too; each request returns the whole year, hence a late entry is found an hour later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ingest.airkorea_gateway import (
    KST,
    SOURCE,
    check_answer,
    get,
    parse_items,
    parse_moment,
    service,
)
from ingest.feeds import WHOLE, Ask, Due, Feed, SourceConfig, Timing
from ingest.salvage import clean_text, read_each
from ingest.wire import REMEDY, Parsed, nothing, required, to_number
from pipeline.bulletins import Bulletin
from pipeline.cities import cities_by_area
from pipeline.errors import BadPayload, NotYetAvailable
from pipeline.times import iso

OPERATION: Final = "UlfptcaAlarmInqireSvc/getUlfptcaAlarmInfo"
CODES: Final = {"PM25": "pm2p5", "PM10": "pm10"}
LEVELS: Final = {"주의보": "advisory", "경보": "warning"}
CITY_OF_DISTRICT: Final = cities_by_area("KR")
MISSING: Final = frozenset({"", "-"})
TIMING: Final = Timing(delay=timedelta(0), keeps=timedelta(days=30))
LONGEST_OPEN: Final = timedelta(days=7)
"""How long after New Year the register of the old year is still asked for, to see open entries lifted."""


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the feed of advisories and warnings."""
    asked = service(config, "alarms")
    return [
        Feed(
            "airkorea.alarms",
            SOURCE,
            TIMING,
            asked,
            alarm_asks,
            lambda http, ask: get(http, asked, config, OPERATION, ask.parameters, check=check_register),
            lambda answer: parse_alarms(answer.payload),
            sporadic=True,
        )
    ]


def alarm_asks(due: Due) -> list[Ask]:
    """Return one request for each pollutant and each year (KST) that the instants due fall into.

    >>> from pipeline.times import parse_instant
    >>> now = parse_instant("2025-01-03T02:00Z")
    >>> [(a.parameters["year"], a.parameters["itemCode"]) for a in alarm_asks(Due(now, {WHOLE: (now,)}))]
    [('2024', 'PM25'), ('2024', 'PM10'), ('2025', 'PM25'), ('2025', 'PM10')]
    """
    if not due.instants:
        return []
    oldest = min(due.instants[0], due.now - LONGEST_OPEN)
    first, last = (when.astimezone(KST).year for when in (oldest, due.now))
    wanted = [(year, code) for year in range(first, last + 1) for code in CODES]
    fills = tuple((WHOLE, when) for when in due.instants)
    return [
        Ask(
            OPERATION,
            f"advisories of {year}, {code}",
            {"year": str(year), "itemCode": code},
            fills if (year, code) == wanted[-1] else (),
        )
        for year, code in wanted
    ]


def check_register(payload: bytes) -> None:
    """Raise the typed error of a refusal; "no data" passes, for a year without advisories has none.

    >>> check_register(b'{"response": {"header": {"resultCode": "03"}}}')
    """
    with contextlib.suppress(NotYetAvailable):
        check_answer(payload)


def parse_alarms(payload: bytes) -> Parsed:
    """Read ``getUlfptcaAlarmInfo``: one bulletin for each advisory or warning, open or lifted.

    Raises
    ------
    SourceUnavailable
        refusals of the gateway; "no data" is an empty register
    BadPayload
        no item reads at all; single bad items are left out and named
    """
    try:
        items, cut = parse_items(payload)
    except NotYetAvailable:
        return nothing()
    found, left_out = read_each(items, _alarm)
    last: dict[str, Bulletin] = {}
    for bulletin in found:
        before = last.get(bulletin.key)
        if before is None or before.valid_until is None:
            last[bulletin.key] = bulletin
    return nothing()._replace(bulletins=tuple(last.values()), left_out=(*cut, *left_out))


def _alarm(item: Mapping[str, Any]) -> Iterator[Bulletin]:
    issue = parse_moment(item.get("issueDate"), item.get("issueTime"), "issueTime")
    lifted = _lifted(item)
    if lifted is not None and lifted < issue:
        raise BadPayload(SOURCE, "lifted before it was issued", field="clearTime", remedy=REMEDY)
    code = clean_text(required(item, "itemCode", SOURCE))
    if code not in CODES:
        raise BadPayload(SOURCE, f"{ascii(code)[:20]} is no pollutant", field="itemCode", remedy=REMEDY)
    district, area = (clean_text(required(item, f, SOURCE)) for f in ("districtName", "moveName"))
    level = clean_text(required(item, "issueGbn", SOURCE))
    if not district or not level:
        raise BadPayload(SOURCE, "an advisory without place or level", field="districtName", remedy=REMEDY)
    content = {
        "pollutant": CODES[code],
        "level": LEVELS.get(level, level),
        "district": district,
        "area": area,
        "city": CITY_OF_DISTRICT.get(district, ""),
        "value": _value(item, "issueVal"),
        "lifted_at": None if lifted is None else iso(lifted),
        "lifted_value": None if lifted is None else _value(item, "clearVal"),
    }
    key = f"{code} {district[:60]} {area[:100]} {level[:20]} {iso(issue)}"
    yield Bulletin(SOURCE, "advisory", key, issue, issue, lifted, content)


def _lifted(item: Mapping[str, Any]) -> datetime | None:
    day, time = (clean_text(item.get(field)) for field in ("clearDate", "clearTime"))
    return None if day in MISSING or time in MISSING else parse_moment(day, time, "clearTime")


def _value(item: Mapping[str, Any], field: str) -> float | None:
    value = to_number(item.get(field), SOURCE, field, MISSING)
    return None if value != value else value
