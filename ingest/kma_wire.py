"""What the text services of the KMA API hub (기상청 API허브) share: addresses, refusals, lines and labels.

An answer is a text table: comments begin with ``#`` (``#START7777`` … ``#7777END``, the last of which an
empty table may lack), Korean text in EUC-KR, labels in KST. Refusals are JSON, ``{"result": {"status": …,
"message": …}}``, with HTTP 401 or 403 and at times 200: 401 key not valid, 403 the key has not been granted
this operation, or its calls are used up. All of this as seen in public programs that use the hub; none of it
could be tried with a key of ours: unverified. So is the allowance of 20,000 calls a day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from ingest.feeds import WHOLE, Due, Hour, SourceConfig
from ingest.wire import REMEDY, Reading, hour_end, observation_rows, to_number
from pipeline.errors import BadPayload, QuotaSpent, Refused, SourceUnavailable
from pipeline.http import Http, Limits, Request, Service
from pipeline.names import QC_PASS, QC_SUSPECT
from pipeline.times import HOUR, to_utc

SOURCE: Final = "kma"
BASE_URL: Final = "https://apihub.kma.go.kr/api"
KST: Final = timezone(timedelta(hours=9))
CALLS_PER_DAY: Final = 20_000
CITY_OF_STATION: Final = {"108": "seoul"}
"""KMA's stations that stand in one of our cities; 108 is Songwol-dong, Seoul."""

APPLY: Final = "apply for this operation (활용신청) at apihub.kma.go.kr with the account of SAMEAIR_KMA_KEY"
QUOTA_WORDS: Final = ("한도", "초과", "LIMITED_NUMBER")
CONTENT_TYPES: Final = (
    "text/plain",
    "text/html",
    "text/csv",
    "text/xml",
    "application/xml",
    "application/json",
    "application/octet-stream",
)
"""What the hub calls its tables is not documented; pages of HTML are told by their content."""
END: Final = "#7777END"
SETTLED: Final = 6 * HOUR
"""An hour of this age that an answer leaves out is taken as not measured, and not asked for again."""
MOST_LEFT_OUT: Final = 20

T = TypeVar("T")
_LABEL = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})\.?(\d{2}):?(\d{2})", re.ASCII)


def service(config: SourceConfig) -> Service:
    """Return what must be known of the hub to ask it.

    >>> service(SourceConfig()).limits.per_day
    20000
    """
    limits = Limits(per_day=CALLS_PER_DAY, zone="Asia/Seoul")
    return Service(SOURCE, limits, (config.key,), largest_bytes=32 * 2**20)


def get_answer(http: Http, config: SourceConfig, operation: str, parameters: Mapping[str, str]) -> bytes:
    """Ask an operation, such as ``typ01/url/kma_sfctm3.php``, and return the raw answer.

    Raises
    ------
    SourceError
        no answer, no quota, no right, or a refusal in the body
    """
    query = {**parameters, "authKey": config.key.get_secret_value()}
    url = f"{config.base_url or BASE_URL}/{operation}"
    request = Request("GET", url, params=query, check=check_answer, expect=CONTENT_TYPES)
    return http.ask(service(config), request)


def check_answer(payload: bytes) -> None:
    """Raise the typed error of a refusal; pass anything that may be a table or the JSON of a forecast.

    Raises
    ------
    QuotaSpent, Refused, SourceUnavailable
        calls used up; key or permission; trouble of the service, or nothing at all
    BadPayload
        a status nobody documented

    Examples
    --------
    >>> check_answer(b"#START7777")
    >>> check_answer('{"result": {"status": 403, "message": "활용신청이 필요한 API 입니다."}}'.encode())
    Traceback (most recent call last):
    pipeline.errors.Refused: kma: refused with status 403; apply for this operation ...
    """
    head = payload.lstrip()[:400]
    if not head:
        raise SourceUnavailable(SOURCE, "answered nothing", remedy="try again later")
    if head[:9].lower() == b"<!doctype" or head[:5].lower() == b"<html":
        raise SourceUnavailable(SOURCE, "answered a web page", remedy="try again later")
    if head.startswith(b"{"):
        status, message = _result(payload)
        if status is not None:
            refuse(status, message)


def _result(payload: bytes) -> tuple[str | None, str]:
    """Return status and message of the hub's own refusal; None for other JSON and for what is no JSON."""
    try:
        answer = json.loads(decode(payload))
    except (ValueError, RecursionError):
        return None, ""
    result = answer.get("result") if isinstance(answer, Mapping) else None
    if not isinstance(result, Mapping) or "status" not in result:
        return None, ""
    return str(result["status"])[:20], str(result.get("message"))[:200]


def refuse(status: str, message: str) -> None:
    """Raise the error of a status and its message, which is in Korean; ``200`` passes."""
    what = f"refused with status {status}"
    if status == "200":
        return
    if status == "429" or (status == "403" and any(word in message for word in QUOTA_WORDS)):
        raise QuotaSpent(SOURCE, "the calls of today are used up", remedy="wait until midnight KST")
    if status in ("400", "401"):
        raise Refused(SOURCE, what, remedy="check SAMEAIR_KMA_KEY")
    if status == "403":
        raise Refused(SOURCE, what, remedy=APPLY)
    if re.fullmatch(r"5\d\d", status):
        raise SourceUnavailable(SOURCE, what, remedy="try again later")
    raise BadPayload(SOURCE, what, field="status", remedy=REMEDY)


def decode(payload: bytes) -> str:
    """Return the text of an answer, which is EUC-KR, or UTF-8 where it is a refusal.

    >>> decode("황사".encode("cp949")), decode("황사".encode())
    ('황사', '황사')
    """
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return payload.decode(encoding)
        except UnicodeDecodeError:
            continue
    return payload.decode("cp949", "replace")


class Table(NamedTuple, Generic[T]):
    """What the lines of a table hold, which could not be read, and whether the table has its end mark."""

    rows: list[T]
    left_out: tuple[BadPayload, ...]
    whole: bool


def read_table(payload: bytes, read: Callable[[str], T | None], last_column: str = "") -> Table[T]:
    r"""Return what the data lines of a table hold.

    A table without its end mark may have been cut: what can be read counts, but for a last line that does not
    end, whose numbers may lack digits or be others' for want of columns; and the answer says so.

    Parameters
    ----------
    read : reads one line; raises BadPayload, or returns None for a line that does not concern us
    last_column : name of the last column in the comments, by which a table without lines is known to be empty
        and not cut, even without end mark

    Raises
    ------
    BadPayload
        no table, one that was cut before its first line, or one of which no line reads
    SourceUnavailable
        a refusal

    Examples
    --------
    >>> read_table(b"#START7777\n# A B\n1 2\n#7777END", str.split).rows
    [['1', '2']]
    """
    check_answer(payload)
    text = decode(payload)
    if not text.lstrip().startswith("#"):
        raise BadPayload(SOURCE, f"the answer is no table; it starts with {text[:40]!r}", remedy=REMEDY)
    lines = [line.strip() for line in text.splitlines() if line.strip(" \t=")]
    data = [line for line in lines if not line.startswith("#")]
    cut = BadPayload(SOURCE, "a table without its end", field=END, remedy=REMEDY)
    whole = bool(lines) and lines[-1].startswith(END)
    halved = bool(data) and data[-1] == lines[-1] and not text.endswith(("\n", "="))
    data = data[:-1] if halved else data
    if not data and not whole and (halved or not (last_column and last_column in text)):
        raise cut
    found, bad = _read_each(data, read)
    if data and len(bad) == len(data):
        raise bad[0]
    flaws = bad if whole or not data else [cut, *bad]
    return Table(found, tuple(flaws[:MOST_LEFT_OUT]), whole or not data)


def _read_each(lines: list[str], read: Callable[[str], T | None]) -> tuple[list[T], list[BadPayload]]:
    found: list[T] = []
    bad: list[BadPayload] = []
    for line in lines:
        try:
            row = read(line)
        except BadPayload as error:
            bad.append(error)
        else:
            found += [] if row is None else [row]
    return found, bad


def parse_label(text: str, field: str = "TM") -> datetime:
    """Return the instant of a KST label, ``YYYYMMDDHHMM`` or ``YYYY.MM.DD.HH:MM``, hours 00 … 24 [UTC].

    >>> parse_label("2026.07.02.24:00").isoformat()
    '2026-07-02T15:00:00+00:00'
    """
    match = _LABEL.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute = map(int, match.groups())
        if minute > 59 or hour * 60 + minute > 24 * 60:
            raise ValueError(text)
        when = datetime(year, month, day, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
        return to_utc(when)
    except (ValueError, OverflowError):
        raise BadPayload(SOURCE, f"{text[:40]!r} is no time", field=field, remedy=REMEDY) from None


def label(when: datetime) -> str:
    """Return the label of an instant, as requests want it.

    >>> label(datetime(2026, 7, 2, 16, tzinfo=KST))
    '202607021600'
    """
    return when.astimezone(KST).strftime("%Y%m%d%H%M")


def parse_hour(text: str) -> np.datetime64:
    """Return the interval end of a label [UTC]; anything but a whole hour of our times is a BadPayload."""
    return hour_end(parse_label(text), SOURCE, "TM")


def number(text: str, field: str, missing_to: float) -> float:
    """Return a value; NaN for one at or below ``missing_to``, which the hub writes for "none".

    >>> number("-9.0", "WS", -0.1), number("-9.0", "TA", -90.0)
    (nan, -9.0)
    """
    value = to_number(text, SOURCE, field, {"", "-"})
    return float("nan") if value <= missing_to else value


def rows_of(readings: list[Reading], doubtful: frozenset[Reading] = frozenset()) -> pd.DataFrame:
    """Return readings as observation rows, each station and hour once, doubtful ones flagged as suspect."""
    once = {(r.station, r.quantity, r.time): r for r in readings}
    sure = observation_rows(list(once.values()))
    keys = {(r.station, r.quantity, r.time) for r in doubtful}
    mark = [
        key in keys for key in zip(sure["station"], sure["quantity"], sure["time"].to_numpy(), strict=True)
    ]
    flags = sure["qc"].to_numpy(copy=True)
    flags[np.array(mark, dtype=bool) & (flags == QC_PASS)] = QC_SUSPECT
    return sure.assign(qc=flags)


def covered(
    asked: Mapping[str, str], table: Table[Any], present: set[datetime], fetched_at: datetime
) -> tuple[Hour, ...]:
    """Return which of the hours that were asked for (``hours`` of the request) need not be asked again.

    Those are the hours of which a table holds anything, and those so old that nothing more will come; none
    where the table was cut, for what it lacks may have stood behind its end.
    """
    if not table.whole:
        return ()
    wanted = [parse_label(part, "hours") for part in asked.get("hours", "").split() if part]
    return tuple((WHOLE, hour) for hour in wanted if hour in present or fetched_at - hour >= SETTLED)


def hours_of(instants: tuple[datetime, ...]) -> dict[str, str]:
    """Return the entry of a request that says which hours it is for; see :func:`covered`."""
    return {"hours": " ".join(label(when) for when in instants)}


def whole(due: Due) -> tuple[Hour, ...]:
    """Return everything that is due, as one request that answers for all of it has it."""
    return tuple((unit, when) for unit, hours in due.hours.items() for when in hours)


def query_of(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that the service is to see."""
    return {name: value for name, value in parameters.items() if name != "hours"}
