"""Setting up a second factor: a QR code for an authenticator, confirmed by its first code."""

from __future__ import annotations

from typing import Annotated, Final

import segno
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from pipeline.errors import StorageError
from review.access import SAFE, add, needs_second_factor, visitor
from review.accounts.own import remove_second_factor, set_second_factor
from review.accounts.passwords import AccountFault
from review.accounts.roles import Action
from review.accounts.sessions import confirm_password
from review.accounts.totp import new_secret, provisioning_uri
from review.accounts.trying import SignInRefused
from review.page import render, words_of

SEE_OTHER: Final = 303
BAD: Final = 422
CONFLICT: Final = 409
GROUP: Final = 4
"""Characters of the secret that are written together, for who types it."""

Field = Annotated[str, Form(max_length=400)]


def add_second_factor(router: APIRouter) -> None:
    """Add the routes to those of the own account."""
    add(router, "/account/second-factor", page, Action.own_account, SAFE)
    add(router, "/account/second-factor", confirm, Action.own_account, ["POST"])
    add(router, "/account/second-factor/remove", remove, Action.own_account, ["POST"])


def page(request: Request) -> Response:
    """Show a new secret, or the form that removes the one there is."""
    return _page(request, new_secret())


def confirm(request: Request, sealed: Field, code: Field) -> Response:
    """Ask for codes from now on."""
    state, who = request.app.state, visitor(request)
    if who.account.totp:
        return _page(request, new_secret(), said="there", status=CONFLICT)
    try:
        secret = state.box.open(sealed, _purpose(who.digest))
    except (StorageError, ValueError) as error:
        raise HTTPException(BAD, "This page is too old; load it again and repeat.") from error
    try:
        with state.ledger.write() as conn:
            set_second_factor(conn, state.box, who, secret, code, state.clock())
    except AccountFault as fault:
        return _page(request, secret, said=fault.key, status=BAD)
    return RedirectResponse("/account?said=second_factor", SEE_OTHER)


def remove(request: Request, password: Field) -> Response:
    """Ask for no codes any more, of who types the password."""
    state, who = request.app.state, visitor(request)
    try:
        confirm_password(state.ledger, who, password, state.clock())
    except SignInRefused as refusal:
        return _page(request, new_secret(), said=f"own_{refusal}", status=BAD)
    with state.ledger.write() as conn:
        remove_second_factor(conn, who, state.clock())
    return RedirectResponse("/account?said=second_factor_off", SEE_OTHER)


def _page(request: Request, secret: str, *, said: str = "", status: int = 200) -> Response:
    who, t = visitor(request), words_of(request)
    code = segno.make(provisioning_uri(secret, who.account.name), error="m")
    return render(
        request,
        "own/second_factor.html.j2",
        status=status,
        said=t(f"account.fault_{said}") if said else "",
        secret=" ".join(secret[i : i + GROUP] for i in range(0, len(secret), GROUP)),
        sealed=request.app.state.box.seal(secret, _purpose(who.digest)),
        picture=Markup(code.svg_inline(scale=5, border=4, light="#fff", svgclass="qr")),  # noqa: S704
        must=needs_second_factor(request, who),
    )


def _purpose(digest: str) -> str:
    """Return for what a secret on a page is sealed: this session's own setting up."""
    return f"set up {digest}"
