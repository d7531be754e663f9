"""Fakes of services on loopback: a fake says what it answers, the server speaks HTTP(S) and goes wrong."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.faults import Faults

DRIP_S = 0.05
"""Pause before each byte of a slow answer."""


@dataclass(frozen=True)
class FakeAnswer:
    """What a fake answers; Content-Length is added by the server."""

    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Fake(Protocol):
    """A service: it answers a request from what is published at its clock's instant.

    The path comes decoded and begins with ``/``, names of headers come in lower case, ``form`` holds the
    fields of a form-urlencoded body. A fake must be usable from several threads.
    """

    source: str

    def answer(
        self, method: str, path: str, query: dict[str, str], form: dict[str, str], headers: dict[str, str]
    ) -> FakeAnswer: ...


class Asked(NamedTuple):
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class Served:
    """A running server: its address, what it was asked, and what it does wrong (``faults.tell``)."""

    url: str
    faults: Faults
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Hands a request to the fake and its answer, or the fault, to the client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: Fake
    served: Served

    def reply(self) -> None:
        from tests.fakes.faults import CHANGES

        asked = self._asked()
        self.served.asked.append(asked)
        fault = self.served.faults.take(asked.path)
        if fault == "silent":
            self.served.closing.wait(10)
            self.close_connection = True
        elif fault == "reset":
            self._reset()
        else:
            answer = self.fake.answer(*asked)
            self._send(CHANGES[fault](answer) if fault in CHANGES else answer, fault)

    do_GET = do_POST = do_HEAD = reply

    def _asked(self) -> Asked:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        return Asked(
            self.command,
            unquote(parts.path),
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
        )

    def _send(self, answer: FakeAnswer, fault: str) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body) + 100 * (fault == "cut short")))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "slow":
            self._drip(answer.body)
        else:
            self.wfile.write(answer.body)
        if fault == "cut short":
            self.close_connection = True

    def _drip(self, body: bytes) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            for at in range(len(body)):
                if self.served.closing.wait(DRIP_S):
                    return
                self.wfile.write(body[at : at + 1])

    def _reset(self) -> None:
        """Close so that the client gets a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.close()
        self.rfile.close()
        self.connection.close()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Threads for as many clients as come; a client that goes away is no error here."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of broken connections, which is what the tests make."""


@contextmanager
def serving_fake(fake: Fake, tls: tuple[Path, Path] | None = None) -> Iterator[Served]:
    """Run a fake on loopback; gives its address (no slash at the end), the requests and the faults.

    Parameters
    ----------
    tls : files of certificate and key; then it speaks HTTPS
    """
    from tests.fakes.faults import Faults

    handler = type("BoundHandler", (Handler,), {"fake": fake})
    server = Server(("127.0.0.1", 0), handler)
    scheme = "http"
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    served = Served(f"{scheme}://127.0.0.1:{server.server_port}", Faults())
    handler.served = served
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
