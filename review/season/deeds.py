"""What the forms of the season's documents have in common: world, person, what was shown, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from alerts.asked_for import Remark
from alerts.vocabulary import vocabulary
from pipeline.errors import Changed, SameairError, UsageError
from pipeline.names import MEASURED
from review.access import visitor
from review.accounts.roles import Action, may
from review.decide.forms import Fields
from review.doing import Doing, doing_of
from review.page import words_of
from review.security import BULLETIN_POLICY
from review.worlds import worlds

SEE_OTHER: Final = 303
CONFLICT: Final = 409
NO_DOING: Final = "Nothing can be changed on these pages; use the command line."
NO_DOCUMENT: Final = "There is no such document."
MEDIA: Final = {
    "html": "text/html",
    "txt": "text/plain; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
}


def acting(request: Request) -> Doing:
    """Return what acts for people here; 409 where nothing does."""
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(CONFLICT, NO_DOING)
    return doing


def world_asked(request: Request) -> str:
    """Return the world that a page of the season shows; measurements are there also before any run."""
    with request.app.state.ledger.read() as conn:
        known = worlds(conn)
    world: str = request.query_params.get("world", "") or next(iter(known), MEASURED)
    if world not in (MEASURED, *known):
        raise HTTPException(404, "There is no such world.")
    return world


def person_of(request: Request) -> str:
    """Return the name of who is signed in."""
    return visitor(request).account.person


def remark_of(request: Request, name: str, fields: Fields) -> Remark:
    """Return who says something of a document, with how it stood when the form was written."""
    who = visitor(request)
    shown = fields.get("shown", "")
    return Remark(world_asked(request), name, who.party, who.account.person, shown)


def led_to(path: str, world: str, done: str) -> Response:
    """Lead to a page that says what was done."""
    return RedirectResponse(f"{path}?{urlencode({'world': world, 'done': done})}", SEE_OTHER)


def frame_of(request: Request, world: str, name: str = "") -> dict[str, Any]:
    """Return what every page of the season's documents is written with."""
    who, doing = visitor(request), doing_of(request)
    with request.app.state.ledger.read() as conn:
        known = worlds(conn)
    speaks = doing is not None and doing.signs_for(who.party)
    return {
        "world": world,
        "worlds": known,
        "name": name,
        "asked": urlencode({"world": world}),
        "own": who.party,
        "words": vocabulary(words_of(request).language),
        "may_speak": speaks and may(who.role, Action.decide),
        "may_close": speaks and may(who.role, Action.close),
    }


def trouble_of(error: SameairError) -> Mapping[str, str]:
    """Return why something was refused: that it stands otherwise now, or the program's own sentence."""
    return {"key": "season.changed" if isinstance(error, Changed) else "", "said": str(error)}


def file_of(kind: str, name: str, language: str, content: bytes) -> Response:
    """Return a document as a file; a page is shown without scripts and network, the others are downloaded."""
    file = quote(f"{name}.{language}.{kind}" if kind != "json" else f"{name}.json")
    way = "inline" if kind == "html" else "attachment"
    headers = {
        "Content-Security-Policy": BULLETIN_POLICY,
        "Content-Disposition": f'{way}; filename="{file}"',
    }
    return Response(content, media_type=MEDIA[kind], headers=headers)


def parts_of_file(file: str) -> tuple[str, str]:
    """Return language and kind that a file's name asks for; 404 for any other name.

    >>> parts_of_file("ko.pdf"), parts_of_file("json")
    (('ko', 'pdf'), ('en', 'json'))
    """
    language, _, kind = file.rpartition(".")
    if kind not in MEDIA or (kind == "json") == bool(language):
        raise HTTPException(404, NO_DOCUMENT)
    return language or "en", kind


def not_found(error: UsageError) -> HTTPException:
    """Return the answer for a document that there is not."""
    return HTTPException(404, str(error))
