"""The page on which a recipient confirms its address: GET shows, only POST confirms.

Mail scanners open links, so opening one changes nothing. The page shows the holder of the link what is known
of it, and nobody else anything: a link that is wrong, expired or of an address that was changed says only so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alerts.sealed_links import LinkError
from alerts.verify_address import Claim, claimed, confirm, read_claim
from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.recipients import Contact, RecipientRow
from review.access import add
from review.link_pages import link_page, page_words, refused

_WORDS: Final = page_words("verify_address.toml")


def verify_routes() -> APIRouter:
    """Return the routes of the links."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/verify/{token}", show, None)
    add(router, "/verify/{token}", confirm_address, None, ["POST"])
    return router


def show(request: Request, token: str) -> Response:
    """Show what a link would confirm; changes nothing."""
    state = request.app.state
    try:
        secret, claim = _claim(request, token)
        with state.ledger.read() as conn:
            row, contact = claimed(conn, secret, claim)
    except LinkError as error:
        return refused(error, _WORDS)
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
        return refused(error, _WORDS)
    return _page(row, contact, at)


def _claim(request: Request, token: str) -> tuple[bytes, Claim]:
    """Return the secret of links, and what this one claims; raises LinkError."""
    state = request.app.state
    secret = load_or_create_secret(state.settings.keys_dir, "links")
    return secret, read_claim(secret, token, state.clock())


def _page(row: RecipientRow, contact: Contact, at: datetime | None) -> Response:
    """Show a recipient to itself, in three languages, with the button or the time of its confirmation."""
    return link_page(
        "verify_address.html.j2",
        row=row,
        contact=contact,
        cities={x: vocabulary(x).join([vocabulary(x).city(c) for c in row.cities]) for x in LANGUAGES},
        at=at,
        words=_WORDS,
    )
