"""The accounts of one party: its operators invite, give links and roles, close; links are shown once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from pipeline.errors import UsageError
from pipeline.ledger.accounts import find_account, list_accounts
from review.access import SAFE, add, visitor
from review.accounts.book import (
    LINK_LIFE,
    Invitation,
    bind_subject,
    change_role,
    close,
    invite,
    new_link,
    reopen,
    welcome_path,
)
from review.accounts.passwords import AccountFault
from review.accounts.provider import known_as
from review.accounts.roles import Action, Role
from review.operations.page import show
from review.page import words_of

SEE_OTHER: Final = 303
NOT_FOUND: Final = 404
BAD: Final = 422

Field = Annotated[str, Form(max_length=400)]
GivenRole = Annotated[Role, Form()]


def users_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/operations/users", page, Action.manage_users, SAFE)
    for path, endpoint in (
        ("", post_invite),
        ("/{name}/link", post_link),
        ("/{name}/role", post_role),
        ("/{name}/provider", post_provider),
        ("/{name}/close", post_close),
        ("/{name}/reopen", post_reopen),
    ):
        add(router, f"/operations/users{path}", endpoint, Action.manage_users, ["POST"])
    return router


def page(request: Request, said: str = "") -> Response:
    """Show the accounts of the operator's party."""
    t = words_of(request)
    key = f"users.done_{said}"
    return _page(request, done=t(key) if said.isidentifier() and t.has(key) else "")


def post_invite(
    request: Request, name: Field, person: Field, role: GivenRole, language: Field, timezone: Field
) -> Response:
    """Enter somebody of the own party, and show the link with which they set a password."""
    who = Invitation(name, person, visitor(request).party, role, language, timezone)
    by, at = visitor(request).account.name, request.app.state.clock()
    typed = {"name": name, "person": person, "role": role.value, "language": language, "timezone": timezone}
    return _show_link(request, name, lambda conn: invite(conn, who, by=by, at=at), typed)


def post_link(request: Request, name: str) -> Response:
    """Show a new link for somebody who has lost the password or the second factor."""
    by, at = visitor(request).account.name, request.app.state.clock()
    _own(request, name)
    return _show_link(request, name, lambda conn: new_link(conn, name, by=by, at=at))


def post_reopen(request: Request, name: str) -> Response:
    """Open a closed account, and show the link with which its password is set."""
    by, at = visitor(request).account.name, request.app.state.clock()
    _own(request, name)
    return _show_link(request, name, lambda conn: reopen(conn, name, by=by, at=at))


def post_role(request: Request, name: str, role: GivenRole) -> Response:
    """Give somebody another role."""
    by, at = visitor(request).account.name, request.app.state.clock()
    _own(request, name)
    return _change(request, lambda conn: change_role(conn, name, role, by=by, at=at), "role")


def post_provider(request: Request, name: str, subject: Field = "") -> Response:
    """Let somebody sign in by the identity provider, or no longer."""
    by, at = visitor(request).account.name, request.app.state.clock()
    issuer = request.app.state.settings.oidc_issuer
    _own(request, name)
    if not issuer:
        raise HTTPException(NOT_FOUND, "There is no identity provider here.")
    said = known_as(issuer, subject.strip()) if subject.strip() else ""
    return _change(request, lambda conn: bind_subject(conn, name, said, by=by, at=at), "provider")


def post_close(request: Request, name: str) -> Response:
    """Close an account."""
    by, at = visitor(request).account.name, request.app.state.clock()
    _own(request, name)
    return _change(request, lambda conn: close(conn, name, by=by, at=at), "closed")


def _own(request: Request, name: str) -> None:
    """Answer as if there were no such account if it is another party's."""
    with request.app.state.ledger.read() as conn:
        row = find_account(conn, name)
    if row is None or row.party != visitor(request).party:
        raise HTTPException(NOT_FOUND, "There is no such account in your party.")


def _change(request: Request, do: Callable[[Connection], None], said: str) -> Response:
    try:
        with request.app.state.ledger.write() as conn:
            do(conn)
    except UsageError as fault:
        return _page(request, refusal=_text(request, fault), status=BAD)
    return RedirectResponse(f"/operations/users?said={said}", SEE_OTHER)


def _show_link(
    request: Request, name: str, make: Callable[[Connection], str], typed: dict[str, str] | None = None
) -> Response:
    try:
        with request.app.state.ledger.write() as conn:
            token = make(conn)
    except UsageError as fault:
        return _page(request, refusal=_text(request, fault), typed=typed or {}, status=BAD)
    base = request.app.state.settings.review_url or str(request.base_url).rstrip("/")
    return _page(request, link=base + welcome_path(token), link_of=name)


def _text(request: Request, fault: UsageError) -> str:
    t = words_of(request)
    key = f"users.fault_{fault.key}" if isinstance(fault, AccountFault) else "users.fault_taken"
    return t(key) if t.has(key) else str(fault)


def _page(request: Request, *, status: int = 200, **told: Any) -> Response:
    party = visitor(request).party
    with request.app.state.ledger.read() as conn:
        rows = [row for row in list_accounts(conn) if row.party == party]
    context = {"refusal": "", "done": "", "link": "", "link_of": "", "typed": {}, **told}
    return show(
        request,
        "users/users.html.j2",
        "users",
        status=status,
        rows=rows,
        roles=[role.value for role in Role],
        zones=sorted(available_timezones()),
        has_provider=bool(request.app.state.settings.oidc_issuer),
        link_hours=int(LINK_LIFE.total_seconds() // 3600),
        **context,
    )
