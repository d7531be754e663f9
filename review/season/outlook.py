"""The pages of the weekly joint outlook: draft, sign-off of each side, sending, and the earlier weeks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from pipeline.errors import SameairError, UsageError
from review.access import add
from review.accounts.roles import Action
from review.decide.forms import Fields, fields_of_form, typed
from review.doing import doing_of
from review.page import render, words_of
from review.season.deeds import (
    CONFLICT,
    acting,
    file_of,
    frame_of,
    led_to,
    not_found,
    parts_of_file,
    person_of,
    remark_of,
    trouble_of,
    world_asked,
)

Form = Annotated[Fields, Depends(fields_of_form)]
PATH: Final = "/season/outlook"
DONE: Final = ("drafted", "approved", "sent")


def outlook_routes() -> APIRouter:
    """Return the routes of outlooks."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, PATH, outlooks, Action.see_forecasts)
    add(router, PATH, draft, Action.decide, ["POST"])
    add(router, f"{PATH}/{{name}}", outlook, Action.see_forecasts)
    add(router, f"{PATH}/{{name}}/files/{{file}}", download, Action.see_forecasts)
    add(router, f"{PATH}/{{name}}/approve", approve, Action.decide, ["POST"])
    add(router, f"{PATH}/{{name}}/send", send, Action.close, ["POST"])
    return router


def outlooks(request: Request) -> Response:
    """Show every week's outlook, newest first."""
    return _list(request)


def draft(request: Request) -> Response:
    """Draft the outlook whose day is nearest from the newest cycle."""
    world = world_asked(request)
    try:
        name = acting(request).draft_outlook(world, person_of(request))
    except SameairError as error:
        return _list(request, error)
    return led_to(_path(name), world, "drafted")


def outlook(request: Request, name: str, version: int = 0, done: str = "") -> Response:
    """Show a version of an outlook, the newest unless one is named."""
    return _page(request, name, version, done=done if done in DONE else "")


def download(request: Request, name: str, file: str, version: int = 0) -> Response:
    """Return a version of an outlook as page, text or PDF in one language, or as JSON."""
    language, kind = parts_of_file(file)
    try:
        content = acting(request).outlook_file(world_asked(request), name, version, language, kind)
    except UsageError as error:
        raise not_found(error) from None
    return file_of(kind, f"outlook-{name}", language, content)


def approve(request: Request, name: str, fields: Form) -> Response:
    """Sign off the newest version for the own party."""
    remark = remark_of(request, name, fields)
    return _done(request, name, "approved", lambda: acting(request).approve_outlook(remark), {})


def send(request: Request, name: str, fields: Form) -> Response:
    """Mail the newest version to the addresses that somebody names; refused until every party signed it."""
    remark, to = remark_of(request, name, fields), typed(fields, "to")
    addresses = to.replace(",", " ").replace(";", " ").split()

    def deed() -> Any:
        return acting(request).send_outlook(remark, addresses or [""])

    return _done(request, name, "sent", deed, {"to": to})


def _done(request: Request, name: str, what: str, deed: Callable[[], Any], kept: Fields) -> Response:
    """Do what a form asks for; where it is refused, show the outlook as it stands with what was typed."""
    acting(request)
    try:
        deed()
    except SameairError as error:
        return _page(request, name, 0, error=error, kept=kept)
    return led_to(_path(name), world_asked(request), what)


def _page(
    request: Request,
    name: str,
    version: int,
    *,
    done: str = "",
    error: SameairError | None = None,
    kept: Fields | None = None,
) -> Response:
    world, doing, language = world_asked(request), doing_of(request), words_of(request).language
    try:
        found = doing.outlook(world, name, version, language) if doing is not None else None
    except UsageError as unknown:
        raise not_found(unknown) from None
    return render(
        request,
        "season/outlook.html.j2",
        status=CONFLICT if error else 200,
        **frame_of(request, world, name),
        found=found,
        done=done,
        trouble=trouble_of(error) if error else None,
        kept=kept or {},
    )


def _list(request: Request, error: SameairError | None = None) -> Response:
    world, doing = world_asked(request), doing_of(request)
    return render(
        request,
        "season/outlooks.html.j2",
        status=CONFLICT if error else 200,
        **frame_of(request, world),
        rows=doing.outlooks(world) if doing is not None else None,
        trouble=trouble_of(error) if error else None,
    )


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
