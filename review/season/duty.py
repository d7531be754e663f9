"""The page of duty: the rota of both parties, a shift of one's own party, notes between shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.errors import SameairError
from review.access import add, visitor
from review.accounts.roles import Action, may
from review.doing import Doing, doing_of
from review.page import render

Plain = dict[str, Any]
SEE_OTHER: Final = 303
CONFLICT: Final = 409


def duty_routes() -> APIRouter:
    """Return the routes of duty."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/season/duty", duty, Action.see_forecasts)
    add(router, "/season/duty/shift", shift, Action.decide, ["POST"])
    add(router, "/season/duty/note", note, Action.decide, ["POST"])
    return router


def duty(request: Request) -> Response:
    """Show the rota of both parties and the notes of the person's own."""
    return _page(request)


def shift(
    request: Request,
    begins: Annotated[str, Form(max_length=40)] = "",
    name: Annotated[str, Form(max_length=120)] = "",
    telephone: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Enter who has a shift of the person's own party."""
    who = visitor(request)
    return _done(
        request,
        lambda d: d.enter_shift(who.party, who.account.person, begins, name.strip(), telephone.strip()),
    )


def note(request: Request, text: Annotated[str, Form(max_length=1000)] = "") -> Response:
    """Leave a note for the next shift of the person's own party."""
    who = visitor(request)
    return _done(request, lambda d: d.note_handover(who.party, who.account.person, text))


def on_duty(request: Request) -> Plain | None:
    """Return who is on duty now at either side; None where nobody can tell: the desk stands without it."""
    doing = doing_of(request)
    try:
        return doing.on_duty() if doing is not None else None
    except SameairError:
        return None


def _done(request: Request, deed: Callable[[Doing], Plain]) -> Response:
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(CONFLICT, "Nothing can be changed on these pages; use the command line.")
    try:
        deed(doing)
    except SameairError as error:
        return _page(request, trouble=str(error), status=CONFLICT)
    return RedirectResponse("/season/duty", SEE_OTHER)


def _page(request: Request, *, trouble: str = "", status: int = 200) -> Response:
    who, doing = visitor(request), doing_of(request)
    return render(
        request,
        "season/duty.html.j2",
        status=status,
        duty=doing.duty(who.party) if doing is not None else None,
        own=who.party,
        may_enter=doing is not None and may(who.role, Action.decide) and doing.signs_for(who.party),
        trouble=trouble,
    )
