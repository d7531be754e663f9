"""Signing in and out, setting a password by a link, and a person's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.errors import UsageError
from pipeline.ledger.accounts import account_of_link
from review.access import SAFE, add, cookie_name, is_secure, visitor
from review.accounts.book import accept, parties, set_preferences
from review.accounts.passwords import token_digest
from review.accounts.roles import Action
from review.accounts.sessions import LONGEST, Attempt, SignInRefused, sign_in, sign_out
from review.page import LANGUAGE_COOKIE, render

SEE_OTHER: Final = 303
REFUSED: Final = 403
GONE: Final = 410
BAD: Final = 422
YEAR: Final = timedelta(days=365)

Field = Annotated[str, Form(max_length=400)]


def sign_in_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/sign-in", sign_in_page, None)
    add(router, "/sign-in", post_sign_in, None, ["POST"])
    add(router, "/sign-out", post_sign_out, Action.own_account, ["POST"])
    add(router, "/welcome/{token}", welcome_page, None)
    add(router, "/welcome/{token}", post_welcome, None, ["POST"])
    add(router, "/language", post_language, None, ["POST"])
    add(router, "/account", account_page, Action.own_account, SAFE)
    add(router, "/account", post_account, Action.own_account, ["POST"])
    return router


def sign_in_page(request: Request, to: str = "/") -> Response:
    """Ask for name and password."""
    return render(request, "sign_in.html.j2", to=inside(to), said="")


def post_sign_in(
    request: Request, name: Field, password: Field, code: Field = "", to: Field = "/"
) -> Response:
    """Start a session and lead to the page that was asked for."""
    state = request.app.state
    address = request.client.host if request.client else ""
    try:
        token = sign_in(state.ledger, state.box, Attempt(name, password, code, address), state.clock())
    except SignInRefused as refusal:
        return render(request, "sign_in.html.j2", status=REFUSED, to=inside(to), said=str(refusal))
    return _entered(request, token, inside(to))


def post_sign_out(request: Request) -> Response:
    """End the session."""
    sign_out(request.app.state.ledger, visitor(request), request.app.state.clock())
    answer = RedirectResponse("/sign-in", SEE_OTHER)
    answer.delete_cookie(cookie_name(request), path="/", secure=is_secure(request))
    return answer


def welcome_page(request: Request, token: str) -> Response:
    """Ask for the password of whose link this is."""
    with request.app.state.ledger.read() as conn:
        row = account_of_link(conn, token_digest(token), request.app.state.clock())
    if row is None:
        return render(request, "welcome_over.html.j2", status=GONE)
    return render(request, "welcome.html.j2", row=row, said="")


def post_welcome(request: Request, token: str, password: Field, again: Field) -> Response:
    """Set the password; signing in with it comes next, so that it is typed once more."""
    state = request.app.state
    with state.ledger.read() as conn:
        row = account_of_link(conn, token_digest(token), state.clock())
    if row is None:
        return render(request, "welcome_over.html.j2", status=GONE)
    try:
        if password != again:
            raise UsageError("the two passwords differ; type the same one twice")
        with state.ledger.write() as conn:
            accept(conn, token, password, state.clock())
    except UsageError as error:
        return render(request, "welcome.html.j2", status=BAD, row=row, said=str(error))
    return RedirectResponse("/sign-in", SEE_OTHER)


def post_language(request: Request, language: Field, to: Field = "/") -> Response:
    """Remember the language of somebody who has not signed in."""
    answer = RedirectResponse(inside(to), SEE_OTHER)
    answer.set_cookie(
        LANGUAGE_COOKIE, language[:8], max_age=int(YEAR.total_seconds()), samesite="lax", httponly=True
    )
    return answer


def account_page(request: Request) -> Response:
    """Show a person's own account."""
    return _account(request)


def post_account(request: Request, language: Field, timezone: Field) -> Response:
    """Change language and zone."""
    state = request.app.state
    try:
        with state.ledger.write() as conn:
            set_preferences(conn, visitor(request).account, language, timezone, state.clock())
    except UsageError as error:
        return _account(request, said=str(error), status=BAD)
    return RedirectResponse("/account", SEE_OTHER)


def _account(request: Request, *, said: str = "", status: int = 200) -> Response:
    zones = sorted(available_timezones())
    return render(request, "account.html.j2", status=status, said=said, zones=zones, parties=parties())


def _entered(request: Request, token: str, to: str) -> Response:
    answer = RedirectResponse(to, SEE_OTHER)
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return answer


def inside(to: str) -> str:
    """Return where to go on, never another server.

    >>> inside("/warnings?x=1"), inside("//evil.example/"), inside("https://evil.example/")
    ('/warnings?x=1', '/', '/')
    >>> inside("/" + chr(92) + "evil")
    '/'
    """
    parts = urlsplit(to)
    plain = not parts.scheme and not parts.netloc and to.startswith("/") and to.isprintable()
    return to if plain and "\\" not in to and not to.startswith("//") else "/"
