"""What an answer means: good, worth another try, or refused; the body counts more than the status."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pipeline.errors import BadPayload, NotYetAvailable, QuotaSpent, Refused, SourceError, SourceUnavailable
from pipeline.http_transfer import Answer
from pipeline.retry_after import told_wait

if TYPE_CHECKING:
    from pipeline.http import Request, Service

LATER: Final = "it is asked again at the next run"
PASSING: Final = frozenset({408, 425})
"""Statuses below 500 that another try can cure."""
FORBIDDEN: Final = frozenset({401, 403})
AFTER_429: Final = timedelta(minutes=10)
"""How long a service is left alone that answers "too many requests" without saying for how long."""
LONGEST_STOP: Final = timedelta(days=1)


def judge(service: Service, request: Request, answer: Answer, now: datetime) -> SourceError | None:
    """Return what is wrong with an answer, None if nothing is.

    The request's own check reads the body first, whatever the status: gateways refuse with 200, 400 or 403
    and say why in the body only. Where the status is an error, a body that merely does not read adds nothing,
    and a web page does not make another try of "forbidden".
    """
    if answer.status in request.absent:
        return NotYetAvailable(service.source, f"not there (HTTP {answer.status})", remedy="ask again later")
    found = _checked(service, request, answer.body)
    if answer.status == 429 and not isinstance(found, QuotaSpent | Refused):
        wait_s = told_wait(answer.headers, now)
        pause = AFTER_429 if wait_s is None else timedelta(seconds=min(wait_s, LONGEST_STOP.total_seconds()))
        return QuotaSpent(service.source, "too many requests (HTTP 429)", until=now + pause, remedy=LATER)
    if 200 <= answer.status < 300:
        if found is None or isinstance(found, BadPayload):
            return _nothing_said(service, answer.body) or found or _wrong_type(service, request, answer)
        return found
    vague = found is None or isinstance(found, BadPayload)
    if answer.status in FORBIDDEN:
        vague = vague or type(found) is SourceUnavailable
    return _by_status(service, answer.status) if vague else found


def _checked(service: Service, request: Request, body: bytes) -> SourceError | None:
    """Return what the request's check says; one that stumbles itself says that the body does not read."""
    if request.check is None:
        return None
    try:
        request.check(body)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 -- a check meets any bytes whatever
        what = f"the answer does not have the documented shape ({type(error).__name__})"
        return BadPayload(service.source, what, remedy="compare it with the documented shape")
    return None


def _nothing_said(service: Service, body: bytes) -> SourceUnavailable | None:
    """Return the error of an empty body or a web page, which no source has to give but many in trouble do."""
    head = body.lstrip()[:15].lower()
    if not head:
        return SourceUnavailable(service.source, "answered nothing", remedy=LATER)
    if head.startswith((b"<!doctype html", b"<html")):
        return SourceUnavailable(service.source, "answered a web page", remedy=LATER)
    return None


def _wrong_type(service: Service, request: Request, answer: Answer) -> BadPayload | None:
    said = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if not said or not request.expect or said in request.expect:
        return None
    what = f"the answer is {said[:60]!r}, not {' or '.join(request.expect)}"
    return BadPayload(service.source, what, field="Content-Type", remedy="check the operation")


def _by_status(service: Service, status: int) -> SourceError:
    if status in FORBIDDEN:
        return Refused(service.source, f"HTTP {status}", remedy="check the key and what it may use")
    if status in PASSING or status >= 500:
        return SourceUnavailable(service.source, f"HTTP {status}", remedy=LATER)
    return Refused(service.source, f"HTTP {status}", remedy="check the address and the parameters")
