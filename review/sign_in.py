"""Signing in and out, and setting a password by a link."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from alerts.vocabulary import LANGUAGES
from pipeline.ledger.accounts import account_of_link
from review.access import add, cookie_name, visitor
from review.accounts.book import accept
from review.accounts.passwords import AccountFault, token_digest
from review.accounts.roles import Action
from review.accounts.sessions import LONGEST, Attempt, sign_in, sign_out
from review.accounts.trying import SLOWED, SignInRefused, device_cookie
from review.page import LANGUAGE_COOKIE, render, words_of
from review.security import is_secure

SEE_OTHER: Final = 303
REFUSED: Final = 403
SLOWED_STATUS: Final = 429
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
    return router


def sign_in_page(request: Request, to: str = "/") -> Response:
    """Ask for name and password."""
    return ask_who(request, to)


def post_sign_in(
    request: Request, name: Field, password: Field, code: Field = "", to: Field = "/"
) -> Response:
    """Start a session and lead to the page that was asked for."""
    state = request.app.state
    attempt = Attempt(
        name,
        password,
        code,
        request.client.host if request.client else "",
        request.cookies.get(device_name(request), ""),
        request.headers.get("user-agent", ""),
    )
    try:
        entry = sign_in(state.ledger, state.box, attempt, state.clock())
    except SignInRefused as refusal:
        status = SLOWED_STATUS if str(refusal) == SLOWED else REFUSED
        return ask_who(request, to, said=f"refused_{refusal}", name=name, status=status)
    answer = entered(request, entry.token, inside(to))
    _set_cookie(request, answer, device_name(request), entry.device, YEAR)
    return answer


def ask_who(
    request: Request, to: str, *, said: str = "", name: str = "", subject: str = "", status: int = 200
) -> Response:
    """Show the form to sign in with, and why it did not work; ``subject``: as whom a provider knows them."""
    text = words_of(request)(f"account.{said}") if said else ""
    by_provider = bool(request.app.state.settings.oidc_issuer)
    shown = {"to": inside(to), "said": text, "name": name, "by_provider": by_provider, "subject": subject}
    return render(request, "sign_in.html.j2", status=status, **shown)


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
    if row is None or row.state == "closed":
        return render(request, "welcome_over.html.j2", status=GONE)
    return render(request, "welcome.html.j2", row=row, said="")


def post_welcome(request: Request, token: str, password: Field, again: Field) -> Response:
    """Set the password; signing in with it comes next, so that it is typed once more."""
    state = request.app.state
    with state.ledger.read() as conn:
        row = account_of_link(conn, token_digest(token), state.clock())
    if row is None or row.state == "closed":
        return render(request, "welcome_over.html.j2", status=GONE)
    try:
        if password != again:
            raise AccountFault("differ", "the two passwords differ; type the same one twice")
        with state.ledger.write() as conn:
            row = accept(conn, token, password, state.clock())
    except AccountFault as fault:
        said = words_of(request)(f"account.fault_{fault.key}")
        return render(request, "welcome.html.j2", status=BAD, row=row, said=said)
    answer = RedirectResponse("/sign-in", SEE_OTHER)
    _set_cookie(request, answer, device_name(request), device_cookie(state.box, row), YEAR)
    return answer


def post_language(request: Request, language: Field, to: Field = "/") -> Response:
    """Remember the language of somebody who has not signed in."""
    answer = RedirectResponse(inside(to), SEE_OTHER)
    chosen = language if language in LANGUAGES else ""
    answer.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=int(YEAR.total_seconds()), samesite="lax", httponly=True
    )
    return answer


def entered(request: Request, token: str, to: str) -> Response:
    """Lead somebody who has signed in to a page of ours, with the cookie of the session."""
    answer = RedirectResponse(to, SEE_OTHER)
    _set_cookie(request, answer, cookie_name(request), token, LONGEST)
    return answer


def device_name(request: Request) -> str:
    """Return the name of the cookie by which a browser is known that signed in before."""
    return "__Host-sameair_device" if is_secure(request) else "sameair_device"


def _set_cookie(request: Request, answer: Response, name: str, value: str, life: timedelta) -> None:
    age, secure = int(life.total_seconds()), is_secure(request)
    answer.set_cookie(name, value, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")


def inside(to: str) -> str:
    """Return where to go on, never another server.

    >>> inside("/warnings?x=1"), inside("//evil.example/"), inside("https://evil.example/")
    ('/warnings?x=1', '/', '/')
    >>> inside("/" + chr(92) + "evil")
    '/'
    """
    is_path = to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if is_path and to.isprintable() else "/"
