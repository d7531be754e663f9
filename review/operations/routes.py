"""The routes of operations."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from review.access import add
from review.accounts.roles import Action
from review.operations.audit import trail, verify
from review.operations.bulletins import bulletin
from review.operations.overview import keys, overview
from review.operations.quarantine import close_entry, entry, quarantine, retry_entry
from review.operations.recipients import link, recipients
from review.operations.runs import run, runs
from review.operations.wall import wall


def operations_routes() -> APIRouter:
    """Return the routes of operations."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    see, operate = Action.see_operations, Action.operate
    add(router, "/operations", overview, see)
    add(router, "/operations/wall", wall, see)
    add(router, "/operations/runs", runs, see)
    add(router, "/operations/runs/{run_id}", run, see)
    add(router, "/operations/quarantine", quarantine, see)
    add(router, "/operations/quarantine/{entry_id}", entry, see)
    add(router, "/operations/quarantine/{entry_id}/retry", retry_entry, operate, ["POST"])
    add(router, "/operations/quarantine/{entry_id}/close", close_entry, operate, ["POST"])
    add(router, "/operations/audit", trail, see)
    add(router, "/operations/audit/verify", verify, see, ["POST"])
    add(router, "/operations/keys", keys, see)
    add(router, "/operations/recipients", recipients, Action.manage_users)
    add(router, "/operations/recipients", link, Action.manage_users, ["POST"])
    add(router, "/runs/{run_id}/bulletin", bulletin, Action.see_forecasts)
    return router
