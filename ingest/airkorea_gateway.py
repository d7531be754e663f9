"""The gateway of data.go.kr before AirKorea's services: requests, refusals, pages and times in KST.

Every service has a quota of its own, 500 calls a day for a development account, and so has a `Service` of its
own here. Refusals come as XML or JSON, often with HTTP 200, therefore the body is judged, never the status.
Whether one page may hold 1000 rows is unverified; where it holds fewer the further pages are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
from pydantic import SecretStr

from ingest.feeds import SourceConfig
from ingest.wire import REMEDY, hour_end, load_json, required
from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceError,
    SourceUnavailable,
)
from pipeline.http import Http, Limits, Request, Service

SOURCE: Final = "airkorea"
BASE_URL: Final = "https://apis.data.go.kr/B552584"
KST: Final = timezone(timedelta(hours=9))
ZONE: Final = "Asia/Seoul"
CALLS_PER_DAY: Final = 500
ROWS_PER_PAGE: Final = 1000
TYPES: Final = ("application/json", "text/json", "text/plain")
"""Content types that may be JSON; which of them the gateway sends is unverified. Refusals are read in any."""
MOST_PAGES: Final = 20
BOM: Final = b"\xef\xbb\xbf"

RETRY_CODES: Final = frozenset({"01", "1", "02", "2", "04", "4", "05", "5", "99"})
NO_DATA_CODES: Final = frozenset({"03", "3"})
QUOTA_CODE: Final = "22"
REFUSALS: Final = {
    "20": "access denied; check that the key may use this service",
    "21": "key suspended; ask data.go.kr",
    "30": "key not registered; check SAMEAIR_AIRKOREA_KEY, it may have been encoded twice",
    "31": "key expired; renew it at data.go.kr",
    "32": "this address is not registered for the key",
    "33": "the call was not signed with a key",
}
LABEL: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2})", re.ASCII)
ISSUE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})\s+(\d{1,2})\s*시(?:\s*발표)?", re.ASCII)


def service(config: SourceConfig, part: str = "", per_day: int = CALLS_PER_DAY) -> Service:
    """Return what must be known to ask one of the services; each ``part`` has a quota of its own."""
    key = config.key.get_secret_value()
    return Service(
        f"{SOURCE}_{part}" if part else SOURCE,
        Limits(per_day=per_day, zone=ZONE),
        (config.key, SecretStr(unquote(key))) if key else (),
    )


def parse_label(text: str) -> np.datetime64:
    """Return the interval end [UTC] of a KST label, whose hours run to 24:00.

    >>> str(parse_label("2024-12-31 24:00"))[:16]
    '2024-12-31T15:00'
    """
    return hour_end(_instant(text, LABEL, "dataTime"), SOURCE, "dataTime")


def parse_moment(day: object, time: object, field: str) -> datetime:
    """Return the instant [UTC] of a day and an HH:MM of its own field, both KST; 24:00 ends the day.

    >>> parse_moment("2020-10-28", "03:00", "issueTime").isoformat()
    '2020-10-27T18:00:00+00:00'
    """
    if not isinstance(day, str) or not isinstance(time, str):
        raise BadPayload(SOURCE, "no time is given", field=field, remedy=REMEDY)
    return _instant(f"{day.strip()} {time.strip()[:5]}", LABEL, field)


def parse_issue(text: object) -> datetime:
    """Return the instant [UTC] of an issue, such as ``2020-01-01 23시 발표``.

    >>> parse_issue("2020-01-01 23시 발표").isoformat()
    '2020-01-01T14:00:00+00:00'
    """
    return _instant(text, ISSUE, "dataTime")


def parse_day(text: object, field: str) -> date:
    """Return a calendar date ``YYYY-MM-DD`` of our times.

    >>> parse_day("2020-01-02", "informData")
    datetime.date(2020, 1, 2)
    """
    try:
        day = date.fromisoformat(text.strip()) if isinstance(text, str) else date.min
    except ValueError:
        day = date.min
    if not 1990 <= day.year <= 2199:
        raise BadPayload(SOURCE, f"{ascii(text)[:40]} is no date", field=field, remedy=REMEDY)
    return day


def _instant(text: object, pattern: re.Pattern[str], field: str) -> datetime:
    match = pattern.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute = map(int, (*match.groups(), "0")[:5])
        if not 1990 <= year <= 2199 or hour > 24 or minute > 59 or (hour == 24 and minute):
            raise ValueError(text)
        when = datetime(year, month, day, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
    except (ValueError, OverflowError):
        raise BadPayload(SOURCE, f"{ascii(text)[:40]} is no time", field=field, remedy=REMEDY) from None
    return when.astimezone(UTC)


def check_gateway(payload: bytes) -> None:
    """Raise the typed error of a refusal by the gateway (XML or JSON); pass anything else.

    Raises
    ------
    QuotaSpent
        code 22: nothing more before midnight KST
    Refused
        key or permission, each with its remedy
    SourceUnavailable
        server trouble, or a web page instead of an answer
    NotYetAvailable
        code 03, no data
    BadPayload
        the request was wrong (10, 11, 12), or a code nobody documented

    Examples
    --------
    >>> check_gateway(b'{"response": {}}')
    >>> check_gateway(b"<r><returnReasonCode>22</returnReasonCode></r>")
    Traceback (most recent call last):
    pipeline.errors.QuotaSpent: airkorea: the day's quota is spent (code 22); wait until midnight KST
    """
    head = payload.lstrip()[:200].lower()
    if head.startswith(b"<!doctype html") or head.startswith(b"<html"):
        raise SourceUnavailable(SOURCE, "answered a web page", remedy="try again later")
    code = re.search(rb'<returnReasonCode>\s*(\d+)|"returnReasonCode"\s*:\s*"?(\d+)', payload)
    if code:
        refuse((code[1] or code[2]).decode())
    elif head.startswith(b"<"):
        raise BadPayload(SOURCE, "answered XML where JSON was asked", remedy=REMEDY)


def refuse(code: str) -> None:
    """Raise the error that belongs to a result code; ``00`` passes."""
    if code in ("00", "0"):
        return
    if code in NO_DATA_CODES:
        raise NotYetAvailable(SOURCE, f"no data (code {code})", remedy="ask again later")
    if code in RETRY_CODES:
        raise SourceUnavailable(SOURCE, f"server error (code {code})", remedy="try again later")
    if code == QUOTA_CODE:
        raise QuotaSpent(SOURCE, "the day's quota is spent (code 22)", remedy="wait until midnight KST")
    if code in REFUSALS:
        raise Refused(SOURCE, f"refused with code {code}", remedy=REFUSALS[code])
    raise BadPayload(
        SOURCE,
        f"refused with code {ascii(code)[:12]}",
        field="resultCode",
        remedy="check operation and parameters",
    )


def parse_items(payload: bytes) -> tuple[list[dict[str, Any]], tuple[BadPayload, ...]]:
    """Return the items of an answer, and an error if it says that there are more than it holds.

    ``items`` may be a list, an object, ``{"item": …}`` or empty text; several pages are a list of answers.
    """
    check_gateway(payload)
    pages = load_json(payload, SOURCE)
    found: list[dict[str, Any]] = []
    total = 0
    for page in pages if isinstance(pages, list) and pages else [pages]:
        response = required(page, "response", SOURCE)
        refuse(str(required(required(response, "header", SOURCE), "resultCode", SOURCE))[:20])
        body = required(response, "body", SOURCE)
        found += _listed(required(body, "items", SOURCE))
        total = _count(body)
    if total <= len(found):
        return found, ()
    what = f"the answer holds {len(found)} of {total} rows"
    return found, (BadPayload(SOURCE, what, field="totalCount", remedy=REMEDY),)


def _listed(items: Any) -> list[dict[str, Any]]:
    if isinstance(items, Mapping) and "item" in items:
        items = items["item"]
    if not items:
        return []
    if isinstance(items, Mapping):
        items = [dict(items)]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadPayload(SOURCE, "items is neither a list nor an object", field="items", remedy=REMEDY)
    return items


def _count(body: Mapping[str, Any]) -> int:
    total = body.get("totalCount")
    text = str(total) if isinstance(total, int | str) and not isinstance(total, bool) else ""
    return int(text) if re.fullmatch(r"\d{1,7}", text, re.ASCII) else 0


def get(
    http: Http,
    asked: Service,
    config: SourceConfig,
    operation: str,
    query: Mapping[str, str],
    *,
    check: Callable[[bytes], None] | None = None,
) -> bytes:
    """Ask one operation for all its pages; several pages come back as a JSON list of the answers.

    The portal hands out the key URL-encoded, too; sent like that it would be encoded twice (code 30).
    """
    url = f"{config.base_url or BASE_URL}/{operation}"
    fixed = {
        "serviceKey": unquote(config.key.get_secret_value()),
        "returnType": "json",
        "numOfRows": str(ROWS_PER_PAGE),
    }
    pages: list[bytes] = []
    total, rows = 1, 0
    while rows < total and len(pages) < MOST_PAGES:
        params = {**fixed, "pageNo": str(len(pages) + 1), **query}
        page = http.ask(asked, Request("GET", url, params, check=check or check_answer, expect=TYPES))
        if pages and page.removeprefix(BOM) == pages[-1]:
            break
        total, more = _size(page)
        pages.append(page.removeprefix(BOM))
        rows += more
        if not more:
            break
    return pages[0] if len(pages) == 1 else b"[" + b",".join(pages) + b"]"


def check_answer(payload: bytes) -> None:
    """Raise the typed error of any refusal that came with HTTP 200; other content passes, read or not.

    >>> check_answer(b'{"response": {"header": {"resultCode": "30"}}}')
    Traceback (most recent call last):
    pipeline.errors.Refused: airkorea: refused with code 30; key not registered; ...
    """
    check_gateway(payload)
    code = re.search(rb'"resultCode"\s*:\s*"?(\d{1,4})', payload)
    if code:
        refuse(code[1].decode())


def _size(payload: bytes) -> tuple[int, int]:
    """Return how many rows there are in all, and on this page; an unreadable page counts as the last."""
    try:
        body = json.loads(payload)["response"]["body"]
        return _count(body), len(_listed(body["items"]))
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError, SourceError):
        return 0, 0


def floor_hour(when: datetime) -> datetime:
    """Return the last whole hour at or before an instant.

    >>> floor_hour(datetime(2025, 1, 1, 3, 27, tzinfo=UTC)).isoformat()
    '2025-01-01T03:00:00+00:00'
    """
    return when.replace(minute=0, second=0, microsecond=0)
