"""The way to the identity provider and back."""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.errors import StorageError
from pipeline.ledger.accounts import account_of_subject
from review.access import add
from review.accounts.provider import Pending, Provider, ProviderRefused, to_plain
from review.accounts.sessions import start_session
from review.security import is_secure
from review.sign_in import REFUSED, SEE_OTHER, ask_who, entered, inside

BACK: Final = "/sign-in/provider/done"
PURPOSE: Final = "sign in by provider"
MINUTES: Final = 10
"""How long somebody may stay at the provider."""
NOT_FOUND: Final = 404


def provider_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/sign-in/provider", leave, None)
    add(router, BACK, come_back, None)
    return router


def leave(request: Request, to: str = "/") -> Response:
    """Send somebody to the provider, with what is needed at their return sealed in a cookie."""
    state = request.app.state
    try:
        address, pending = _provider(request).begin(_back(request), inside(to), state.clock())
    except ProviderRefused:
        return ask_who(request, to, said="refused_provider", status=REFUSED)
    answer = RedirectResponse(address, SEE_OTHER)
    sealed = state.box.seal(json.dumps(to_plain(pending)), PURPOSE)
    secure = is_secure(request)
    answer.set_cookie(
        _cookie(request), sealed, max_age=MINUTES * 60, path="/", secure=secure, httponly=True, samesite="lax"
    )
    return answer


def come_back(request: Request) -> Response:
    """Start a session for whom the provider knows and who has an account here."""
    state, provider = request.app.state, _provider(request)
    try:
        pending = _pending(request)
        subject = provider.finish(_back(request), pending, dict(request.query_params), state.clock())
    except ProviderRefused:
        return _refuse(request, "refused_provider")
    with state.ledger.write() as conn:
        row = account_of_subject(conn, subject)
        if row is None or row.state != "active":
            token = ""
        else:
            agent = request.headers.get("user-agent", "")
            token = start_session(conn, row, state.clock(), way="oidc", agent=agent)
    if not token:
        return _refuse(request, "refused_unknown", subject=subject.partition(" ")[2])
    answer = entered(request, token, inside(pending.to))
    answer.delete_cookie(_cookie(request), path="/", secure=is_secure(request))
    return answer


def _refuse(request: Request, said: str, *, subject: str = "") -> Response:
    answer = ask_who(request, "/", said=said, status=REFUSED, subject=subject)
    answer.delete_cookie(_cookie(request), path="/", secure=is_secure(request))
    return answer


def _pending(request: Request) -> Pending:
    """Return what was sealed when somebody left, if that was not too long ago."""
    state = request.app.state
    try:
        pending = Pending(**json.loads(state.box.open(request.cookies.get(_cookie(request), ""), PURPOSE)))
    except (StorageError, ValueError, TypeError) as error:
        raise ProviderRefused("nobody of this browser left for the provider") from error
    if not 0 <= state.clock().timestamp() - pending.made <= MINUTES * 60:
        raise ProviderRefused("it took too long")
    return pending


def _provider(request: Request) -> Provider:
    settings = request.app.state.settings
    if not settings.oidc_issuer:
        raise HTTPException(NOT_FOUND, "There is no identity provider here.")
    return Provider.of(settings)


def _back(request: Request) -> str:
    return (request.app.state.settings.review_url or str(request.base_url).rstrip("/")) + BACK


def _cookie(request: Request) -> str:
    return "__Host-sameair_provider" if is_secure(request) else "sameair_provider"
