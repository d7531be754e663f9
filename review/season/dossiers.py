"""The pages of joint dossiers: the episodes of a winter, one dossier, findings, answers and sign-offs."""

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
PATH: Final = "/season/dossiers"
DONE: Final = ("built", "found", "answered", "closed")


def dossier_routes() -> APIRouter:
    """Return the routes of dossiers."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, PATH, dossiers, Action.see_forecasts)
    add(router, f"{PATH}/{{name}}", dossier, Action.see_forecasts)
    add(router, f"{PATH}/{{name}}/files/{{file}}", download, Action.see_forecasts)
    add(router, f"{PATH}/{{name}}/build", build, Action.decide, ["POST"])
    add(router, f"{PATH}/{{name}}/find", find, Action.decide, ["POST"])
    add(router, f"{PATH}/{{name}}/answer/{{finding}}", answer, Action.decide, ["POST"])
    add(router, f"{PATH}/{{name}}/close", close, Action.close, ["POST"])
    return router


def dossiers(request: Request, winter: str = "") -> Response:
    """Show the episodes of a winter, or of the last 60 days, and how the dossier of each stands."""
    return _list(request, winter)


def dossier(request: Request, name: str, done: str = "") -> Response:
    """Show the newest version of a dossier with its findings."""
    return _page(request, name, done=done if done in DONE else "")


def download(request: Request, name: str, file: str) -> Response:
    """Return a dossier as page, text or PDF in one language, or as JSON."""
    language, kind = parts_of_file(file)
    try:
        content = acting(request).dossier_file(world_asked(request), name, language, kind)
    except UsageError as error:
        raise not_found(error) from None
    return file_of(kind, f"dossier-{name}", language, content)


def build(request: Request, name: str) -> Response:
    """Build the dossier of an ended episode, or a newer version of it."""
    world = world_asked(request)
    try:
        acting(request).build_dossier(world, name, person_of(request))
    except SameairError as error:
        return _list(request, "", error)
    return led_to(_path(name), world, "built")


def find(request: Request, name: str, fields: Form) -> Response:
    """Propose a finding for the own party."""
    remark, text = remark_of(request, name, fields), typed(fields, "finding")
    deed = lambda: acting(request).propose_finding(remark, text)  # noqa: E731 - one of four deeds
    return _done(request, name, "found", deed, {"finding": text})


def answer(request: Request, name: str, finding: str, fields: Form) -> Response:
    """Agree with a finding of the other party, or dissent from it in words."""
    remark, text = remark_of(request, name, fields), typed(fields, "answer")
    agrees = fields.get("way") == "agree"
    kept = {f"answer_{finding}": text}

    def deed() -> Any:
        return acting(request).answer_finding(remark, finding, "agree" if agrees else "dissent", text)

    return _done(request, name, "answered", deed, kept)


def close(request: Request, name: str, fields: Form) -> Response:
    """Sign off the newest text for the own party."""
    remark = remark_of(request, name, fields)
    return _done(request, name, "closed", lambda: acting(request).close_dossier(remark), {})


def _done(request: Request, name: str, what: str, deed: Callable[[], Any], kept: Fields) -> Response:
    """Do what a form asks for; where it is refused, show the dossier as it stands with what was typed."""
    acting(request)
    try:
        deed()
    except SameairError as error:
        return _page(request, name, error=error, kept=kept)
    return led_to(_path(name), world_asked(request), what)


def _page(
    request: Request,
    name: str,
    *,
    done: str = "",
    error: SameairError | None = None,
    kept: Fields | None = None,
) -> Response:
    world, doing, language = world_asked(request), doing_of(request), words_of(request).language
    try:
        found = doing.dossier(world, name, language) if doing is not None else None
    except UsageError as unknown:
        raise not_found(unknown) from None
    return render(
        request,
        "season/dossier.html.j2",
        status=CONFLICT if error else 200,
        **frame_of(request, world, name),
        found=found,
        done=done,
        trouble=trouble_of(error) if error else None,
        kept=kept or {},
    )


def _list(request: Request, winter: str, error: SameairError | None = None) -> Response:
    world, doing = world_asked(request), doing_of(request)
    try:
        found = doing.dossiers(world, winter) if doing is not None else None
    except UsageError as unknown:
        raise not_found(unknown) from None
    return render(
        request,
        "season/dossiers.html.j2",
        status=CONFLICT if error else 200,
        **frame_of(request, world),
        found=found,
        trouble=trouble_of(error) if error else None,
    )


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
