"""Access: every route names the action that it is, and nobody gets further than their role.

A route is added with :func:`add`, which puts an :class:`Allow` before it, and reaches the application by
:func:`include`, which refuses one without.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from pipeline.errors import ContractError
from review.accounts.roles import Action, may, may_program
from review.accounts.sessions import Visitor, visitor_of, visitor_of_token
from review.security import is_secure

COOKIE: Final = "sameair_session"
SECURE_COOKIE: Final = "__Host-sameair_session"
SAFE: Final = ("GET", "HEAD")
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
MOST_FIELDS: Final = 200


class SignInNeeded(Exception):
    """Nobody is signed in; a page leads to signing in, the API answers 401."""


class SecondFactorNeeded(Exception):
    """The person's role asks for a second factor, and there is none yet; leads to setting it up."""


class Allow:
    """Lets a request through if the person's role may do the action; None lets everybody through.

    A request that changes something must come from a page of ours: by its origin, and by the token of the
    session that the form repeats. A program's token stands in a header that no other page can send; it is
    good for reading, and for acknowledging if it was made for that.
    """

    def __init__(self, action: Action | None) -> None:
        self.action = action

    async def __call__(self, request: Request) -> None:
        """Check a request; sets ``request.state.visitor``."""
        state, action = request.app.state, self.action
        if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            raise HTTPException(NOT_FOUND, "There is no such page.")
        given = _bearer(request) if action is not None else ""
        token = given or request.cookies.get(cookie_name(request), "")
        who = visitor_of_token if given else visitor_of
        visitor = await run_in_threadpool(who, state.ledger, token, state.clock())
        request.state.visitor = visitor
        if request.method not in SAFE and not given:
            await _check_origin(request, visitor if action is not None else None)
        if action is None:
            return
        if visitor is None:
            raise SignInNeeded
        if not may(visitor.role, action) or not _may_token(request, visitor, action):
            raise HTTPException(FORBIDDEN, "Your role does not allow this.")
        if action is not Action.own_account and needs_second_factor(request, visitor):
            raise SecondFactorNeeded


def needs_second_factor(request: Request, visitor: Visitor) -> bool:
    """Tell whether somebody has still to set up a second factor; a provider asks for its own."""
    asked = visitor.account.role in request.app.state.settings.second_factor_roles
    by_provider = visitor.way == "oidc" or (visitor.program is not None and visitor.account.oidc_subject)
    return asked and not visitor.account.totp and not by_provider


def add(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    action: Action | None,
    methods: Sequence[str] = SAFE,
    **options: Any,
) -> None:
    """Add a route with the action that it is; None: for everybody, signed in or not."""
    router.add_api_route(
        path, endpoint, methods=list(methods), dependencies=[Depends(Allow(action))], **options
    )


def rule_of(route: BaseRoute) -> Allow | None:
    """Return by which rule a route is guarded, None where it has none."""
    if not isinstance(route, APIRoute):
        return None
    rules = [d.dependency for d in route.dependencies if isinstance(d.dependency, Allow)]
    return rules[0] if rules else None


def include(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Add routers to an application, and their routes to its table of rules.

    Raises
    ------
    ContractError
        a route names no rule of access
    """
    for router in routers:
        found = [getattr(route, "path", "?") for route in router.routes if rule_of(route) is None]
        if found:
            raise ContractError(f"routes without a rule of access: {', '.join(found)}")
        app.include_router(router)
    app.state.guarded = [*getattr(app.state, "guarded", ()), *(r for one in routers for r in one.routes)]


def visitor(request: Request) -> Visitor:
    """Return who is signed in, where the route's rule asks for somebody."""
    found: Visitor | None = getattr(request.state, "visitor", None)
    if found is None:
        raise SignInNeeded
    return found


def cookie_name(request: Request) -> str:
    """Return the cookie's name: over TLS the one that a browser accepts from this host alone."""
    return SECURE_COOKIE if is_secure(request) else COOKIE


def _bearer(request: Request) -> str:
    """Return the token of a program, empty where none is sent."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _may_token(request: Request, visitor: Visitor, action: Action) -> bool:
    program = visitor.program
    reads = request.method in SAFE
    return program is None or may_program(action, reads=reads, acknowledges=program.acknowledges)


async def _check_origin(request: Request, visitor: Visitor | None) -> None:
    """Refuse a change that no page of ours asked for.

    A form of a page that tells nobody where it came from (``Referrer-Policy: no-referrer``) has the origin
    ``null``; the browser itself then says whether it is of the same origin.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    schemes = {request.url.scheme, *(["https"] if is_secure(request) else [])}
    ours = {f"{scheme}://{request.headers.get('host', '')}" for scheme in schemes}
    if (site is not None and site not in ("same-origin", "none")) or (
        origin is not None and origin not in ours and (origin, site) != ("null", "same-origin")
    ):
        raise HTTPException(FORBIDDEN, "This was sent from another page; open it here and repeat.")
    if visitor is None:
        return
    form = await request.form(max_fields=MOST_FIELDS, max_files=0)
    given = request.headers.get("x-csrf-token") or str(form.get("csrf", ""))
    if not visitor.csrf or not hmac.compare_digest(given.encode(), visitor.csrf.encode()):
        raise HTTPException(FORBIDDEN, "This page is too old; load it again and repeat.")
