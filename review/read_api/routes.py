"""The routes of the read API, each with the answers that it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel

from review.access import add
from review.accounts.roles import Action
from review.read_api import episodes, health, observations, runs, verification, warnings
from review.read_api.answers import NETCDF
from review.read_api.models import (
    Acknowledgement,
    DustOfRun,
    Episodes,
    Forecast,
    Health,
    Observations,
    OriginsOfRun,
    Runs,
    Verification,
    Versions,
    Warning,
    WholeRun,
)
from review.read_api.problems import documented


def api_routes() -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter(prefix="/api/v1", tags=["read"])
    _document(router, "/health", health.health, Action.see_issued, Health)
    _document(router, "/runs", runs.runs, Action.see_past, Runs)
    _document(router, "/runs/{run_id}", runs.run, Action.see_past, WholeRun)
    _document(router, "/runs/{run_id}/forecast", runs.forecast, Action.see_past, Forecast)
    _document(router, "/runs/{run_id}/origins", runs.origins, Action.see_past, OriginsOfRun)
    _document(router, "/runs/{run_id}/dust", runs.dust, Action.see_past, DustOfRun)
    _document(router, "/observations", observations.observations, Action.see_issued, Observations)
    _document(router, "/episodes", episodes.episodes, Action.see_forecasts, Episodes)
    _document(router, "/warnings", warnings.warnings, Action.see_issued, Versions)
    _document(router, "/warnings/{warning_id}", warnings.warning, Action.see_issued, Warning)
    _document(router, "/verification", verification.verification, Action.see_past, Verification)
    add(
        router,
        "/warnings/{warning_id}/{version}/acknowledgement",
        warnings.acknowledgement,
        Action.acknowledge,
        ["POST"],
        responses=documented(401, 403, 409, 422) | {200: {"model": Acknowledgement}},
    )
    file = {"description": "CF-1.11 NetCDF", "content": {NETCDF: {"schema": {"type": "string"}}}}
    add(
        router,
        "/runs/{run_id}/forecast.nc",
        runs.netcdf,
        Action.see_past,
        ["GET"],
        response_class=FileResponse,
        responses=documented(401, 403, 404, 410, 422) | {200: file},
    )
    return router


def _document(
    router: APIRouter, path: str, endpoint: Callable[..., Any], action: Action, model: type[BaseModel]
) -> None:
    """Add a route that answers with a document of a model, or with a problem."""
    said = (401, 403, 404, 410, 422) if path.startswith("/runs/{run_id}/") else (401, 403, 404, 422)
    add(
        router,
        path,
        endpoint,
        action,
        ["GET"],
        responses=documented(*said) | {200: {"model": model, "description": "The document."}},
    )
