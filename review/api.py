"""The read API: runs and warnings as JSON, every row with its world."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from pipeline.dust_outlook import read_outlook
from pipeline.ledger import Ledger
from pipeline.ledger.runs import get_run, list_runs
from pipeline.names import is_simulated
from pipeline.origin_panel import read_panel
from pipeline.times import iso
from review.access import add
from review.accounts.roles import Action
from review.security import dust_file, origins_file
from review.views import (
    run_document,
    version_document,
    version_views,
    warning_document,
    warning_rows,
    world_states,
)

World = Annotated[str | None, Query(description="only this world", max_length=64)]
Limit = Annotated[int, Query(ge=1, le=500, description="at most so many rows, newest first")]


def api_routes() -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter(prefix="/api/v1", tags=["read"])
    add(router, "/health", health, Action.see_issued, ["GET"])
    add(router, "/runs", runs, Action.see_forecasts, ["GET"])
    add(router, "/runs/{run_id}/origins", origins, Action.see_forecasts, ["GET"])
    add(router, "/runs/{run_id}/dust", dust, Action.see_forecasts, ["GET"])
    add(router, "/warnings", warnings, Action.see_forecasts, ["GET"])
    add(router, "/warnings/{warning_id}", warning, Action.see_forecasts, ["GET"])
    return router


def health(request: Request) -> dict[str, Any]:
    """Return, for each world, its newest current cycle and how it stands."""
    with _ledger(request).read() as conn:
        states = world_states(conn, request.app.state.clock())
    return {
        "worlds": [
            {
                "world": s.world,
                "simulated": s.simulated,
                "health": s.health,
                "cycles_behind": s.cycles_behind,
                "current_cycle": iso(s.current.cycle) if s.current else None,
                "degraded": s.last.degraded,
            }
            for s in states
        ]
    }


def runs(request: Request, world: World = None, limit: Limit = 50) -> dict[str, Any]:
    """Return the newest runs."""
    with _ledger(request).read() as conn:
        return {"runs": [run_document(run) for run in list_runs(conn, world, limit)]}


def origins(request: Request, run_id: str) -> dict[str, Any]:
    """Return the origin panel of a run: hours of paths over regions, local air, readings upwind, paths."""
    with _ledger(request).read() as conn:
        run = get_run(conn, run_id)
    path = origins_file(run, request.app.state.settings) if run else None
    panel = read_panel(path) if path else None
    if panel is None:
        raise HTTPException(404, "no such run, or it stored no origins")
    return {"run": run_id, "simulated": is_simulated(panel.world), **panel.to_dict()}


def dust(request: Request, run_id: str) -> dict[str, Any]:
    """Return the dust outlook of a run: verdict, probability, measurements and signs by city and day."""
    with _ledger(request).read() as conn:
        run = get_run(conn, run_id)
    path = dust_file(run, request.app.state.settings) if run else None
    outlook = read_outlook(path) if path else None
    if outlook is None:
        raise HTTPException(404, "no such run, or it stored no dust outlook")
    return {"run": run_id, "simulated": is_simulated(outlook.world), **outlook.to_dict()}


def warnings(request: Request, world: World = None, limit: Limit = 50) -> dict[str, Any]:
    """Return the newest versions of warnings."""
    with _ledger(request).read() as conn:
        return {"warnings": [version_document(row) for row in warning_rows(conn, world, limit)]}


def warning(request: Request, warning_id: str) -> dict[str, Any]:
    """Return one warning with all versions, decisions and deliveries."""
    with _ledger(request).read() as conn:
        views = version_views(conn, warning_id)
    if not views:
        raise HTTPException(404, "no such warning")
    return warning_document(views)


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger
