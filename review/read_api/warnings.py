"""Warnings: staff see every version, all others what was issued, and neither drafts nor who was sent what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated

from fastapi import HTTPException, Path, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.warnings import (
    EventRow,
    VersionRow,
    issued_versions,
    read_events,
    read_versions,
)
from pipeline.ledger.warnings_newest import Place, newest_versions, worlds_warned
from pipeline.times import iso
from review.access import visitor
from review.accounts.roles import Action, may
from review.agency.acknowledging import acknowledge_for_account
from review.embargo import is_told, seen_until
from review.read_api.answers import NO_ROW, Before, Id, Limit, World, answer
from review.read_api.documents import version_document, whole_version
from review.read_api.models import Acknowledgement, Versions, Warning

VersionNumber = Annotated[int, Path(ge=1, le=1_000_000, description="number of the version")]


def warnings(request: Request, world: World = None, limit: Limit = 50, before: Before = None) -> Response:
    """Return the newest versions of warnings; outside of the parties' staff those that were issued."""
    with request.app.state.ledger.read() as conn:
        page, following = page_of_versions(partial(_seen, request, conn, world), before, limit)
    document = Versions(warnings=[version_document(r) for r in page], next=following)
    return answer(request, document, following=following)


def warning(request: Request, warning_id: Id) -> Response:
    """Return one warning with its versions, newest first, and as far as may be seen what became of them."""
    with request.app.state.ledger.read() as conn:
        rows, events = read_versions(conn, warning_id), read_events(conn, warning_id)
        if not sees_drafts(request):
            rows = told_outside(request, conn, rows)
            events = [e for e in events if e.state not in ("draft", "in_review")]
        document = whole_warning(
            conn, rows, events, deliveries=sees_deliveries(request), persons=sees_drafts(request)
        )
    return answer(request, document)


def acknowledgement(request: Request, warning_id: Id, version: VersionNumber) -> Response:
    """Acknowledge a version for the recipient for whom the account speaks; a second time changes nothing."""
    row = acknowledge_for_account(request, warning_id, version)
    found = Acknowledgement(
        warning_id=row.warning_id,
        version=row.version,
        recipient=row.recipient,
        way=row.way,
        by=row.person,
        at=iso(row.at),
    )
    return Response(found.model_dump_json(), media_type="application/json")


def whole_warning(
    conn: Connection,
    rows: Sequence[VersionRow],
    events: Sequence[EventRow],
    *,
    deliveries: bool,
    persons: bool,
) -> Warning:
    """Return a warning of some of its versions; 404 if there are none."""
    if not rows:
        raise HTTPException(404, "there is no such warning, or it was not issued")
    first, messages = rows[0], []
    if deliveries:
        names = known_as(conn)
        sent = read_outbox(conn, first.warning_id)
        messages = [replace(m, recipient=name_shown(names, m)) for m in sent]
    return Warning(
        warning_id=first.warning_id,
        world=first.content["world"],
        simulated=first.content["simulated"],
        versions=[
            whole_version(conn, row, events, messages, persons=persons) for row in sorted(rows, key=_age)
        ],
    )


def page_of_versions(
    rows: Callable[[Place | None], Iterator[VersionRow]], before: str | None, limit: int
) -> tuple[list[VersionRow], str | None]:
    """Return a page of versions and the cursor of the next; 404 where no version has the cursor.

    Parameters
    ----------
    rows : gives the versions behind a place, newest first
    """
    warning_id, _, number = (before or "").rpartition(".")
    after = (warning_id, int(number)) if number.isdecimal() else None
    if before is not None and after is None:
        raise HTTPException(404, NO_ROW)
    try:
        found = list(islice(rows(after), limit + 1))
    except KeyError:
        raise HTTPException(404, NO_ROW) from None
    page = found[:limit]
    return page, f"{page[-1].warning_id}.{page[-1].version}" if len(found) > limit else None


def _seen(request: Request, conn: Connection, world: str | None, after: Place | None) -> Iterator[VersionRow]:
    """Yield the versions that the one who asks may see, newest first."""
    if sees_drafts(request):
        yield from newest_versions(conn, world, after=after)
        return
    worlds, until = [world] if world else worlds_warned(conn), seen_until(request)
    issued = {one for name in worlds for one in issued_versions(conn, name)}
    rows = newest_versions(conn, world, after=after, among=issued)
    yield from (row for row in rows if is_told(row, until))


def told_outside(request: Request, conn: Connection, rows: Sequence[VersionRow]) -> list[VersionRow]:
    """Return those of some versions that were issued; for an observer of those whose embargo is over."""
    until = seen_until(request)
    return [row for row in were_issued(conn, rows) if is_told(row, until)]


def were_issued(conn: Connection, rows: Sequence[VersionRow]) -> list[VersionRow]:
    """Return those of some versions that were issued."""
    worlds = {row.content["world"] for row in rows}
    issued = {one for world in worlds for one in issued_versions(conn, world)}
    return [row for row in rows if (row.warning_id, row.version) in issued]


def sees_drafts(request: Request) -> bool:
    """Tell whether the one who asks sees what was not issued."""
    return may(visitor(request).role, Action.see_forecasts)


def sees_deliveries(request: Request) -> bool:
    """Tell whether the one who asks sees who was sent what."""
    return may(visitor(request).role, Action.see_deliveries)


def _age(row: VersionRow) -> int:
    return -row.version
