"""The page on which a recipient confirms its address: GET shows, only POST confirms.

Mail scanners open links, so opening one changes nothing. The page shows the holder of the link what is known
of it, and nobody else anything: a link that is wrong, expired or of an address that was changed says only so.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from importlib import resources
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.sealed_links import LinkError
from alerts.verify_address import Claim, claimed, confirm, read_claim
from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.recipients import Contact, RecipientRow
from review.acknowledge import ACKNOWLEDGE_POLICY, FORBIDDEN, GONE


def verify_routes() -> APIRouter:
    """Return the routes of the links."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    router.add_api_route("/verify/{token}", show, methods=["GET"])
    router.add_api_route("/verify/{token}", confirm_address, methods=["POST"])
    return router


def show(request: Request, token: str) -> Response:
    """Show what a link would confirm; changes nothing."""
    state = request.app.state
    try:
        secret, claim = _claim(request, token)
        with state.ledger.read() as conn:
            row, contact = claimed(conn, secret, claim)
    except LinkError as error:
        return _refused(error)
    return _page(row, contact, row.verified_at)


def confirm_address(request: Request, token: str) -> Response:
    """Confirm; a second time shows when it was done first."""
    state = request.app.state
    try:
        secret, claim = _claim(request, token)
        with state.ledger.write() as conn:
            row, contact = claimed(conn, secret, claim)
            at = confirm(conn, row, contact, state.clock(), "link")
    except LinkError as error:
        return _refused(error)
    return _page(row, contact, at)


def _claim(request: Request, token: str) -> tuple[bytes, Claim]:
    """Return the secret of links, and what this one claims; raises LinkError."""
    state = request.app.state
    secret = load_or_create_secret(state.settings.keys_dir, "links")
    return secret, read_claim(secret, token, state.clock())


def _page(row: RecipientRow, contact: Contact, at: datetime | None) -> Response:
    """Show a recipient to itself, in three languages, with the button or the time of its confirmation."""
    html = _ENVIRONMENT.get_template("verify_address.html.j2").render(
        row=row,
        contact=contact,
        cities={x: vocabulary(x).join([vocabulary(x).city(c) for c in row.cities]) for x in LANGUAGES},
        at=at,
        words=_WORDS,
    )
    return _answer(html, 200)


def _refused(error: LinkError) -> Response:
    """Say in three languages that a link does not count."""
    kind = "expired" if error.is_expired else "wrong"
    html = _ENVIRONMENT.get_template("acknowledge_refused.html.j2").render(kind=kind, words=_WORDS)
    return _answer(html, GONE if error.is_expired else FORBIDDEN)


def _answer(html: str, status: int) -> Response:
    return HTMLResponse(html, status, headers={"Content-Security-Policy": ACKNOWLEDGE_POLICY})


def _words() -> dict[str, dict[str, Any]]:
    """Return the texts of the page by language."""
    return tomllib.loads((resources.files("review") / "verify_address.toml").read_text("utf-8"))


_WORDS: Final = _words()
_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
