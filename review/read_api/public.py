"""What anybody may read: the part of each party that it publishes itself, of measured air and in earnest.

Exercises are never public. What concerns several parties is public where all of them publish it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from alerts.feed import ATOM_TYPE, CAP_TYPE, PAGE, version_of
from pipeline.cities import all_cities
from pipeline.ledger.publications import all_publish, published
from pipeline.ledger.runs import newest_current_run
from pipeline.ledger.warnings import VersionRow, issued_versions, read_events, read_versions
from pipeline.ledger.warnings_newest import READ_AT_ONCE, Place, newest_versions
from pipeline.names import MEASURED
from review.access import add
from review.feed import feed_of
from review.read_api.answers import Before, Id, Limit, answer, bytes_answer
from review.read_api.documents import version_document
from review.read_api.forecasts import read_forecast
from review.read_api.models import Forecast, Observations, Versions, Warning
from review.read_api.observations import ANYBODY, Asked, all_parties, span_of, told
from review.read_api.problems import documented
from review.read_api.warnings import page_of_versions, were_issued, whole_warning
from review.security import product_file

NOTHING: Final = "there is no such thing, or it is not published"


class Published(BaseModel):
    """What each party publishes."""

    parties: dict[str, list[str]] = Field(description="by party: warnings, forecasts, observations")


def public_routes() -> APIRouter:
    """Return the routes for anybody."""
    router = APIRouter(prefix="/public/v1", tags=["public"])
    _document(router, "/published", what, Published)
    _document(router, "/warnings", warnings, Versions)
    _document(router, "/warnings/{warning_id}", warning, Warning)
    _document(router, "/forecast", forecast, Forecast)
    _document(router, "/observations", observations, Observations)
    add(router, "/cap/feed.atom", feed, None)
    add(router, "/cap/{name}", cap, None)
    return router


def what(request: Request) -> Response:
    """Return what each party publishes."""
    with request.app.state.ledger.read() as conn:
        found = published(conn)
    return answer(request, Published(parties={party: list(products) for party, products in found.items()}))


def warnings(request: Request, limit: Limit = 50, before: Before = None) -> Response:
    """Return the newest versions of warnings in earnest that were issued by parties that publish them."""
    with request.app.state.ledger.read() as conn:
        page, following = page_of_versions(partial(_all_open, conn), before, limit)
    document = Versions(warnings=[version_document(r) for r in page], next=following)
    return answer(request, document, following=following)


def warning(request: Request, warning_id: Id) -> Response:
    """Return one warning with its issued versions; persons and recipients stay inside."""
    with request.app.state.ledger.read() as conn:
        rows, events = _open(conn, read_versions(conn, warning_id)), read_events(conn, warning_id)
        seen = [e for e in events if e.state not in ("draft", "in_review")]
        return answer(request, whole_warning(conn, rows, seen, deliveries=False, persons=False))


def forecast(request: Request) -> Response:
    """Return the newest forecast for the cities of parties that publish theirs."""
    state = request.app.state
    with state.ledger.read() as conn:
        run, public = newest_current_run(conn, MEASURED), published(conn)
    path = product_file(run, "forecast", state.settings) if run else None
    cities = [c.id for c in all_cities().values() if "forecasts" in public.get(c.party, ())]
    if run is None or path is None or not cities:
        raise HTTPException(404, NOTHING)
    return answer(request, read_forecast(path, run, cities))


def observations(request: Request, asked: Annotated[Asked, Query()]) -> Response:
    """Return measured values whose marks let anybody have them, of parties that publish observations."""
    with request.app.state.ledger.read() as conn:
        public = published(conn)
    parties = [p for p in all_parties(request) if "observations" in public.get(p, ())]
    if asked.world not in (None, MEASURED):
        raise HTTPException(404, NOTHING)
    found = told(request, MEASURED, span_of(request, asked.start, asked.end), ANYBODY, parties)
    return answer(request, asked.page(found))


def feed(request: Request) -> Response:
    """Return the Atom feed of the CAP messages that are public, newest first."""
    state = request.app.state
    with state.ledger.read() as conn:
        rows = newest_public(conn)
    return bytes_answer(request, feed_of(state.settings, rows), ATOM_TYPE)


def cap(request: Request, name: str) -> Response:
    """Return the CAP message of a version that is public."""
    found = version_of(name)
    with request.app.state.ledger.read() as conn:
        rows = _open(conn, read_versions(conn, found[0])) if found else []
    path = request.app.state.settings.data_dir / "warnings" / name
    if found is None or found[1] not in [r.version for r in rows] or not path.is_file():
        raise HTTPException(404, NOTHING)
    return bytes_answer(request, path.read_bytes(), CAP_TYPE)


def newest_public(conn: Connection) -> list[VersionRow]:
    """Return the versions of the public feed, newest first."""
    return list(islice(_all_open(conn), PAGE))


def _all_open(conn: Connection, after: Place | None = None) -> Iterator[VersionRow]:
    """Yield the versions that anybody may read, newest first, read as far as it is asked."""
    if not any("warnings" in products for products in published(conn).values()):
        return
    rows = newest_versions(conn, MEASURED, after=after, among=set(issued_versions(conn, MEASURED)))
    while part := list(islice(rows, READ_AT_ONCE)):
        yield from _public(conn, part)


def _open(conn: Connection, rows: list[VersionRow]) -> list[VersionRow]:
    """Return those of some versions that anybody may read."""
    return _public(conn, were_issued(conn, rows))


def _public(conn: Connection, rows: list[VersionRow]) -> list[VersionRow]:
    """Return those of some issued versions that anybody may read."""
    earnest = [r for r in rows if r.content["world"] == MEASURED and r.content["cap_status"] == "Actual"]
    parties = {tuple(r.content["parties"]) for r in earnest}
    public = {p for p in parties if all_publish(conn, p, "warnings")}
    return [r for r in earnest if tuple(r.content["parties"]) in public]


def _document(router: APIRouter, path: str, endpoint: Callable[..., Any], model: type[BaseModel]) -> None:
    """Add a route for anybody that answers with a document of a model, or with a problem."""
    answers = documented(404, 422) | {200: {"model": model, "description": "The document."}}
    add(router, path, endpoint, None, ["GET"], responses=answers)
