"""Answers of sources that could not be read: what is wrong, how they begin, reading again, closing."""

from __future__ import annotations

from typing import Final

from fastapi import Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.errors import SameairError
from pipeline.ledger.quarantined import Quarantined, find_quarantined, page_quarantined
from pipeline.removed import NOTE, read_note
from pipeline.settings import Settings
from review.access import visitor
from review.doing import Doing, doing_of
from review.operations.page import chosen_world, show

SHOWN: Final = 20_000
"""As much of an answer as is shown [bytes]."""
ROWS: Final = 100
SEE_OTHER: Final = 303
CONFLICT: Final = 409


def quarantine(request: Request, closed: bool = False, before: str = "") -> Response:
    """Show the answers of a world that wait for somebody, or those that no longer do, newest first."""
    with request.app.state.ledger.read() as conn:
        chosen = chosen_world(request, conn)
        last = (
            next((one for one in find_quarantined(conn, before) if one.id == before), None)
            if before
            else None
        )
        world = chosen["world"]
        found = page_quarantined(conn, world, ROWS + 1, resolved=closed, before=last) if world else []
    following = found[ROWS - 1].id if len(found) > ROWS else ""
    return show(
        request,
        "operations/quarantine.html.j2",
        "quarantine",
        rows=found[:ROWS],
        following=following,
        closed=closed,
        **chosen,
    )


def entry(request: Request, entry_id: str) -> Response:
    """Show one answer."""
    return _page(request, _found(request, entry_id))


def retry_entry(request: Request, entry_id: str) -> Response:
    """Read an answer again and show what came of it."""
    found = _found(request, entry_id)
    try:
        said = _doing(request).retry_answer(found.id, visitor(request).account.name)
    except SameairError as error:
        return _page(request, found, trouble=str(error), status=CONFLICT)
    after = _found(request, entry_id)
    return _page(request, after, rows=said["rows"], trouble=said["trouble"])


def close_entry(request: Request, entry_id: str, reason: str = Form("", max_length=500)) -> Response:
    """Close an answer; the reason stands in the audit trail."""
    found = _found(request, entry_id)
    try:
        _doing(request).close_answer(found.id, visitor(request).account.name, reason)
    except SameairError as error:
        return _page(request, found, trouble=str(error), status=CONFLICT)
    return RedirectResponse(f"/operations/quarantine/{found.id}", SEE_OTHER)


def beginning(settings: Settings, entry_id: str) -> str | None:
    """Return how an answer begins, as text in which nothing but line ends is special; None: it is gone."""
    inside = settings.quarantine_dir.resolve()
    path = (inside / f"{entry_id}.raw").resolve()
    if not path.is_relative_to(inside) or not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(SHOWN).decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else chr(0xFFFD) for c in text)


def _found(request: Request, entry_id: str) -> Quarantined:
    with request.app.state.ledger.read() as conn:
        found = [one for one in find_quarantined(conn, entry_id) if one.id == entry_id]
    if not found:
        raise HTTPException(404, "There is no such answer in quarantine.")
    return found[0]


def _doing(request: Request) -> Doing:
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(CONFLICT, "Nothing can be changed on these pages; use the command line.")
    return doing


def _page(
    request: Request, found: Quarantined, *, rows: int | None = None, trouble: str = "", status: int = 200
) -> Response:
    return show(
        request,
        "operations/answer.html.j2",
        "quarantine",
        status=status,
        entry=found,
        world=found.world,
        begins=beginning(request.app.state.settings, found.id),
        went=read_note(request.app.state.settings.quarantine_dir / NOTE).get(f"{found.id}.raw"),
        shown=SHOWN,
        rows=rows,
        trouble=trouble,
        can_act=doing_of(request) is not None,
    )
