"""AirKorea's forecasts: the daily bulletin, the outlook of the week, and where PM2.5 is expected above 50.

The bulletin is issued at 05, 11, 17 and 23 KST and is there about ten minutes later; each target day,
pollutant and issue is an item of its own. The documentation spells ``informOverall`` also ``infornOverall``.
The outlook comes once a day at 17:30 KST. How far back ``searchDate`` reaches is unverified; a month is
assumed. That the "> 50" items carry ``dataTime`` and ``informData`` beside ``seoul50Over`` … is found in one
public description only (unverified), and so is the English name of each region in it; an unknown one is kept
as it is spelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from ingest.airkorea_gateway import (
    KST,
    SOURCE,
    ZONE,
    get,
    parse_day,
    parse_issue,
    parse_items,
    service,
)
from ingest.feeds import WHOLE, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.salvage import clean_text, read_each
from ingest.wire import REMEDY, Parsed, nothing, required
from pipeline.bulletins import Bulletin
from pipeline.cities import cities_by_area
from pipeline.errors import BadPayload, NotYetAvailable
from pipeline.http import Service
from pipeline.times import local_day_bounds

DAILY: Final = "ArpltnInforInqireSvc/getMinuDustFrcstDspth"
WEEKLY: Final = "ArpltnInforInqireSvc/getMinuDustWeekFrcstDspth"
OVER50: Final = "MinuDustFrcstDspthSvc/getMinuDustFrcstDspth50Over"
KEEPS: Final = timedelta(days=30)
LATEST: Final = timedelta(hours=12)
"""How long an issue that does not come is waited for."""
ISSUES: Final = Timing(
    delay=timedelta(minutes=15),
    keeps=KEEPS,
    step=timedelta(hours=6),
    offset=timedelta(hours=2),
    revisit=(timedelta(hours=6),),
)
OUTLOOKS: Final = Timing(
    delay=timedelta(minutes=20), keeps=KEEPS, step=timedelta(days=1), offset=timedelta(hours=8, minutes=30)
)
OUTLOOK_AT: Final = timedelta(hours=17, minutes=30)
POLLUTANTS: Final = {"PM10": "pm10", "PM25": "pm2p5", "O3": "ozone"}
CITY_OF_REGION: Final = cities_by_area("KR")
NO_FORECAST: Final = frozenset({"예보없음", "-", ""})
CONFIDENCE: Final = "신뢰도"
WEEK: Final = ("One", "Two", "Three", "Four")
OUTLOOK_FROM: Final = 3
"""The outlook speaks of the third day after its issue and the three that follow."""
OVER: Final = re.compile(r"(\w{1,40})50Over", re.ASCII)
YES: Final = frozenset({"O", "o", "○"})
REGIONS: Final = {
    "seoul": "서울",
    "incheon": "인천",
    "gyeonggi": "경기",
    "gangwon": "강원",
    "daejeon": "대전",
    "sejong": "세종",
    "chungnam": "충남",
    "chungbuk": "충북",
    "gwangju": "광주",
    "jeonbuk": "전북",
    "jeonnam": "전남",
    "busan": "부산",
    "daegu": "대구",
    "ulsan": "울산",
    "gyeongbuk": "경북",
    "gyeongnam": "경남",
    "jeju": "제주",
}
ABOVE_UGM3: Final = 50


def feeds(config: SourceConfig, main: Service) -> list[Feed]:
    """Return the three feeds of forecasts; the first two share the quota of ``main``."""
    rows = (
        ("airkorea.forecast", DAILY, ISSUES, main, parse_forecast),
        ("airkorea.weekly", WEEKLY, OUTLOOKS, main, parse_weekly),
        ("airkorea.over50", OVER50, ISSUES, service(config, "over50"), parse_over50),
    )
    return [_feed(config, *row) for row in rows]


def _feed(
    config: SourceConfig,
    name: str,
    operation: str,
    timing: Timing,
    asked: Service,
    parse: Callable[[bytes], Parsed],
) -> Feed:
    return Feed(
        name,
        SOURCE,
        timing,
        asked,
        lambda due: day_asks(operation, due),
        lambda http, ask: get(http, asked, config, operation, ask.parameters),
        lambda answer: issued(parse(answer.payload), answer, timing),
    )


def day_asks(operation: str, due: Due) -> list[Ask]:
    """Return one request for each day (KST) on which an issue is due.

    >>> from pipeline.times import parse_instant
    >>> day = [parse_instant("2025-01-30T20:00Z"), parse_instant("2025-01-31T02:00Z")]
    >>> [ask.parameters["searchDate"] for ask in day_asks(DAILY, Due(day[-1], {WHOLE: tuple(day)}))]
    ['2025-01-31']
    """
    days: dict[date, list[datetime]] = {}
    for when in due.instants:
        days.setdefault(when.astimezone(KST).date(), []).append(when)
    return [
        Ask(
            operation,
            f"{operation.rpartition('/')[2]} of {day}",
            {"searchDate": day.isoformat()},
            tuple((WHOLE, when) for when in times),
        )
        for day, times in days.items()
    ]


def issued(parsed: Parsed, answer: RawAnswer, timing: Timing) -> Parsed:
    """Say which issues an answer settles: those that it holds, and those that are older than half a day.

    Raises
    ------
    NotYetAvailable
        it holds no issue, and none of its day is old enough
    """
    there = {bulletin.issued_at for bulletin in parsed.bulletins}
    try:
        asked = date.fromisoformat(answer.asked.get("searchDate", ""))
    except ValueError:
        return parsed._replace(covered=tuple((WHOLE, when) for when in sorted(there)))
    start, end = local_day_bounds(asked, ZONE)
    first = start.replace(hour=0, minute=0) + timing.offset
    issues = [w for n in range(-4, 9) if start <= (w := first + n * timing.step) < end]
    there |= {when for when in issues if when <= answer.fetched_at - LATEST}
    if not there and not parsed.left_out:
        raise NotYetAvailable(SOURCE, f"nothing issued on {asked} yet", remedy="ask again later")
    return parsed._replace(covered=tuple((WHOLE, when) for when in sorted(there)))


def parse_forecast(payload: bytes) -> Parsed:
    """Read ``getMinuDustFrcstDspth``: one bulletin for each pollutant, target day and issue.

    Raises
    ------
    SourceUnavailable, NotYetAvailable
        refusals of the gateway
    BadPayload
        no item reads at all; single bad items are left out and named
    """
    return _bulletins(payload, _forecast)


def parse_weekly(payload: bytes) -> Parsed:
    """Read ``getMinuDustWeekFrcstDspth``: one bulletin for each outlook; errors as :func:`parse_forecast`."""
    return _bulletins(payload, _outlook)


def parse_over50(payload: bytes) -> Parsed:
    """Read ``getMinuDustFrcstDspth50Over``: one bulletin for each target day and issue; errors as above."""
    return _bulletins(payload, _over50)


def _bulletins(payload: bytes, read: Callable[[Mapping[str, Any]], Iterator[Bulletin]]) -> Parsed:
    """Read every item; of bulletins with one key the first is the newest."""
    items, cut = parse_items(payload)
    found, left_out = read_each(items, read)
    first: dict[str, Bulletin] = {}
    for bulletin in found:
        first.setdefault(bulletin.key, bulletin)
    empty = nothing()
    return empty._replace(bulletins=tuple(first.values()), left_out=(*cut, *left_out))


def _forecast(item: Mapping[str, Any]) -> Iterator[Bulletin]:
    issue = parse_issue(required(item, "dataTime", SOURCE))
    target = parse_day(required(item, "informData", SOURCE), "informData")
    code = clean_text(required(item, "informCode", SOURCE))
    if code not in POLLUTANTS:
        raise BadPayload(SOURCE, f"{ascii(code)[:20]} is no pollutant", field="informCode", remedy=REMEDY)
    yield Bulletin(
        SOURCE,
        "forecast",
        f"{POLLUTANTS[code]} {target} issued {_local(issue)}",
        issue,
        *local_day_bounds(target, ZONE),
        {
            "pollutant": POLLUTANTS[code],
            "target_date": target.isoformat(),
            "regions": parse_grades(required(item, "informGrade", SOURCE), "informGrade")[0],
            "overall": clean_text(item.get("informOverall") or item.get("infornOverall")),
            "cause": clean_text(item.get("informCause")),
            "advice": clean_text(item.get("actionKnack")),
        },
    )


def parse_grades(text: object, field: str) -> tuple[dict[str, dict[str, object]], str]:
    """Return the grade of each region, as its agency writes both, and the confidence if one is given.

    >>> regions, confidence = parse_grades("서울 : 나쁨, 제주 : 예보없음, 신뢰도 : 높음", "x")
    >>> regions["서울"]["grade"], regions["서울"]["city"], regions["제주"]["grade"], confidence
    ('나쁨', 'seoul', None, '높음')
    """
    pairs = [pair.split(":") for pair in clean_text(text).split(",") if pair.strip()]
    if not pairs or any(len(pair) != 2 or not pair[0].strip() for pair in pairs):
        raise BadPayload(SOURCE, f"{ascii(text)[:40]} holds no grades", field=field, remedy=REMEDY)
    grades = {region.strip(): grade.strip() for region, grade in pairs}
    confidence = grades.pop(CONFIDENCE, "")
    return {region: _region(region, grade) for region, grade in grades.items()}, confidence


def _region(region: str, grade: str) -> dict[str, object]:
    return {
        "city": CITY_OF_REGION.get(region, ""),
        "grade": None if grade in NO_FORECAST else grade,
        "low": None,
        "high": None,
        "value": None,
    }


def _outlook(item: Mapping[str, Any]) -> Iterator[Bulletin]:
    day = parse_day(required(item, "presnatnDt", SOURCE), "presnatnDt")
    issue = local_day_bounds(day, ZONE)[0] + OUTLOOK_AT
    days = [
        _outlook_day(item, name, day + timedelta(days=OUTLOOK_FROM + n))
        for n, name in enumerate(WEEK)
        if clean_text(item.get(f"frcst{name}Cn"))
    ]
    if not days:
        raise BadPayload(SOURCE, "an outlook without a day", field="frcstOneCn", remedy=REMEDY)
    dates = [date.fromisoformat(str(each["date"])) for each in days]
    bounds = [local_day_bounds(each, ZONE) for each in dates]
    content = {"days": days, "outlook": clean_text(item.get("gwthcnd"))}
    start, end = min(b[0] for b in bounds), max(b[1] for b in bounds)
    yield Bulletin(SOURCE, "outlook", f"week issued {day}", issue, start, end, content)


def _outlook_day(item: Mapping[str, Any], name: str, expected: date) -> dict[str, object]:
    told = item.get(f"frcst{name}Dt")
    target = expected if told is None else parse_day(told, f"frcst{name}Dt")
    regions, confidence = parse_grades(item[f"frcst{name}Cn"], f"frcst{name}Cn")
    return {"date": target.isoformat(), "regions": regions, "confidence": confidence}


def _over50(item: Mapping[str, Any]) -> Iterator[Bulletin]:
    issue = parse_issue(required(item, "dataTime", SOURCE))
    target = parse_day(required(item, "informData", SOURCE), "informData")
    stems = [match[1] for name in item if (match := OVER.fullmatch(name))]
    if not stems:
        raise BadPayload(SOURCE, "no region is named", field="seoul50Over", remedy=REMEDY)
    regions = {}
    for stem in stems:
        region = REGIONS.get(stem, stem)
        above = clean_text(item.get(f"{stem}50Over")) in YES
        bound = {"low" if above else "high": ABOVE_UGM3, "above": above}
        regions[region] = {**_region(region, ""), **bound}
    content = {"target_date": target.isoformat(), "regions": regions}
    key = f"{target} issued {_local(issue)}"
    yield Bulletin(SOURCE, "over50", key, issue, *local_day_bounds(target, ZONE), content)


def _local(issue: datetime) -> str:
    return issue.astimezone(KST).strftime("%Y-%m-%dT%H+09")
