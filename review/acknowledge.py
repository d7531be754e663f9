"""The acknowledgement link of an e-mail: GET shows what it would acknowledge, only POST acknowledges.

Mail scanners open links, so opening one changes nothing. The same page comes back for a link that was used,
with the time of its first use; a link that is wrong or expired says so and tells nothing of any warning.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from importlib import resources
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.acknowledge import Receipt, acknowledge, acknowledged, read_token
from alerts.content import WarningContent
from alerts.sealed_links import LinkError
from alerts.vocabulary import LANGUAGES
from alerts.wording import wording
from pipeline.errors import ReviewError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.ledger.warnings import VersionRow, read_versions

ACKNOWLEDGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FORBIDDEN: Final = 403
GONE: Final = 410


def acknowledge_routes() -> APIRouter:
    """Return the routes of the links."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    router.add_api_route("/acknowledge/{token}", show, methods=["GET"])
    router.add_api_route("/acknowledge/{token}", confirm, methods=["POST"])
    return router


def show(request: Request, token: str) -> Response:
    """Show what a link would acknowledge; changes nothing."""
    try:
        receipt = _receipt(request, token)
    except LinkError as error:
        return _refused(error)
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
        return _refused(error)
    except ReviewError:
        return _refused(LinkError("the message of this link is not known here"))
    return _page(versions, receipt, row.at)


def _receipt(request: Request, token: str) -> Receipt:
    """Return what a link speaks of; raises LinkError."""
    state = request.app.state
    return read_token(load_or_create_secret(state.settings.keys_dir, "links"), token, state.clock())


def _page(versions: list[VersionRow], receipt: Receipt, at: datetime | None) -> Response:
    """Show a version in three languages with the button, or with the time of its acknowledgement."""
    row = next((v for v in versions if v.version == receipt.version), None)
    if row is None:
        return _refused(LinkError("the message of this link is not known here"))
    content = WarningContent.from_dict(row.content)
    said = [v.version for v in versions if v.state not in ("draft", "in_review", "rejected", "expired")]
    html = _ENVIRONMENT.get_template("acknowledge.html.j2").render(
        content=content,
        said={language: wording(content, language).headline for language in LANGUAGES},
        receipt=receipt,
        at=at,
        latest=max(said, default=receipt.version),
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
    return tomllib.loads((resources.files("review") / "acknowledge.toml").read_text("utf-8"))


_WORDS: Final = _words()
_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
