"""The other node's exchange address: what it has for us is asked for, what it lacks is posted."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from pipeline.errors import Refused, SourceUnavailable
from pipeline.exchange.arrivals import Parcel
from pipeline.exchange.heard import parse_name
from pipeline.exchange.requests import Asked, sign_request
from pipeline.exchange.transports.transport import Outgoing, Route, Wanted
from pipeline.http import Patience, Request, Service
from pipeline.http_session import new_session
from pipeline.http_transfer import Answer, Deadline, TransferFailed, transfer
from pipeline.times import Clock

ENVELOPES: Final = "/exchange/v1/envelopes"
STATE: Final = "/exchange/v1/state"
HELD: Final = "/exchange/v1/held"
LARGEST_ANSWER: Final = 24 * 2**20
"""Most bytes of an answer that are read."""
LATER: Final = "it is tried again at the next round"
PATIENCE: Final = Patience(connect_s=10.0, read_s=30.0, total_s=120.0, tries=1)
MOST_PAGES: Final = 200
LONGEST_S: Final = 120.0
"""After this long [s] no further page is asked for and nothing more is posted: the next round goes on."""
REFUSALS: Final = (401, 403)

_PAGE = Draft202012Validator(
    {
        "type": "object",
        "required": ["envelopes", "more"],
        "properties": {
            "more": {"type": "boolean"},
            "envelopes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "packed"],
                    "properties": {
                        "name": {"type": "string", "maxLength": 200},
                        "packed": {"type": "string"},
                    },
                },
            },
        },
    }
)
_STATE = Draft202012Validator(
    {
        "type": "object",
        "required": ["newest", "missing"],
        "properties": {
            "newest": {"type": "integer", "minimum": 0},
            "missing": {
                "type": "array",
                "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}},
            },
        },
    }
)

_OUTCOME = Draft202012Validator(
    {"type": "object", "required": ["outcome"], "properties": {"outcome": {"type": "string"}}}
)


def https_transport(
    address: str, route: Route, key: Ed25519PrivateKey, ca_file: Path | None, clock: Clock
) -> HttpsTransport:
    """Return the transport to a node that serves its exchange at an address."""
    return HttpsTransport(address.rstrip("/"), route, key, clock, new_session(ca_file))


@dataclass(frozen=True)
class HttpsTransport:
    """Asks the peer's server and posts to it; certificates are always checked."""

    address: str
    route: Route
    key: Ed25519PrivateKey = field(repr=False)
    clock: Clock
    session: requests.Session = field(repr=False)
    name: str = "https"

    def pull(self, wanted: Wanted) -> Iterator[Parcel]:
        """Bring the peer's envelopes that are wanted, page by page."""
        for name, packed in self._pages(ENVELOPES, wanted.after, (self.route.peer, self.route.own)):
            if not wanted.holds(name):
                yield Parcel(self.name, name, self._unpacked(packed))

    def own_chain(self, after: int) -> Iterator[Parcel]:
        """Bring back what the peer holds of ours after a number."""
        for name, packed in self._pages(HELD, after, (self.route.own, self.route.peer)):
            yield Parcel(self.name, name, self._unpacked(packed))

    def _pages(self, path: str, after: int, chain: tuple[str, str]) -> Iterator[tuple[str, str]]:
        """Yield names and texts of a chain after a number, page by page."""
        until = time.monotonic() + LONGEST_S
        for _ in range(MOST_PAGES):
            page = self._asked("GET", f"{path}?after={after}", b"", _PAGE)
            yield from ((one["name"], one["packed"]) for one in page["envelopes"])
            numbers = [parse_name(one["name"], *chain) for one in page["envelopes"]]
            newest = max((found[0] for found in numbers if found), default=after)
            if not page["more"] or newest <= after or time.monotonic() > until:
                return
            after = newest

    def push(self, outgoing: Sequence[Outgoing], again: Iterable[str]) -> int:
        """Post what the peer's server says that it lacks; ``again`` it knows itself."""
        if not outgoing:
            return 0
        until = time.monotonic() + LONGEST_S
        state = self._asked("GET", STATE, b"", _STATE)
        sent = 0
        for one in outgoing:
            if time.monotonic() > until:
                break
            lost = any(first <= one.sequence <= last for first, last in state["missing"])
            if one.sequence > state["newest"] or lost:
                said = self._asked("POST", ENVELOPES, one.load(), _OUTCOME)
                if said["outcome"] == "refused":
                    what = f"envelope {one.sequence} was not taken"
                    raise Refused(self._source, what, remedy="ask the other side what its records say")
                sent += 1
        return sent

    def tidy(self, handled: int) -> None:
        """Nothing is left on the way."""

    def _unpacked(self, text: str) -> bytes:
        try:
            return b64decode(text, validate=True)
        except ValueError:
            return b""

    def _asked(self, method: str, path: str, body: bytes, form: Draft202012Validator) -> Any:
        """Return the JSON of an answer, which has a form."""
        path = urlsplit(self.address).path + path
        headers = sign_request(
            Asked(self.route.peer, method, path, body), self.route.own, self.key, self.clock()
        )
        answer = self._transferred(method, path, body, headers)
        if answer.status in REFUSALS:
            raise Refused(
                self._source,
                f"the server does not accept our signature (HTTP {answer.status})",
                remedy="compare clocks, and keys by `sameair keys list`",
            )
        if answer.status != 200:
            raise SourceUnavailable(self._source, f"HTTP {answer.status}", remedy=LATER)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise SourceUnavailable(self._source, "an answer that is no JSON", remedy=LATER) from None
        if not form.is_valid(found):
            raise SourceUnavailable(self._source, "an answer of another form", remedy=LATER)
        return found

    def _transferred(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        service = Service(self._source, largest_bytes=LARGEST_ANSWER)
        parts = urlsplit(self.address)
        request = Request(
            method,
            f"{parts.scheme}://{parts.netloc}{path}",
            data=body or None,
            headers={**headers, "Content-Type": "application/gzip"},
        )
        deadline = Deadline(time.monotonic() + PATIENCE.total_s, time.monotonic)
        try:
            return transfer(self.session, service, request, PATIENCE, deadline)
        except TransferFailed as failed:
            raise SourceUnavailable(self._source, f"no whole answer ({failed})", remedy=LATER) from None

    @property
    def _source(self) -> str:
        return f"exchange with {self.route.peer} by HTTPS"
