"""What can go wrong with a service: how a fault changes an answer, and how it is told and taken back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.fakes.server import FakeAnswer

PAGE = b"<!DOCTYPE html>\n<html><body><h1>Service temporarily unavailable</h1></body></html>"
ELSEWHERE = "http://127.0.0.2:9/stolen"


def _page(answer: FakeAnswer) -> FakeAnswer:
    return FakeAnswer(200, "text/html; charset=utf-8", PAGE)


def _half(answer: FakeAnswer) -> FakeAnswer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _malformed(answer: FakeAnswer) -> FakeAnswer:
    return replace(answer, body=b'{"\x00\xff\xfe": [[[' + answer.body[:20][::-1])


def _refused(status: int, **headers: str) -> Callable[[FakeAnswer], FakeAnswer]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer: FakeAnswer(status, "text/html", PAGE, named)


def duplicated(answer: FakeAnswer) -> FakeAnswer:
    """Every row twice: items of JSON lists, hours of JSON columns, or lines of text; not what is binary."""
    if b"\x00" in answer.body or not answer.body.strip():
        return answer
    try:
        content = json.loads(answer.body)
    except ValueError:
        lines = answer.body.splitlines(keepends=True)
        again = b"".join(line if line.startswith(b"#") else line * 2 for line in lines)
        return replace(answer, body=again)
    return replace(answer, body=json.dumps(_twice(content), ensure_ascii=False).encode())


def _twice(node: object) -> object:
    if isinstance(node, list) and node and all(isinstance(part, dict) for part in node):
        points = all("hourly" in part for part in node)
        return [_twice(part) for part in node] if points else [*node, *node]
    if isinstance(node, dict):
        return {name: [*v, *v] if _is_column(v) else _twice(v) for name, v in node.items()}
    return node


def _is_column(node: object) -> bool:
    return isinstance(node, list) and not any(isinstance(part, dict) for part in node)


CHANGES: dict[str, Callable[[FakeAnswer], FakeAnswer]] = {
    "cut JSON": _half,
    "malformed": _malformed,
    "HTML with 200": _page,
    "wrong content type": lambda answer: replace(answer, content_type="image/png"),
    "duplicated rows": duplicated,
    "empty body": lambda answer: replace(answer, body=b""),
    "redirect elsewhere": lambda answer: FakeAnswer(302, "text/html", PAGE, {"Location": ELSEWHERE}),
    "redirect without end": lambda answer: FakeAnswer(302, "text/html", PAGE, {"Location": "?again=1"}),
    "rate limited": _refused(429, Retry_After="2"),
    "rate limited for hours": _refused(429, Retry_After="7200"),
    "error 500": _refused(500),
    "error 503": _refused(503),
    "forbidden": _refused(403),
}
"""Faults that are another answer."""
WIRE = ("silent", "slow", "cut short", "reset")
"""Faults that happen while sending; see ``tests.fakes.server``."""


@dataclass
class Faults:
    """What is wrong now; nothing until it is told."""

    kind: str = ""
    left: int | None = None
    path: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def tell(self, kind: str, times: int | None = None, path: str = "") -> None:
        """Go wrong from now on, or that many times, on paths that hold a text."""
        if kind not in CHANGES and kind not in WIRE:
            raise ValueError(kind)
        with self.lock:
            self.kind, self.left, self.path = kind, times, path

    def stop(self) -> None:
        """Go right again."""
        with self.lock:
            self.kind = ""

    def take(self, path: str) -> str:
        """Return what is wrong with this request."""
        with self.lock:
            if not self.kind or self.path not in path or self.left == 0:
                return ""
            if self.left is not None:
                self.left -= 1
            return self.kind
