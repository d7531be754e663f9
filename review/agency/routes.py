"""The routes of the agencies' pages."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from review.access import add
from review.accounts.roles import Action
from review.agency.current import acknowledge_here, bulletin, current
from review.agency.subscription import ask, change, subscription


def agency_routes() -> APIRouter:
    """Return the routes of the agencies' pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/agency", current, Action.see_issued)
    add(router, "/agency/bulletins/{run_id}", bulletin, Action.see_issued)
    add(router, "/agency/acknowledge", acknowledge_here, Action.acknowledge, ["POST"])
    add(router, "/agency/subscription", subscription, Action.subscribe)
    add(router, "/agency/subscription", change, Action.subscribe, ["POST"])
    add(router, "/agency/subscription/ask", ask, Action.subscribe, ["POST"])
    return router
