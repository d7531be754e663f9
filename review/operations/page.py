"""What the pages of operations share: their places, and the words of a state."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from alerts.vocabulary import vocabulary
from review.access import visitor
from review.accounts.roles import Action, may
from review.page import render, words_of
from review.worlds import world_of, worlds

PARTS: Final = (
    ("/operations", "overview", Action.see_operations),
    ("/operations/wall", "wall", Action.see_operations),
    ("/operations/runs", "runs", Action.see_operations),
    ("/operations/quarantine", "quarantine", Action.see_operations),
    ("/operations/audit", "audit", Action.see_operations),
    ("/operations/keys", "keys", Action.see_operations),
    ("/operations/recipients", "recipients", Action.manage_users),
    ("/operations/users", "users", Action.manage_users),
)


def show(request: Request, template: str, part: str, **context: Any) -> HTMLResponse:
    """Return a page of operations with the way to the others."""
    known = {getattr(route, "path", "") for route in request.app.state.guarded}
    role = visitor(request).role
    parts = [(path, name) for path, name, action in PARTS if path in known and may(role, action)]
    shown: dict[str, Any] = {
        "parts": parts,
        "part": part,
        "may_operate": may(role, Action.operate),
        "phrase": vocabulary(words_of(request).language).phrase,
    }
    return render(request, template, **shown, **context)


def chosen_world(request: Request, conn: Connection) -> dict[str, Any]:
    """Return the world that is shown, and which there are."""
    return {"world": world_of(request, conn), "worlds": worlds(conn)}
