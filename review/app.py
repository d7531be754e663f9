"""The review pages and the read API: what the forecasters look at before they decide, and where they do.

The pages read the ledger and the files of runs. What people decide on them is handed to ``review.doing``,
which whoever starts the application brings along. What recipients and other nodes need is served without
the rest by :func:`create_public_app`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from alerts.fonts import FAMILIES, WEIGHTS, font_bytes
from alerts.map import region_features
from pipeline.errors import SameairError
from pipeline.ledger import open_ledger
from pipeline.settings import Settings
from pipeline.times import Clock, system_clock
from review.access import FORBIDDEN, SAFE, SecondFactorNeeded, SignInNeeded, add, include
from review.accounts.totp import SecretBox
from review.acknowledge import acknowledge_routes
from review.agency.routes import agency_routes
from review.api_document import document_routes
from review.archive.routes import archive_routes
from review.by_provider import provider_routes
from review.decide.actions import action_routes
from review.decide.editing import edit_routes
from review.decide.ending import ending_routes
from review.desk.routes import desk_routes
from review.doing import Doing
from review.episode.pages import episode_routes
from review.exchange_api import ReceiverOf, exchange_routes
from review.feed import feed_routes
from review.limits import BodyLimit
from review.monitoring import monitoring_routes
from review.operations.routes import operations_routes
from review.own.routes import own_routes
from review.page import first_place, show_error
from review.read_api.problems import invalid, problem
from review.read_api.public import public_routes
from review.read_api.routes import api_routes
from review.school import school_routes
from review.season import season_routes
from review.security import LOOPBACK_HOSTS, add_headers
from review.sign_in import sign_in_routes
from review.theme import theme_routes
from review.users.routes import users_routes
from review.verification.routes import verification_routes
from review.verify_address import verify_routes
from review.warnings_page.routes import warnings_routes

STATIC: Final = Path(__file__).parent / "static"
STORAGE_STATUS: Final = 503
NOT_FOUND: Final = 404


def create_app(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    allowed_hosts: tuple[str, ...] = LOOPBACK_HOSTS,
    doing: Doing | None = None,
) -> FastAPI:
    """Return the application for one installation.

    Parameters
    ----------
    settings : where ledger and runs lie
    clock : tells the time against which deadlines are shown
    doing : what acts for the people at the pages; None: they show everything and decide nothing
    allowed_hosts : values of the Host header that are answered

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     app = create_app(Settings(data_dir=folder))
    ...     app.state.ledger.close()
    >>> "/api/v1/runs" in app.openapi()["paths"]
    True
    """
    app = _bare_app(settings, clock, allowed_hosts)
    app.add_middleware(BodyLimit)
    include(app, (api_routes(), feed_routes(), sign_in_routes(), own_routes(), theme_routes()))
    include(app, (desk_routes(), episode_routes(), document_routes(), users_routes()))
    include(app, (provider_routes(), warnings_routes(), edit_routes(), action_routes(), ending_routes()))
    app.state.doing = doing
    include(app, (verification_routes(), archive_routes()))
    include(app, (school_routes(), *season_routes()))
    include(app, (operations_routes(), agency_routes(), monitoring_routes()))
    app.state.box = SecretBox(settings.keys_dir / "second-factor.key")
    app.add_exception_handler(SignInNeeded, _sign_in_needed)
    app.add_exception_handler(SecondFactorNeeded, _second_factor_needed)
    app.add_exception_handler(SameairError, _sameair_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


def create_public_app(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    allowed_hosts: tuple[str, ...] = ("*",),
    receiver_of: ReceiverOf | None = None,
) -> FastAPI:
    """Return the application for recipients: the links in their mails, and the exchange of a party's node.

    Put it behind a web server that speaks TLS for SAMEAIR_ACKNOWLEDGE_URL.

    Parameters
    ----------
    receiver_of : who takes envelopes of the other nodes; None: this node exchanges none
    """
    app = _bare_app(settings, clock, allowed_hosts)
    include(app, (public_routes(), monitoring_routes(figures=False)))
    if receiver_of is not None:
        app.include_router(exchange_routes(receiver_of, timedelta(seconds=settings.clock_skew)))
    app.add_exception_handler(SameairError, _plain_error)
    app.add_exception_handler(HTTPException, _plain_error)
    return app


def _bare_app(settings: Settings, clock: Clock, allowed_hosts: tuple[str, ...]) -> FastAPI:
    """Return an application with what both have: ledger, headers, styles, acknowledgement links."""
    app = FastAPI(title="sameair read API", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.clock = settings, clock
    app.state.ledger = open_ledger(settings.ledger)
    app.middleware("http")(add_headers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))
    include(app, (acknowledge_routes(), verify_routes(), _asset_routes()))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _asset_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    add(router, "/map/land.json", _land, None)
    add(router, "/static/fonts/{name}", _font, None)
    return router


async def _sign_in_needed(request: Request, _exc: Exception) -> Response:
    """Lead a page to signing in; the API is told that it must."""
    if request.url.path.startswith(("/api/", "/metrics")) or request.method not in SAFE:
        return problem(401, "sign in first, or give a token: Authorization: Bearer …")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?to={quote(target)}", 303)


def _land() -> Response:
    """Return the land of the region for maps, without borders."""
    return JSONResponse(
        {"type": "FeatureCollection", "features": region_features()},
        headers={"Cache-Control": "max-age=86400"},
    )


async def _second_factor_needed(request: Request, _exc: Exception) -> Response:
    """Lead somebody to setting up what their role asks for."""
    if request.url.path.startswith("/api/"):
        return problem(FORBIDDEN, "the role asks for a second factor; set it up under Your account")
    return RedirectResponse("/account/second-factor", 303)


def _font(name: str) -> Response:
    """Return one of the subset fonts."""
    for package in FAMILIES.values():
        for weight in WEIGHTS:
            if name == f"{package}-{weight}.woff2":
                return Response(font_bytes(package, weight), media_type="font/woff2")
    raise HTTPException(404, "no such font")


def _sameair_error(request: Request, error: Exception) -> Response:
    """Say what is wrong to who is signed in; to a stranger no path and no name of anything."""
    known = getattr(request.state, "visitor", None) is not None
    return _answer(request, STORAGE_STATUS, str(error) if known else "This is not available at the moment.")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "error"
    if status == FORBIDDEN and request.url.path == "/" and first_place(request):
        return RedirectResponse(first_place(request), 303)
    return _answer(request, status, detail)


def _invalid(request: Request, error: Exception) -> Response:
    """Say which parameter is wrong, and nothing of what was given."""
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    if request.url.path.startswith("/api/"):
        return invalid(errors)
    return show_error(request, 422, "; ".join(e["msg"] for e in errors))


def _plain_error(request: Request, error: Exception) -> Response:
    """Say as little as possible to the world."""
    status = error.status_code if isinstance(error, HTTPException) else STORAGE_STATUS
    if request.url.path.startswith("/public/"):
        return problem(status, "not found, or not published" if status == NOT_FOUND else "not available")
    return PlainTextResponse("not found" if status == NOT_FOUND else "not available", status)


def _answer(request: Request, status: int, detail: str) -> Response:
    if request.url.path.startswith("/api/"):
        return problem(status, detail)
    return show_error(request, status, detail)
