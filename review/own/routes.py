"""The own account: who one is, language and zone, password, where one is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.errors import UsageError
from review.access import SAFE, add, needs_second_factor, visitor
from review.accounts.book import set_preferences
from review.accounts.own import (
    LONGEST_LIFE,
    NewToken,
    add_token,
    change_password,
    living_sessions,
    living_tokens,
    revoke_token,
    sign_out_elsewhere,
)
from review.accounts.passwords import AccountFault
from review.accounts.roles import Action, may
from review.accounts.sessions import confirm_password
from review.accounts.trying import SignInRefused
from review.own.browsers import browser_name
from review.own.second_factor import add_second_factor
from review.page import render, words_of

SEE_OTHER: Final = 303
BAD: Final = 422

Field = Annotated[str, Form(max_length=400)]


def own_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/account", account_page, Action.own_account, SAFE)
    add(router, "/account", post_account, Action.own_account, ["POST"])
    add(router, "/account/password", post_password, Action.own_account, ["POST"])
    add(router, "/account/sessions", post_sessions, Action.own_account, ["POST"])
    add(router, "/account/tokens", post_token, Action.own_account, ["POST"])
    add(router, "/account/tokens/{token_id}/revoke", post_revoke, Action.own_account, ["POST"])
    add_second_factor(router)
    return router


def account_page(request: Request, said: str = "") -> Response:
    """Show a person's own account."""
    t = words_of(request)
    key = f"account.done_{said}"
    return _account(request, done=t(key) if said.isidentifier() and t.has(key) else "")


def post_account(request: Request, language: Field, timezone: Field) -> Response:
    """Change language and zone."""
    state = request.app.state
    try:
        with state.ledger.write() as conn:
            set_preferences(conn, visitor(request).account, language, timezone, state.clock())
    except AccountFault as fault:
        return _account(request, refusal=fault_text(request, fault), status=BAD)
    return RedirectResponse("/account?said=saved", SEE_OTHER)


def post_password(request: Request, current: Field, password: Field, again: Field) -> Response:
    """Change the password of who types the current one; other sessions end."""
    state = request.app.state
    try:
        confirm_password(state.ledger, visitor(request), current, state.clock())
        if password != again:
            raise AccountFault("differ", "the two passwords differ; type the same one twice")
        with state.ledger.write() as conn:
            change_password(conn, visitor(request), password, state.clock())
    except (AccountFault, SignInRefused) as fault:
        return _account(request, refusal=fault_text(request, fault), status=BAD)
    return RedirectResponse("/account?said=password", SEE_OTHER)


def post_sessions(request: Request) -> Response:
    """Sign out everywhere else."""
    state = request.app.state
    with state.ledger.write() as conn:
        sign_out_elsewhere(conn, visitor(request), state.clock())
    return RedirectResponse("/account?said=elsewhere", SEE_OTHER)


def post_token(
    request: Request,
    name: Field,
    days: Annotated[int, Form(ge=1, le=LONGEST_LIFE)],
    acknowledges: Annotated[bool, Form()] = False,
) -> Response:
    """Make a token and show it, this once."""
    state, who = request.app.state, visitor(request)
    wanted = NewToken(name, days, acknowledges and may(who.role, Action.acknowledge))
    try:
        with state.ledger.write() as conn:
            token = add_token(conn, who, wanted, state.clock())
    except AccountFault as fault:
        return _account(request, refusal=fault_text(request, fault), status=BAD)
    return _account(request, token=token)


def post_revoke(request: Request, token_id: str) -> Response:
    """End a token."""
    state = request.app.state
    with state.ledger.write() as conn:
        revoke_token(conn, visitor(request), token_id, state.clock())
    return RedirectResponse("/account?said=revoked", SEE_OTHER)


def fault_text(request: Request, fault: UsageError | SignInRefused) -> str:
    """Return what is wrong, in the person's language."""
    key = fault.key if isinstance(fault, AccountFault) else f"own_{fault}"
    t = words_of(request)
    return t(f"account.fault_{key}") if t.has(f"account.fault_{key}") else str(fault)


def _account(request: Request, *, status: int = 200, **shown: Any) -> Response:
    state, who = request.app.state, visitor(request)
    with state.ledger.read() as conn:
        sessions = living_sessions(conn, who, state.clock())
        tokens = living_tokens(conn, who, state.clock())
    context = {"refusal": "", "done": "", "token": "", **shown}
    return render(
        request,
        "own/account.html.j2",
        status=status,
        zones=sorted(available_timezones()),
        sessions=sessions,
        browsers={one.digest: browser_name(one.agent) for one in sessions},
        tokens=tokens,
        most_days=LONGEST_LIFE,
        can_acknowledge=may(who.role, Action.acknowledge),
        must=needs_second_factor(request, who),
        **context,
    )
