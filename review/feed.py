"""The Atom feed and the CAP messages that it names, as files: read only, with validators for caches.

They are for the agencies of the parties, as the messages are; a web server in front decides who may ask.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from alerts.feed import (
    ATOM_TYPE,
    CAP_TYPE,
    PAGE,
    FeedHead,
    build_feed,
    cap_name,
    feed_entry,
    feed_name,
    version_of,
)
from pipeline.ledger.warnings import VersionRow, issued_versions, read_events, read_versions
from pipeline.ledger.warnings_newest import newest_versions
from pipeline.names import MEASURED
from pipeline.settings import Settings
from review.access import add
from review.accounts.roles import Action
from review.embargo import is_told, seen_until

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
    path, until = folder / name, seen_until(request)
    if until is not None and name == feed_name(MEASURED):
        return _answer(request, _feed_until(request, until), ATOM_TYPE, until.replace(microsecond=0))
    if until is None and _FEED.fullmatch(name):
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
    """Tell whether a name is that of a version that was issued; its file may lie there a moment before.

    For an observer its embargo must be over, too.
    """
    found, until = version_of(name), seen_until(request)
    if found is None:
        return False
    with request.app.state.ledger.read() as conn:
        told = [v.version for v in read_versions(conn, found[0]) if is_told(v, until)]
        issued = [e.version for e in read_events(conn, found[0]) if e.state == "issued"]
    return found[1] in told and found[1] in issued


def feed_of(settings: Settings, rows: Sequence[VersionRow]) -> bytes:
    """Return the feed of some versions of the measured world, newest first, of those that have a file."""
    named = [cap_name(row.warning_id, row.version) for row in rows[:PAGE]]
    there = [(settings.data_dir / "warnings" / name, name) for name in named]
    entries = [feed_entry(path.read_bytes(), name) for path, name in there if path.is_file()]
    return build_feed(entries, FeedHead(MEASURED, settings.mail_from))


def _feed_until(request: Request, until: datetime) -> bytes:
    """Return the feed of what was issued until the embargo."""
    with request.app.state.ledger.read() as conn:
        issued = set(issued_versions(conn, MEASURED))
        told = (
            row
            for row in newest_versions(conn, MEASURED)
            if (row.warning_id, row.version) in issued and is_told(row, until)
        )
        rows = list(islice(told, PAGE))
    return feed_of(request.app.state.settings, rows)


def _answer(request: Request, body: bytes, media_type: str, changed: datetime) -> Response:
    """Return the bytes, or that the asker has them already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(changed, usegmt=True),
        "Cache-Control": "private, no-cache",
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
