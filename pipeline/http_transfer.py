"""One request on the wire: redirects within the host, a body within its limits, failures told by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from pipeline.errors import BadPayload, Refused, SourceError

if TYPE_CHECKING:
    from pipeline.http import Patience, Request, Service

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
KEEPS_METHOD: Final = frozenset({307, 308})
MOST_REDIRECTS: Final = 3
CHUNK: Final = 2**16
FAILURES: Final = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
"""All that a request can end in; a ValueError is an address or header that cannot be sent."""
UNSENDABLE: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    UnicodeError,
)


class TransferFailed(Exception):
    """The request got no whole answer; its text says what kind of failure, without address."""


class NeverSent(TransferFailed):
    """No connection was made, so the service has not counted the request."""


@dataclass(frozen=True)
class Answer:
    """A whole answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Deadline:
    """An instant by which all must be done, on a clock that only counts seconds; a pause may move it."""

    at: float
    monotonic: Callable[[], float]

    def left(self) -> float:
        """Return the seconds that are left; negative once it is over."""
        return self.at - self.monotonic()


def transfer(
    session: requests.Session, service: Service, request: Request, patience: Patience, deadline: Deadline
) -> Answer:
    """Send a request, follow redirects that stay with the host, and read the body.

    Raises
    ------
    TransferFailed
        no whole answer in time
    Refused
        a redirect elsewhere, an untrusted certificate, or an address that cannot be used
    BadPayload
        a body larger than the service ever sends
    """
    problem: SourceError | TransferFailed
    try:
        return _follow(session, service, request, patience, deadline)
    except (SourceError, TransferFailed):
        raise
    except FAILURES as error:
        problem = _told(service.source, error)
    # Raised out here, so that the library's error, which shows the address, is not its context.
    raise problem


def _told(source: str, error: Exception) -> SourceError | TransferFailed:
    """Return what may be said of a failure: its kind."""
    if isinstance(error, UNSENDABLE):
        remedy = "check the address and the key in the settings"
        return Refused(source, f"the request cannot be sent ({type(error).__name__})", remedy=remedy)
    if "certificate verify failed" in str(error).lower():
        remedy = "it is never asked unverified; give its authority's certificate as SAMEAIR_SOURCE_CA_FILE"
        return Refused(source, "its TLS certificate is not trusted", remedy=remedy)
    return (NeverSent if _unconnected(error) else TransferFailed)(type(error).__name__)


def _unconnected(error: Exception) -> bool:
    """Tell whether there was no connection at all: no route, no such name, nobody listening, no answer."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _follow(
    session: requests.Session, service: Service, request: Request, patience: Patience, deadline: Deadline
) -> Answer:
    url, params = request.url, dict(request.params)
    for _ in range(MOST_REDIRECTS + 1):
        left = deadline.left()
        if left <= 0:
            raise TransferFailed("out of time")
        response = session.request(
            request.method,
            url,
            params=params,
            data=request.data,
            headers=request.headers,
            timeout=(min(patience.connect_s, left), min(patience.read_s, left)),
            allow_redirects=False,
            stream=True,
            auth=_no_auth,
        )
        with response:
            target = response.headers.get("Location")
            if response.status_code not in REDIRECTS or target is None:
                body = _body(response, service, deadline)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body)
            sent = response.url if isinstance(response.url, str) else url
            url, params = _redirected(service, request, sent, target, response.status_code), {}
    raise Refused(service.source, "redirects without end", remedy="check the address in the settings")


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no login from a .netrc file."""
    return prepared


def _redirected(service: Service, request: Request, sent: str, target: str, status: int) -> str:
    """Return where to go on; only the same host is trusted with the key, over no less safe a scheme."""
    there = urljoin(sent, target)
    old, new = urlsplit(sent), urlsplit(there)
    same = new.hostname == old.hostname and new.username is None
    safe = (new.scheme, new.port) == (old.scheme, old.port) or (old.scheme, new.scheme) == ("http", "https")
    keeps = request.method == "GET" or status in KEEPS_METHOD
    if not (same and safe and keeps):
        remedy = "no key is sent elsewhere; check the address in the settings"
        raise Refused(service.source, f"redirects elsewhere (HTTP {status})", remedy=remedy)
    return there


def _body(response: requests.Response, service: Service, deadline: Deadline) -> bytes:
    """Return the body, read piece by piece so that neither a flood nor a drip can go on for long."""
    parts: list[bytes] = []
    size = 0
    while True:
        piece = response.raw.read1(CHUNK, decode_content=True)
        if not piece:
            return b"".join(parts)
        parts.append(piece)
        size += len(piece)
        if size > service.largest_bytes:
            what = f"the answer is larger than {service.largest_bytes} bytes"
            raise BadPayload(service.source, what, remedy="check the operation and its parameters")
        if deadline.left() <= 0:
            raise TransferFailed("out of time")
