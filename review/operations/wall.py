"""The status board: how the service stands, in words large enough to be read across a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import Connection

from pipeline.errors import SameairError
from pipeline.exchange.standing import Standing
from pipeline.ledger.deliveries import OutboxRow
from pipeline.ledger.jobs import JobRow, newest_jobs
from pipeline.names import MEASURED
from pipeline.readiness import Part, readiness_of
from pipeline.times import latest_cycle
from review.doing import doing_of
from review.operations.overview import peers, unsent
from review.operations.page import show
from review.world_states import WorldState, world_states

REFRESH: Final = 60
"""Seconds after which the board is loaded anew."""
STUCK_AFTER: Final = timedelta(minutes=30)
"""A job that gives no sign of life for so long is stuck."""
CYCLE: Final = timedelta(hours=6)
Colour = Literal["good", "look", "bad"]


@dataclass(frozen=True)
class Tile:
    """One field of the board: its title and colour, and what it says, by keys of the words."""

    name: str
    colour: Colour
    said: str
    number: int = 0
    at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True)
class JobLine:
    """One flow's part on the board: its newest job, and how it stands."""

    job: JobRow
    colour: Colour
    stands: str


def wall(request: Request) -> Response:
    """Show the board of the measured world."""
    state = request.app.state
    now: datetime = state.clock()
    ready = readiness_of(state.ledger, state.settings, now, frozenset())
    with state.ledger.read() as conn:
        worlds = world_states(conn, now)
        messages, others = unsent(conn, MEASURED), peers(conn, state.settings, now)
        lines = job_lines(conn, now)
    tiles = [
        *(_part(part) for part in ready),
        _run(next((one for one in worlds if one.world == MEASURED), None)),
        Tile("next_cycle", "good", "", at=latest_cycle(now) + CYCLE),
        _feeds(_asked_feeds(request)),
        _messages(messages),
        *(_peer(standing, bad) for standing, bad in others),
    ]
    colours = {*(tile.colour for tile in tiles), *(line.colour for line in lines)}
    worst: Colour = next((c for c in ("bad", "look") if c in colours), "good")
    told = {"tiles": tiles, "lines": lines, "worst": worst, "refresh": REFRESH}
    return show(request, "operations/wall.html.j2", "wall", **told)


def job_lines(conn: Connection, now: datetime) -> list[JobLine]:
    """Return the newest nominal time of every flow's part, and how it went."""
    found = newest_jobs(conn)
    return [_line(found[key], now) for key in sorted(found)]


def _line(job: JobRow, now: datetime) -> JobLine:
    if job.state == "running" and now - job.beat_at > STUCK_AFTER:
        return JobLine(job, "bad", "stuck")
    colours: dict[str, Colour] = {"failed": "bad", "skipped": "look"}
    return JobLine(job, colours.get(job.state, "good"), job.state)


def _part(part: Part) -> Tile:
    if part.is_ready:
        return Tile(part.name, "good", "wall_good")
    return Tile(part.name, "bad", "wall_bad", detail=part.reason)


def _run(found: WorldState | None) -> Tile:
    if found is None:
        return Tile("run", "look", "wall_no_run")
    colours: dict[str, Colour] = {"failed": "bad", "late": "bad", "degraded": "look", "good": "good"}
    at = found.current.cycle if found.current else None
    return Tile("run", colours[found.health], f"wall_run_{found.health}", found.cycles_behind, at)


def _asked_feeds(request: Request) -> list[dict[str, Any]] | None:
    doing = doing_of(request)
    try:
        return None if doing is None else [f for f in doing.feeds(MEASURED) if f["state"] != "never"]
    except SameairError:
        return None


def _feeds(feeds: Sequence[dict[str, Any]] | None) -> Tile:
    if not feeds:
        return Tile("sources", "look" if feeds is None else "good", "wall_none_asked")
    ill = [f for f in feeds if f["severity"] > 1]
    colour: Colour = "bad" if any(f["severity"] > 2 for f in ill) else "look" if ill else "good"
    detail = ", ".join(f["feed"] for f in ill[:4])
    return Tile("sources", colour, "wall_of_feeds" if ill else "wall_good", len(ill), detail=detail)


def _messages(messages: Sequence[OutboxRow]) -> Tile:
    lost = [m for m in messages if m.state in ("failed", "unknown")]
    colour: Colour = "bad" if lost else "look" if messages else "good"
    return Tile("messages", colour, "wall_waiting" if messages else "wall_good", len(messages))


def _peer(standing: Standing, silent: bool) -> Tile:
    if standing.last_at is None and not silent:
        return Tile(f"party_{standing.peer}", "look", "never")
    said = "wall_silent" if silent else "wall_heard"
    return Tile(f"party_{standing.peer}", "bad" if silent else "good", said, at=standing.last_at)
