"""The pages: warning, list of warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from alerts.content import WarningContent
from alerts.origin_page import origin_cards, unknown_origins
from alerts.origin_view import says_origin
from alerts.path_map import origin_texts
from alerts.stated import read_combined
from alerts.vocabulary import LANGUAGES
from alerts.wording import Text, wording
from forecasting.reasons.stored import read_reasons, reason_lines
from pipeline.ledger.runs import RunRow, get_run
from pipeline.origin_panel import read_panel
from pipeline.settings import Settings
from review.access import add
from review.accounts.roles import Action
from review.page import render
from review.security import bulletin_file, combined_file, origins_file, reasons_file
from review.views import (
    approve_command,
    version_views,
    warning_rows,
)

ROWS = 60


def page_routes() -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/warnings", warnings, Action.see_forecasts, ["GET"])
    add(router, "/warnings/{warning_id}", warning, Action.see_forecasts, ["GET"])
    return router


def warnings(request: Request, world: str | None = None) -> Response:
    """Show the newest versions of warnings."""
    with request.app.state.ledger.read() as conn:
        return _page(request, "warnings.html.j2", rows=warning_rows(conn, world or None, ROWS), world=world)


def warning(request: Request, warning_id: str) -> Response:
    """Show one warning: versions, content in three languages, signatures, deliveries."""
    with request.app.state.ledger.read() as conn:
        views = version_views(conn, warning_id)
        run = get_run(conn, views[0].content.run_id) if views else None
    if not views:
        raise HTTPException(404, "There is no such warning.")
    content = views[0].content
    settings = request.app.state.settings
    return _page(
        request,
        "warning.html.j2",
        views=views,
        newest=views[0],
        said=_said(content),
        why=_why(run, content, settings) if run else {},
        is_joint=says_origin(content),
        others=_others(run, content, settings) if run else {},
        **_origins(run, content, settings),
    )


def show_error(request: Request, status: int, detail: str) -> Response:
    """Show an error as a page."""
    return render(request, "error.html.j2", status=status, code=status, detail=detail)


def _said(content: WarningContent) -> dict[str, Text]:
    return {language: wording(content, language) for language in LANGUAGES}


def _why(run: RunRow, content: WarningContent, settings: Settings) -> dict[str, list[str]]:
    """Return in every language why the run forecast what it did for the cities of a warning."""
    path = reasons_file(run, settings)
    document = read_reasons(path) if path else None
    if document is None:
        return {}
    warned = [one.city for one in content.cities]
    cities = [city for city in document["cities"] if city["city"] in warned]
    return {
        language: [line for city in cities for line in reason_lines(city, language)] for language in LANGUAGES
    }


def _origins(run: RunRow | None, content: WarningContent, settings: Settings) -> dict[str, Any]:
    """Return where the air of the cities of a warning comes from, as the run knew it."""
    path = origins_file(run, settings) if run else None
    panel = read_panel(path) if path else None
    if panel is None:
        return {"origins": (), "unknown": None}
    warned = {one.city for one in content.cities}
    told = replace(panel, cities=tuple(c for c in panel.cities if c.city in warned))
    return {"origins": origin_cards(told, "en"), "unknown": unknown_origins(told)}


def _others(run: RunRow, content: WarningContent, settings: Settings) -> dict[str, Any]:
    """Return what others stated of the days of a warning's cities, and how far each was heard."""
    path = combined_file(run, settings)
    document = read_combined(path) if path else None
    if document is None:
        return {}
    warned = [one.city for one in content.cities]
    days = [day for day in document["days"] if day["city"] in warned and day["members"]]
    return {"mode": document["mode"], "days": days, "left_out": document.get("left_out", [])}


def _page(request: Request, template: str, **context: Any) -> HTMLResponse:
    settings = request.app.state.settings
    return render(
        request,
        template,
        has_bulletin=lambda run: bulletin_file(run, settings) is not None,
        command=lambda row, party: approve_command(row, party, settings.data_dir),
        origin_words=origin_texts,
        **context,
    )
