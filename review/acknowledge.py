"""The acknowledgement link of an e-mail: GET shows what it would acknowledge, only POST acknowledges.

Mail scanners open links, so opening one changes nothing. The same page comes back for a link that was used,
with the time of its first use; a link that is wrong or expired says so and tells nothing of any warning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alerts.acknowledge import Receipt, acknowledge, acknowledged, read_token
from alerts.content import WarningContent
from alerts.sealed_links import LinkError
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.errors import ReviewError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.warnings import VersionRow, read_versions
from review.access import add
from review.link_pages import link_page, page_words, refused

_WORDS: Final = page_words("acknowledge.toml")


def acknowledge_routes() -> APIRouter:
    """Return the routes of the links."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/acknowledge/{token}", show, None)
    add(router, "/acknowledge/{token}", confirm, None, ["POST"])
    return router


def show(request: Request, token: str) -> Response:
    """Show what a link would acknowledge; changes nothing."""
    try:
        receipt = _receipt(request, token)
    except LinkError as error:
        return refused(error, _WORDS)
    with request.app.state.ledger.read() as conn:
        found = acknowledged(conn, receipt.warning_id, receipt.version, receipt.recipient)
        versions = read_versions(conn, receipt.warning_id)
    return _page(versions, receipt, found.at if found else None)


def confirm(request: Request, token: str) -> Response:
    """Acknowledge; a second time shows when it was done first."""
    state = request.app.state
    try:
        receipt = _receipt(request, token)
        with state.ledger.write() as conn:
            row = acknowledge(conn, receipt, state.clock())
            versions = read_versions(conn, receipt.warning_id)
    except LinkError as error:
        return refused(error, _WORDS)
    except ReviewError:
        return refused(LinkError("the message of this link is not known here"), _WORDS)
    return _page(versions, receipt, row.at)


def _receipt(request: Request, token: str) -> Receipt:
    """Return what a link speaks of; raises LinkError."""
    state = request.app.state
    return read_token(load_or_create_secret(state.settings.keys_dir, "links"), token, state.clock())


def _page(versions: list[VersionRow], receipt: Receipt, at: datetime | None) -> Response:
    """Show a version in three languages with the button, or with the time of its acknowledgement."""
    row = next((v for v in versions if v.version == receipt.version), None)
    if row is None:
        return refused(LinkError("the message of this link is not known here"), _WORDS)
    content = WarningContent.from_dict(row.content)
    said = [v.version for v in versions if v.state not in ("draft", "in_review", "rejected", "expired")]
    return link_page(
        "acknowledge.html.j2",
        content=content,
        said={language: wording(content, language).headline for language in LANGUAGES},
        receipt=receipt,
        at=at,
        latest=max(said, default=receipt.version),
        words=_WORDS,
    )
