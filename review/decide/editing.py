"""Editing a proposed warning in two steps: the form, what it would change, and then the new text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from alerts.content import WarningContent
from alerts.recipient_checks import LEVELS
from alerts.versions import check_content
from pipeline.errors import ReviewError, UsageError
from review.access import add, visitor
from review.accounts.roles import Action
from review.decide.changed import changed_since, compared
from review.decide.edit_form import Filled, fields_of, filled
from review.decide.forms import (
    TOO_OLD,
    Fields,
    Sent,
    fields_of_form,
    known_version,
    led_back,
    sent,
)
from review.decide.panel import Panel, decision_panel
from review.decide.refusals import Refusal, refusal_of
from review.page import render, words_of

Form = Annotated[Fields, Depends(fields_of_form)]
UNPROCESSABLE: Final = 422
OWN: Final = ("csrf", "shown", "evidence", "text", "back", "step")
"""Fields of the form that are not part of the text."""


def edit_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/warnings/{warning_id}/{version}/edit", form_page, Action.decide)
    add(router, "/warnings/{warning_id}/{version}/edit", edit, Action.decide, ["POST"])
    return router


def form_page(request: Request, warning_id: str, version: int, back: str = "") -> Response:
    """Show the form with the text as it stands."""
    panel = _panel(request, warning_id, version, back)
    content = WarningContent.from_dict(panel.row.content)
    return _form(request, panel, fields_of(content, _zone(request)), {}, status=200)


def edit(request: Request, warning_id: str, version: int, fields: Form) -> Response:
    """Show what an edit would change, go back to the form, or write the new text."""
    form = sent(request, warning_id, version, fields)
    given = {name: text for name, text in fields.items() if name not in OWN}
    made = filled(WarningContent.from_dict(form.row.content), given, _zone(request))
    faults = _faults(made, form)
    if fields.get("step") == "back" or faults:
        status = UNPROCESSABLE if faults and fields.get("step") != "back" else 200
        panel = _panel(request, warning_id, version, form.back)
        return _form(request, panel, given, faults, status=status)
    if fields.get("step") == "save":
        return _save(form, made.content, given)
    return _preview(form, made.content, given)


def _save(form: Sent, content: WarningContent, given: Fields) -> Response:
    """Write the new text, once; where the warning has changed, show that with what was typed."""
    reason = form.words("reason")
    try:
        form.doing.edit(form.choice, content, reason)
    except (ReviewError, UsageError) as error:
        row = known_version(form.request, form.row.warning_id, form.row.version)
        written = replace(content, reason=reason).to_dict()
        same = compared(row.content, written, "en").is_same and row.written_by == form.choice.person
        if not same:
            return _conflict(form, given, refusal_of(error))
    return led_back(form.back, "edited")


def _conflict(form: Sent, given: Fields, error: Refusal) -> Response:
    """Show the form with what was typed, over the text as somebody else left it, and what they changed."""
    request = form.request
    panel = _panel(request, form.row.warning_id, form.row.version, form.back)
    shown = fields_of(WarningContent.from_dict(form.document["content"]), _zone(request))
    now = fields_of(WarningContent.from_dict(panel.row.content), _zone(request))
    merged = {name: text if text != shown.get(name) else now.get(name, "") for name, text in given.items()}
    merged["reason"] = given.get("reason", "")
    with request.app.state.ledger.read() as conn:
        language = words_of(request).language
        since = changed_since(conn, form.document, panel.row.warning_id, panel.row.content, language)
    return _form(request, panel, merged, {}, status=TOO_OLD, since=since, error=error)


def _faults(made: Filled, form: Sent) -> dict[str, str]:
    """Return what is wrong with a filled-in form, by field, as keys of the texts, or as a sentence."""
    faults = dict(made.faults)
    if not form.words("reason"):
        faults["reason"] = "decide.fault_reason"
    if not faults:
        try:
            check_content(made.content)
        except ReviewError as error:
            refusal = refusal_of(error)
            faults["whole"] = refusal.key or refusal.said
    return faults


def _preview(form: Sent, content: WarningContent, given: Fields) -> Response:
    """Show what the edit changes, before it is written."""
    language = words_of(form.request).language
    panel = _panel(form.request, form.row.warning_id, form.row.version, form.back)
    change = compared(form.row.content, content.to_dict(), language)
    return render(
        form.request,
        "decide/edit_preview.html.j2",
        panel=panel,
        sent=form,
        given=given,
        change=change,
        world=content.world,
    )


def _form(
    request: Request,
    panel: Panel,
    given: Mapping[str, str],
    faults: Mapping[str, str],
    *,
    status: int,
    **more: Any,
) -> Response:
    context = {"since": None, "error": Refusal("", ""), **more}
    return render(
        request,
        "decide/edit.html.j2",
        status=status,
        panel=panel,
        given=given,
        faults=faults,
        levels=LEVELS,
        own_zone=_zone(request),
        world=panel.content.world,
        **context,
    )


def _panel(request: Request, warning_id: str, version: int, back: str) -> Panel:
    with request.app.state.ledger.read() as conn:
        panel = decision_panel(request, conn, warning_id, version, back=back)
    if panel is None:
        raise HTTPException(404, "There is no such version of a warning.")
    return panel


def _zone(request: Request) -> str:
    return visitor(request).account.timezone
