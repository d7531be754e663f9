"""Scores that are kept, as tables; an observer sees those of issues whose embargo is over."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import HTTPException, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from forecasting.verification.kept import Kept, facts_of, kept_verifications, table_of
from pipeline.times import iso
from review.embargo import seen_until
from review.read_api.answers import World, answer
from review.read_api.models import Verification
from review.worlds import world_of

Source = Literal["runs", "hindcast", "table"]
Quantity = Literal["pm2p5", "pm10"]
Table = Literal["exceedance", "reviewed", "reliability", "economic_value", "episodes", "episode_list"]
SourceOf = Annotated[Source, Query(description="of what: stored runs, a hindcast, or a table of predictions")]
Of = Annotated[Quantity, Query(description="of which quantity")]
Named = Annotated[Table, Query(description="which table; docs/verification.md names its columns")]

DAY = timedelta(days=1)


def verification(
    request: Request,
    world: World = None,
    source: SourceOf = "runs",
    quantity: Of = "pm2p5",
    table: Named = "exceedance",
) -> Response:
    """Return a table of the newest kept scores: each with its count and the ends of its 90 % interval."""
    settings = request.app.state.settings
    with request.app.state.ledger.read() as conn:
        shown = _world(request, conn, world)
    kept = [k for k in kept_verifications(settings.verification_dir / shown, source) if _is_open(request, k)]
    if not kept:
        raise HTTPException(404, "no scores are kept of this; `sameair verify` keeps them")
    newest = kept[0]
    rows = table_of(newest.folder, quantity, table)
    return answer(
        request,
        Verification(
            world=shown,
            source=source,
            quantity=quantity,
            table=table,
            last_issue=newest.last_issue.isoformat(),
            made_at=str(facts_of(newest.folder).get("made_at", "")),
            columns=[str(c) for c in rows.columns],
            rows=[[_plain(value) for value in row] for row in rows.itertuples(index=False)],
        ),
    )


def _world(request: Request, conn: Connection, world: str | None) -> str:
    return world_of(request, conn) if world is None else world


def _is_open(request: Request, kept: Kept) -> bool:
    """Tell whether the one who asks may see scores of issues until a day."""
    until = seen_until(request)
    return until is None or datetime.combine(kept.last_issue, time(), UTC) + DAY <= until


def _plain(value: object) -> str | float | int | None:
    """Return a cell as JSON has it."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    if isinstance(value, int):
        return value
    item = getattr(value, "item", None)
    if item is not None:
        return _plain(item())
    return None if value is None else str(value)
