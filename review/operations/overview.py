"""The first page of operations: what needs somebody, then how everything stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import Connection

from pipeline.cities import all_parties
from pipeline.errors import SameairError
from pipeline.exchange.standing import Standing, standing_of
from pipeline.ledger.audit_reads import Wanted, find_rows
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.quarantined import count_quarantined
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.runs import list_runs
from pipeline.names import is_simulated
from pipeline.programme import programme_of
from pipeline.settings import Settings
from review.doing import doing_of
from review.operations.page import chosen_world, show
from review.operations.runs import line_of
from review.world_states import world_states

RUNS: Final = 5
AUDIT: Final = 6
TROUBLE: Final = ("failed", "unknown", "sending", "pending")
"""States of messages that have not left, the worst first."""


def overview(request: Request) -> Response:
    """Show what needs somebody, then how sources, runs, messages and the exchange stand."""
    state = request.app.state
    now: datetime = state.clock()
    with state.ledger.read() as conn:
        chosen = chosen_world(request, conn)
        world = chosen["world"]
        found: dict[str, Any] = {
            "state": next((s for s in world_states(conn, now) if s.world == world), None),
            "lines": [line_of(r, state.settings) for r in (list_runs(conn, world, RUNS) if world else [])],
            "messages": unsent(conn, world),
            "quarantined": count_quarantined(conn, world) if world else 0,
            "peers": peers(conn, state.settings, now),
            "newest": find_rows(conn, Wanted(), AUDIT),
        }
    feeds, coverage, trouble = _sources(request, world)
    found |= {"feeds": feeds, "coverage": coverage, "trouble": trouble}
    return show(
        request, "operations/overview.html.j2", "overview", party=state.settings.party, **found, **chosen
    )


def keys(request: Request) -> Response:
    """Show the public keys that this node knows: fingerprints and until when, never a secret."""
    doing = doing_of(request)
    trouble, rows = "", []
    try:
        rows = doing.keys() if doing else []
    except SameairError as error:
        trouble = str(error)
    return show(
        request, "operations/keys.html.j2", "keys", rows=rows, trouble=trouble, can_read=doing is not None
    )


def unsent(conn: Connection, world: str) -> list[OutboxRow]:
    """Return the messages of a world that have not left, the worst first, by their recipients' names."""
    names = known_as(conn)
    return [
        replace(m, recipient=name_shown(names, m))
        for state in TROUBLE
        for m in read_outbox(conn, state=state, world=world or None)
    ]


def peers(conn: Connection, settings: Settings, now: datetime) -> list[tuple[Standing, bool]]:
    """Return how every other party's node stands, and whether it is silent; none on a node of all parties."""
    if not settings.party:
        return []
    silent = programme_of(settings.programme_file).silent
    others = set(all_parties()) - {settings.party}
    found = [standing_of(conn, peer, now) for peer in sorted(others)]
    return [(one, one.silence(now) > silent or bool(one.fault)) for one in found]


def _sources(request: Request, world: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Return how feeds and coverage of a world are, and why that cannot be told, if so."""
    doing = doing_of(request)
    if doing is None or not world:
        return [], [], ""
    try:
        feeds = [
            {**f, "age": None if f["newest"] is None else (f["now"] - f["newest"]).total_seconds() / 3600}
            for f in doing.feeds(world)
        ]
        asked = [f for f in feeds if f["state"] != "never" or is_simulated(world)]
        return asked, doing.coverage(world), ""
    except SameairError as error:
        return [], [], str(error)
