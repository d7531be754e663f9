"""The page of the season: whether Seasonal Management is in force, and the calendar of both sides."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from review.access import add
from review.accounts.roles import Action
from review.doing import doing_of
from review.page import render, words_of
from review.season.deeds import frame_of, world_asked


def calendar_routes() -> APIRouter:
    """Return the route of the calendar."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/season", calendar, Action.see_forecasts)
    return router


def calendar(request: Request) -> Response:
    """Show what is in force of either side's calendar, and what begins next."""
    world, doing = world_asked(request), doing_of(request)
    found = doing.season(world, words_of(request).language) if doing is not None else None
    return render(request, "season/calendar.html.j2", **frame_of(request, world), season=found)
