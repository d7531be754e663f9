"""A session in which the services of a simulated world answer the real feeds' requests, without a socket."""

from __future__ import annotations

import io
import threading
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from ingest.simulated import write_airkorea, write_open_meteo
from ingest.simulated.published import Published
from ingest.simulated.services import WRITERS, answer
from ingest.simulated.world_published import published_of
from pipeline.http_session import new_session
from pipeline.times import Clock

if TYPE_CHECKING:
    from ingest.simulated.world import SimulatedWorld

SOURCE_OF: Final = {operation: source for source, operation in WRITERS}
USUAL: Final = timedelta(days=3)
"""How far back most requests reach at most; farther only where one asks for it."""
REMEMBERED: Final = 4


class TwinAdapter(HTTPAdapter):
    """Answers by the last part of the path, whatever the host; what no writer has is not found."""

    def __init__(self, world: SimulatedWorld, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._lock = threading.Lock()
        self._published: dict[tuple[datetime, timedelta], Published] = {}
        super().__init__()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return what the service would answer at the clock's instant."""
        status, kind, body = self._answer(request)
        headers = {"Content-Type": kind, "Content-Length": str(len(body))}
        raw = HTTPResponse(
            io.BytesIO(body), headers, status, reason=HTTPStatus(status).phrase, preload_content=False
        )
        return self.build_response(request, raw)

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, str, bytes]:
        parts = urlsplit(request.url or "")
        operation = parts.path.rsplit("/", 1)[-1]
        source = SOURCE_OF.get(operation)
        if source is None:
            return 404, "text/html", b"<html><body>not simulated</body></html>"
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        asked = {**dict(parse_qsl(parts.query)), **dict(parse_qsl(body))}
        now = self._clock()
        found = answer(self._window(now, asked), source, operation, now, asked)
        return (400 if found.startswith(b'{"error"') else 200), "application/json;charset=UTF-8", found

    def _window(self, now: datetime, asked: dict[str, str]) -> Published:
        """Return what is published, as far back as a request reaches; made once an hour."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        since = min(write_airkorea.window_start(now, asked), write_open_meteo.first_hour(now, asked))
        reach = max(USUAL, now - since + timedelta(hours=1))
        reach = timedelta(days=-(-reach // timedelta(days=1)))
        with self._lock:
            if (hour, reach) not in self._published:
                while len(self._published) >= REMEMBERED:
                    del self._published[next(iter(self._published))]
                self._published[hour, reach] = published_of(self._world, hour - reach, now)
            return self._published[hour, reach]


def twin_session(world: SimulatedWorld, clock: Clock) -> requests.Session:
    """Return a session whose every request is answered from a simulated world at the clock's instant.

    It answers the hourly values and stations of AirKorea and CNEMC and the hourly weather of Open-Meteo
    (``ingest.simulated.services.WRITERS``), anything else with 404. Usable from several threads.

    Raises
    ------
    UsageError
        on a request, when the clock's instant lies outside the simulated hours
    """
    session = new_session()
    session.trust_env = False
    adapter = TwinAdapter(world, clock)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
