"""What machines ask: whether the process lives, whether the installation is ready, and its figures.

``/healthz`` and ``/readyz`` are for load balancers and anybody: they say yes or no. Why not, and the figures
of ``/metrics``, are for operators; on the port of ``sameair monitor``, which nobody but this machine reaches,
for whoever asks.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.errors import SameairError
from pipeline.ledger import open_ledger
from pipeline.readiness import PARTS, Part, readiness_of
from pipeline.settings import Settings
from pipeline.times import Clock, system_clock
from review.access import add, needs_second_factor
from review.accounts.roles import Action, may
from review.doing import Operating, doing_of
from review.security import LOOPBACK_HOSTS

NOT_READY: Final = 503
Exclude = Annotated[list[str] | None, Query(max_length=len(PARTS))]


def monitoring_routes(*, figures: bool = True) -> APIRouter:
    """Return the routes; without ``figures`` only those that say yes or no."""
    router = APIRouter(include_in_schema=False)
    add(router, "/healthz", healthz, None)
    add(router, "/readyz", readyz, None)
    if figures:
        add(router, "/metrics", metrics, Action.see_operations)
    return router


def healthz() -> Response:
    """Say that this process answers; nothing is asked of disk or ledger."""
    return JSONResponse({"alive": True})


def readyz(request: Request, exclude: Exclude = None) -> Response:
    """Say whether the installation is ready (200) or not (503), the reasons to operators alone.

    ``?exclude=cycle`` leaves a part out: pages can be served while a cycle is late.
    """
    return _readiness(request, exclude, _is_operator(request))


def metrics(request: Request) -> Response:
    """Return the figures as Prometheus text."""
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(404, "These pages have no figures; ask `sameair monitor`.")
    return _figures(doing)


def _figures(operating: Operating) -> Response:
    return Response(operating.metrics(), media_type=CONTENT_TYPE_LATEST)


def _is_operator(request: Request) -> bool:
    who = getattr(request.state, "visitor", None)
    return who is not None and may(who.role, Action.see_operations) and not needs_second_factor(request, who)


def _readiness(request: Request, exclude: list[str] | None, with_reasons: bool) -> Response:
    state, left_out = request.app.state, frozenset(exclude or ())
    if not left_out <= set(PARTS):
        raise HTTPException(422, f"exclude: choose of {', '.join(PARTS)}")
    parts = readiness_of(state.ledger, state.settings, state.clock(), left_out)
    return readiness_answer(parts, with_reasons=with_reasons)


def readiness_answer(parts: list[Part], *, with_reasons: bool) -> Response:
    """Return readiness as an answer: one word for everybody, each part's reason where it may be told.

    >>> readiness_answer([Part("disk", False, "full")], with_reasons=False).body
    b'{"ready":false}'
    """
    ready = all(part.is_ready for part in parts)
    said: dict[str, Any] = {"ready": ready}
    if with_reasons:
        said["parts"] = {part.name: {"ready": part.is_ready, "reason": part.reason} for part in parts}
    return JSONResponse(said, 200 if ready else NOT_READY, {"Cache-Control": "no-store"})


def create_monitor_app(settings: Settings, operating: Operating, *, clock: Clock = system_clock) -> FastAPI:
    """Return the application of the port for this machine's own watchers; it asks nobody who they are."""
    app = FastAPI(title="sameair monitor", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.clock = settings, clock
    app.state.ledger = open_ledger(settings.ledger)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))
    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"])
    app.add_api_route("/readyz", _open_readyz, methods=["GET", "HEAD"])
    app.add_api_route("/metrics", lambda: _figures(operating), methods=["GET", "HEAD"])
    app.add_exception_handler(SameairError, _trouble)
    return app


def _open_readyz(request: Request, exclude: Exclude = None) -> Response:
    return _readiness(request, exclude, with_reasons=True)


def _trouble(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, NOT_READY)
