"""Ending and cancelling a warning in force: a reason, a look at what recipients would get, then the draft."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from alerts.asked_for import Ending
from alerts.cancel_reasons import cancel_reasons, recorded_reason
from alerts.content import WarningContent
from alerts.versions import IN_FORCE
from alerts.vocabulary import LANGUAGES
from alerts.wording import Text, wording
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.warnings import VersionRow, read_versions
from pipeline.times import iso
from review.access import add
from review.accounts.roles import Action
from review.decide.actions import refused
from review.decide.forms import Fields, Sent, fields_of_form, led_back, sent
from review.decide.panel import decision_panel
from review.page import render

Form = Annotated[Fields, Depends(fields_of_form)]
KINDS: Final[dict[str, Ending]] = {"end": "all_clear", "cancel": "cancel"}
UNPROCESSABLE: Final = 422
VALID: Final = timedelta(hours=24)
"""How long an all-clear is shown for."""


def ending_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/warnings/{warning_id}/{version}/{way}", ask_why, Action.close)
    add(router, "/warnings/{warning_id}/{version}/{way}", close, Action.close, ["POST"])
    return router


def ask_why(request: Request, warning_id: str, version: int, way: str) -> Response:
    """Ask why a warning in force is to end, or was issued in error."""
    return _page(request, warning_id, version, way, {})


def close(request: Request, warning_id: str, version: int, way: str, fields: Form) -> Response:
    """Show once more what is about to be drafted, then draft it."""
    kind = _kind(way)
    form = sent(request, warning_id, version, fields)
    try:
        note = form.words("reason")
        reason = recorded_reason(fields.get("because", ""), note) if kind == "cancel" else note
    except UsageError:
        reason = ""
    if not reason:
        return _page(request, warning_id, version, way, fields, fault="decide.fault_reason")
    if fields.get("step") != "do":
        return _page(request, warning_id, version, way, fields, reason=reason)
    try:
        form.doing.close(form.choice, kind, reason)
    except (ReviewError, UsageError) as error:
        if not _is_drafted(form, kind, reason):
            return refused(form, way, error, {"reason": form.words("reason")})
    return led_back(f"/warnings/{warning_id}", "drafted")


def _is_drafted(form: Sent, kind: Ending, reason: str) -> bool:
    """Tell whether this person has drafted just this before: the form was sent twice."""
    with form.request.app.state.ledger.read() as conn:
        newest = read_versions(conn, form.row.warning_id)[-1]
    found = (newest.content["kind"], newest.content["reason"], newest.written_by)
    return found == (kind, reason, form.choice.person)


def _kind(way: str) -> Ending:
    if way not in KINDS:
        raise HTTPException(404, "There is no such page.")
    return KINDS[way]


def _texts(row: VersionRow, kind: Ending, reason: str, at: datetime) -> dict[str, Text]:
    """Return what recipients would read, in each language."""
    before = WarningContent.from_dict(row.content)
    onset, until = iso(at), iso(at + VALID)
    ending = replace(before, kind=kind, reason=reason, version=row.version + 1, onset=onset, expires=until)
    return {language: wording(ending, language) for language in LANGUAGES}


def _page(
    request: Request,
    warning_id: str,
    version: int,
    way: str,
    fields: Fields,
    *,
    reason: str = "",
    fault: str = "",
) -> Response:
    kind = _kind(way)
    with request.app.state.ledger.read() as conn:
        panel = decision_panel(request, conn, warning_id, version)
        forced = [v for v in read_versions(conn, warning_id) if v.state in IN_FORCE]
    if panel is None:
        raise HTTPException(404, "There is no such version of a warning.")
    context: dict[str, Any] = {
        "panel": panel,
        "way": way,
        "kind": kind,
        "in_force": bool(forced),
        "texts": _texts(forced[-1], kind, reason, panel.present) if forced and reason else {},
        "given": fields,
        "reason": reason,
        "fault": fault,
        "because": list(cancel_reasons()),
        "world": panel.content.world,
    }
    status = UNPROCESSABLE if fault else 200
    return render(request, "decide/ending.html.j2", status=status, **context)
