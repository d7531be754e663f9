"""The Atom feed and the CAP messages that it names, as files: read only, with validators for caches.

They are for the agencies of the parties, as the messages are; a web server in front decides who may ask.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from alerts.feed import ATOM_TYPE, CAP_TYPE, FeedHead, build_feed, feed_name, version_of
from pipeline.ledger.warnings import read_events
from pipeline.names import MEASURED
from review.access import add
from review.accounts.roles import Action

_FEED: Final = re.compile(r"feed-[a-z0-9][a-z0-9_-]{0,80}(\.[1-9]\d{0,5})?\.atom")
NOT_MODIFIED: Final = 304


def feed_routes() -> APIRouter:
    """Return the routes: ``/feed.atom`` leads to the feed of the measured world."""
    router = APIRouter(include_in_schema=False)
    add(router, "/feed.atom", to_feed, Action.see_issued)
    add(router, "/feeds/{name}", document, Action.see_issued)
    return router


def to_feed() -> Response:
    """Lead to the feed of the measured world, so that the names in it can be followed."""
    return RedirectResponse(f"/feeds/{feed_name(MEASURED)}")


def document(request: Request, name: str) -> Response:
    """Return a feed, an archive, or the CAP message of an issued version."""
    folder: Path = request.app.state.settings.data_dir / "warnings"
    path = folder / name
    if _FEED.fullmatch(name):
        if not path.is_file() and name == feed_name(MEASURED):
            head = FeedHead(MEASURED, request.app.state.settings.mail_from)
            return _answer(request, build_feed([], head), ATOM_TYPE, datetime.fromtimestamp(0, UTC))
        media_type = ATOM_TYPE
    elif _is_issued(request, name):
        media_type = CAP_TYPE
    else:
        raise HTTPException(404, "no such feed or message")
    try:
        changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        return _answer(request, path.read_bytes(), media_type, changed)
    except OSError:
        raise HTTPException(404, "no such feed or message") from None


def _is_issued(request: Request, name: str) -> bool:
    """Tell whether a name is that of a version that was issued; its file may lie there a moment before."""
    found = version_of(name)
    if found is None:
        return False
    with request.app.state.ledger.read() as conn:
        return any(e.version == found[1] and e.state == "issued" for e in read_events(conn, found[0]))


def _answer(request: Request, body: bytes, media_type: str, changed: datetime) -> Response:
    """Return the bytes, or that the asker has them already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(changed, usegmt=True),
        "Cache-Control": "no-cache",
    }
    if _is_known(request, tag, changed):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(body, media_type=f"{media_type}; charset=utf-8", headers=headers)


def _is_known(request: Request, tag: str, changed: datetime) -> bool:
    """Tell whether the asker's copy is this one (RFC 9110 §13.1: a tag goes before a date)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or tag in [t.strip().removeprefix("W/") for t in tags.split(",")]
    try:
        return changed <= parsedate_to_datetime(request.headers["if-modified-since"])
    except (KeyError, ValueError, TypeError):
        return False
