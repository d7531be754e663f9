"""KMA's short-range forecast (단기예보) at points: temperature, wind, humidity, rain; 8 issues a day.

``typ02/openApi/VilageFcstInfoService_2.0/getVilageFcst`` (own application needed) gives one cell of the 5-km
grid as JSON, ``{"response": {"header": {"resultCode": "00"}, "body": {"totalCount": n, "items": {"item":
[…]}}}}`` with ``baseDate, baseTime, category, fcstDate, fcstTime, fcstValue`` in KST; issues 02, 05 … 23 KST,
there about ten minutes later. Values from 900 up and -900 down are missing. Rain ``PCP`` is text: 강수없음 is
0, "1mm 미만" is taken as 0.5, a range as its middle, "50.0mm 이상" as its lower end. Format as in public
programs; how long issues can be had is unverified, a day is assumed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr

from ingest.feeds import WHOLE, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.kma_points import POINTS, cell_of
from ingest.kma_wire import (
    APPLY,
    BASE_URL,
    CONTENT_TYPES,
    KST,
    MOST_LEFT_OUT,
    SOURCE,
    check_answer,
    decode,
    parse_label,
    service,
)
from ingest.wire import REMEDY, Parsed, load_json, nothing, required, to_number
from pipeline.errors import BadPayload, NotYetAvailable, QuotaSpent, Refused, SourceUnavailable
from pipeline.http import Http, Request
from pipeline.times import to_ns
from pipeline.weather_schema import possible_only

OPERATION: Final = "typ02/openApi/VilageFcstInfoService_2.0/getVilageFcst"
ITEMS: Final = 2000
ISSUES: Final = Timing(
    delay=timedelta(minutes=12), keeps=timedelta(days=1), step=timedelta(hours=3), offset=timedelta(hours=2)
)
LONGEST_LEAD_H: Final = 240
MISSING_FROM: Final = 900.0


class Variable(NamedTuple):
    """What a category becomes: value · scale + offset."""

    quantity: str
    scale: float = 1.0
    offset: float = 0.0


CATEGORIES: Final = {
    "TMP": Variable("air_temperature", 1.0, 273.15),
    "UUU": Variable("eastward_wind"),
    "VVV": Variable("northward_wind"),
    "REH": Variable("relative_humidity", 0.01),
    "PCP": Variable("precipitation_amount"),
}
NO_DATA: Final = frozenset({"03"})
PASSING: Final = frozenset({"01", "02", "04", "05", "99"})
QUOTA: Final = frozenset({"22"})
KEY: Final = frozenset({"20", "21", "30", "31", "32", "33"})


def get_forecast(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for an issue (``base_date``, ``base_time``, KST) at every point; returns a JSON list."""
    url = f"{config.base_url or BASE_URL}/{OPERATION}"
    bodies = []
    for latitude, longitude in POINTS.values():
        nx, ny = cell_of(latitude, longitude)
        query = {
            "pageNo": "1",
            "numOfRows": str(ITEMS),
            "dataType": "JSON",
            "nx": str(nx),
            "ny": str(ny),
            **parameters,
            "authKey": config.key.get_secret_value(),
        }
        bodies.append(
            http.ask(
                service(config), Request("GET", url, params=query, check=check_forecast, expect=CONTENT_TYPES)
            ).strip()
        )
    return b"[" + b",\n".join(bodies) + b"]"


def check_forecast(payload: bytes) -> None:
    """Raise the typed error of a refusal: by the hub, by the gateway (XML), or in the header.

    Raises
    ------
    NotYetAvailable
        code 03
    QuotaSpent, Refused, SourceUnavailable
        code 22; key or permission; trouble of the service
    BadPayload
        any other code, or an answer without one
    """
    check_answer(payload)
    gateway = re.search(rb"<returnReasonCode>\s*(\d{1,3})", payload[:4000])
    if gateway:
        refuse_code(gateway[1].decode())
    refuse_code(_code(load_json(payload, SOURCE)))


def _code(answer: Any) -> str:
    return str(
        required(required(required(answer, "response", SOURCE), "header", SOURCE), "resultCode", SOURCE)
    )


def refuse_code(code: str) -> None:
    """Raise the error that belongs to a result code; ``00`` passes."""
    code = code.zfill(2)[:20]
    what = f"refused with code {code}"
    if code == "00":
        return
    if code in NO_DATA:
        raise NotYetAvailable(SOURCE, f"no forecast (code {code})", remedy="ask again later")
    if code in QUOTA:
        raise QuotaSpent(SOURCE, "the calls of today are used up", remedy="wait until midnight KST")
    if code in KEY:
        raise Refused(SOURCE, what, remedy=APPLY)
    if code in PASSING:
        raise SourceUnavailable(SOURCE, what, remedy="try again later")
    raise BadPayload(SOURCE, what, field="resultCode", remedy="check operation and parameters")


def parse_forecast(payload: bytes) -> Parsed:
    """Read the answers of one issue at all points.

    Returns
    -------
    Parsed
        one forecast over (forecast_period, station) with the categories of CATEGORIES in our units

    Raises
    ------
    SourceError
        refusals, answers of different issues, or nothing that reads
    """
    check_answer(payload)
    answers = load_json(decode(payload).encode(), SOURCE)
    if isinstance(answers, Mapping):
        answers = [answers]
    if not isinstance(answers, list):
        raise BadPayload(SOURCE, "the answer is no forecast", remedy=REMEDY)
    bad: list[BadPayload] = []
    values: dict[tuple[str, str, int], float] = {}
    issues: set[datetime] = set()
    for answer in answers:
        refuse_code(_code(answer))
        for item in _items(answer, bad):
            try:
                issue, key, value = _value(item)
            except BadPayload as error:
                bad.append(error)
                continue
            issues.add(issue)
            if key is not None:
                values[key] = value
    if len(issues) != 1 or not values:
        raise bad[0] if bad else BadPayload(SOURCE, "no single issue with values", field="baseTime")
    empty = nothing()
    forecast = _dataset(values, issues.pop())
    return Parsed(
        empty.observations, empty.stations, forecasts=(forecast,), left_out=tuple(bad[:MOST_LEFT_OUT])
    )


def _items(answer: Any, bad: list[BadPayload]) -> list[Any]:
    body = required(required(answer, "response", SOURCE), "body", SOURCE)
    items = required(required(body, "items", SOURCE), "item", SOURCE)
    items = items if isinstance(items, list) else [items]
    total = body.get("totalCount")
    if isinstance(total, int) and total > len(items):
        what = f"the answer holds {len(items)} of {total} values"
        bad.append(BadPayload(SOURCE, what, field="totalCount", remedy=REMEDY))
    return items


def _value(item: Any) -> tuple[datetime, tuple[str, str, int] | None, float]:
    """Return issue, (quantity, cell, lead [h]) and value of an item; no key for a category we do not keep."""
    issue = parse_label(
        f"{required(item, 'baseDate', SOURCE)}{required(item, 'baseTime', SOURCE)}", "baseTime"
    )
    variable = CATEGORIES.get(str(required(item, "category", SOURCE)))
    if variable is None:
        return issue, None, math.nan
    valid = parse_label(
        f"{required(item, 'fcstDate', SOURCE)}{required(item, 'fcstTime', SOURCE)}", "fcstTime"
    )
    lead = valid - issue
    hours, rest = divmod(lead, timedelta(hours=1))
    if rest or not 0 <= hours <= LONGEST_LEAD_H:
        raise BadPayload(SOURCE, f"a lead of {lead}", field="fcstTime", remedy=REMEDY)
    text = required(item, "fcstValue", SOURCE)
    value = parse_rain(text) if variable.quantity == "precipitation_amount" else _plain(text)
    cell = f"{required(item, 'nx', SOURCE)}_{required(item, 'ny', SOURCE)}"
    return issue, (variable.quantity, cell, hours), value * variable.scale + variable.offset


def _plain(text: object) -> float:
    value = to_number(text, SOURCE, "fcstValue", {"", "-"})
    return math.nan if abs(value) >= MISSING_FROM else value


def parse_rain(text: object) -> float:
    """Return the rain [mm] that a label of ``PCP`` stands for.

    >>> [parse_rain(t) for t in ("강수없음", "1mm 미만", "6.2mm", "30.0~50.0mm", "50.0mm 이상")]
    [0.0, 0.5, 6.2, 40.0, 50.0]
    """
    said = str(text).strip()
    if said in ("강수없음", "0", "-"):
        return 0.0
    match = re.fullmatch(r"([\d.]{1,8})(?:mm)?(?:~([\d.]{1,8})(?:mm)?)?\s*(미만|이상)?", said, re.ASCII)
    if match is None:
        return _plain(text)
    low = to_number(match[1], SOURCE, "PCP", ())
    if match[2]:
        return (low + to_number(match[2], SOURCE, "PCP", ())) / 2
    return low / 2 if match[3] == "미만" else low


def _dataset(values: Mapping[tuple[str, str, int], float], issue: datetime) -> xr.Dataset:
    cells = {"{}_{}".format(*cell_of(*where)): where for where in POINTS.values()}
    known = sorted({cell for _, cell, _ in values} & set(cells))
    leads = sorted({lead for _, _, lead in values})
    if not known:
        raise BadPayload(SOURCE, "values of none of our points", field="nx", remedy=REMEDY)
    rows, columns = {lead: i for i, lead in enumerate(leads)}, {cell: i for i, cell in enumerate(known)}
    found = {q: np.full((len(leads), len(known)), np.nan) for q in {q for q, _, _ in values}}
    for (quantity, cell, lead), value in values.items():
        if cell in columns:
            found[quantity][rows[lead], columns[cell]] = value
    dataset = xr.Dataset(
        {name: (("forecast_period", "station"), data) for name, data in sorted(found.items())},
        {
            "forecast_reference_time": to_ns(issue),
            "forecast_period": np.array(leads, dtype="int64"),
            "station": [f"kma_village:{cell}" for cell in known],
            "latitude": ("station", [cells[cell][0] for cell in known]),
            "longitude": ("station", [cells[cell][1] for cell in known]),
        },
        {"source": "KMA short-range forecast (단기예보)", "reference": "run", "licence": "KOGL type 1, KMA"},
    )
    return possible_only(dataset)


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the short-range forecast at our points, eight issues a day."""

    def asks(due: Due) -> list[Ask]:
        return [_ask(issue) for issue in due.instants]

    def read(answer: RawAnswer) -> Parsed:
        return parse_forecast(answer.payload)

    return [
        Feed(
            "kma.village",
            SOURCE,
            ISSUES,
            service(config),
            asks,
            lambda http, ask: get_forecast(http, config, ask.parameters),
            read,
        )
    ]


def _ask(issue: datetime) -> Ask:
    local = issue.astimezone(KST)
    base = {"base_date": local.strftime("%Y%m%d"), "base_time": local.strftime("%H%M")}
    return Ask(OPERATION, f"short-range forecast of {local:%Y-%m-%d %H} KST", base, ((WHOLE, issue),))
