"""Light or dark: as the computer has it, or as somebody chose in this browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from review.access import add
from review.page import THEME_COOKIE, THEMES
from review.sign_in import SEE_OTHER, inside

YEAR: Final = timedelta(days=365)

Field = Annotated[str, Form(max_length=400)]


def theme_routes() -> APIRouter:
    """Return the route with which anybody chooses."""
    router = APIRouter(include_in_schema=False)
    add(router, "/theme", post_theme, None, ["POST"])
    return router


def post_theme(request: Request, theme: Field = "", to: Field = "/") -> Response:
    """Remember the choice, or forget it, and lead back."""
    answer = RedirectResponse(inside(to), SEE_OTHER)
    if theme in THEMES:
        age = int(YEAR.total_seconds())
        answer.set_cookie(THEME_COOKIE, theme, max_age=age, samesite="lax", httponly=True)
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer
