"""Episodes: stretches of high PM2.5 in a city, as their newest revisions have them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from pipeline.ledger.episodes import list_episodes
from review.read_api.answers import Before, Limit, World, answer, page_of
from review.read_api.documents import episode_document
from review.read_api.models import Episodes
from review.worlds import world_of, worlds

City = Annotated[str | None, Query(description="only this city", max_length=32)]


def episodes(
    request: Request,
    world: World = None,
    city: City = None,
    limit: Limit = 50,
    before: Before = None,
) -> Response:
    """Return the episodes of a world (default: the one that is worked in), the newest onset first."""
    with request.app.state.ledger.read() as conn:
        shown = world if world in worlds(conn) else world_of(request, conn)
        found = [row for row in list_episodes(conn, shown) if city in (None, row.city)]
    found.sort(key=lambda row: (row.onset, row.id), reverse=True)
    page, following = page_of(found, [row.id for row in found], before, limit)
    document = Episodes(episodes=[episode_document(row) for row in page], next=following)
    return answer(request, document, following=following)
