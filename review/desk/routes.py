"""The desk's routes: the page, and the part of it that a browser asks for again and again."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alerts.vocabulary import vocabulary
from pipeline.times import iso
from review.access import SAFE, add
from review.accounts.roles import Action, may
from review.accounts.sessions import Visitor
from review.desk.exchange import exchange_lines
from review.desk.pending import Pending
from review.desk.plume import plume_of
from review.desk.sentences import Sentences
from review.desk.strips import strips_of
from review.desk.view import DeskReader, DeskView
from review.page import render, words_of
from review.season.duty import on_duty
from review.security import bulletin_file
from review.worlds import world_of, worlds

NOT_MODIFIED = 304
TENTH = 10


def desk_routes() -> APIRouter:
    """Return the routes of the desk."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/", desk, Action.see_forecasts, SAFE)
    add(router, "/desk/now", desk_now, Action.see_forecasts, SAFE)
    return router


def desk(request: Request) -> Response:
    """Show the desk of a world now."""
    view = desk_view(request)
    fragment = "/desk/now" + (f"?{urlencode({'world': view.world})}" if view.world else "")
    tag = _tag(request, view)
    shown: dict[str, Any] = {
        "world": view.world,
        "body": _body(request, view, tag),
        "tag": tag,
        "fragment": fragment,
        "duty": on_duty(request),
    }
    return render(request, "desk/page.html.j2", **shown)


def desk_now(request: Request) -> Response:
    """Return the body of the desk, or that it is the one that the browser has."""
    view = desk_view(request)
    tag = _tag(request, view)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return HTMLResponse(_body(request, view, tag), headers=headers)


def desk_view(request: Request, as_of: datetime | None = None) -> DeskView:
    """Return the desk of the world that is asked for, now or as it stood at an instant."""
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
    return reader_of(request).desk(world, as_of)


def reader_of(request: Request) -> DeskReader:
    """Return the application's reader of desks."""
    state = request.app.state
    if not hasattr(state, "desk_reader"):
        state.desk_reader = DeskReader(state.settings, state.ledger, state.clock)
    reader: DeskReader = state.desk_reader
    return reader


def desk_context(request: Request, view: DeskView) -> dict[str, Any]:
    """Return what ``desk/body.html.j2`` needs to write a desk down."""
    t, settings = words_of(request), request.app.state.settings
    said, visitor = Sentences(t), _visitor(request)
    with request.app.state.ledger.read() as conn:
        others = [one for one in worlds(conn) if one != view.world]
        exchange = exchange_lines(conn, settings, request.app.state.clock()) if view.is_now else []
    own = visitor.party if visitor is not None else ""
    first = view.doubt[1] if view.doubt is not None else None
    rest = [(case, one) for case in view.cases for one in case.doubts if one is not first]
    return {
        "view": view,
        "world": view.world,
        "said": said,
        "words": vocabulary(t.language),
        "wanting": said.wanting(view),
        "cities": sorted(view.cities, key=lambda city: city.city.party != own),
        "plumes": {city.city.id: plume_of(view, city, said) for city in view.cities},
        "chances": {city.city.id: strips_of(city, view.policy, said) for city in view.cities},
        "more_doubts": sorted(rest, key=lambda pair: -pair[1].weight),
        "exchange": exchange,
        "other_worlds": others,
        "may_decide": visitor is not None and may(visitor.role, Action.decide),
        "has_bulletin": lambda run: bulletin_file(run, settings) is not None,
        "link": lambda one: _evidence_path(request, one),
        "episode_link": lambda episode: _episode_path(request, episode, view.world),
        "first_command": "sameair run",
    }


def _body(request: Request, view: DeskView, tag: str) -> str:
    """Return the body of a desk as this person reads it; kept for the minute in which its countdown holds."""
    minute = view.present.at.replace(second=0, microsecond=0)

    def write() -> str:
        written = render(request, "desk/body.html.j2", **desk_context(request, view))
        return bytes(written.body).decode()

    return reader_of(request).pages.get((tag, minute), write)


def _tag(request: Request, view: DeskView) -> str:
    """Return what names this desk for this person: the same as long as nothing but the minute is new."""
    visitor, at = _visitor(request), view.present.at
    tenth = iso(at.replace(minute=at.minute // TENTH * TENTH, second=0, microsecond=0))
    over = [one.is_over for one in view.pending]
    who = (visitor.party, visitor.role, visitor.account.timezone) if visitor is not None else ()
    named = repr((view.world, view.mark, tenth, over, who, words_of(request).language))
    return f'"{hashlib.sha256(named.encode()).hexdigest()[:32]}"'


def _visitor(request: Request) -> Visitor | None:
    found: Visitor | None = getattr(request.state, "visitor", None)
    return found


def _evidence_path(request: Request, one: Pending) -> str:
    """Return the page on which a version is decided: that of its episode where there is one."""
    episode = next((city.episode_id for city in one.content.cities if city.episode_id), "")
    if episode and _has(request, "/episodes/"):
        path = _episode_path(request, episode, one.content.world)
        return f"{path}&{urlencode({'warning': one.row.warning_id})}"
    return f"/warnings/{quote(one.row.warning_id, safe='')}"


def _episode_path(request: Request, episode: str, world: str) -> str:
    """Return the page of an episode."""
    where = "episodes" if _has(request, "/episodes/") else "warnings"
    return f"/{where}/{quote(episode, safe='')}?{urlencode({'world': world})}"


def _has(request: Request, prefix: str) -> bool:
    return any(getattr(route, "path", "").startswith(prefix) for route in request.app.state.guarded)
