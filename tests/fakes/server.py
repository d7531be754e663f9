"""Fakes of services on loopback: a fake says what it answers, the server speaks HTTP or HTTPS."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit


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
    """A running server: its address and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serving_fake(fake: Fake) -> Iterator[Served]:
    """Run a fake on loopback; gives its address, without a slash at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            asked = Asked(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
            )
            served.asked.append(asked)
            answer = fake.answer(*asked)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_HEAD = reply

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
