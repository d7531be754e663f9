"""How the newest cycles of every world stand."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from pipeline.times import iso
from review.read_api.answers import answer
from review.read_api.models import Health, WorldHealth
from review.world_states import world_states


def health(request: Request) -> Response:
    """Return, for each world, its newest current cycle and how it stands."""
    with request.app.state.ledger.read() as conn:
        states = world_states(conn, request.app.state.clock())
    return answer(
        request,
        Health(
            worlds=[
                WorldHealth(
                    world=s.world,
                    simulated=s.simulated,
                    health=s.health,
                    cycles_behind=s.cycles_behind,
                    current_cycle=iso(s.current.cycle) if s.current else None,
                    degraded=s.last.degraded,
                )
                for s in states
            ]
        ),
    )
