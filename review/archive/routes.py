"""The routes of the archive: the cycles of a month, one cycle as it stood, its bulletins, and the reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from alerts.vocabulary import LANGUAGES
from pipeline.cities import all_cities
from pipeline.ledger.runs import RunRow, get_run
from pipeline.times import parse_instant
from review.access import add, visitor
from review.accounts.roles import Action, may
from review.archive import cycles
from review.archive.course import Course, course_of
from review.archive.reports import MEDIA, report_file, reports_in
from review.desk.routes import desk_context, reader_of
from review.desk.view import policy_of
from review.embargo import seen_until
from review.page import render
from review.removed import no_bulletin
from review.security import BULLETIN_POLICY, bulletin_file
from review.worlds import world_of, worlds

NO_CYCLE: Final = "There is no such cycle, or it is not to be seen yet."
NO_REPORT: Final = "There is no such report, or it is not to be seen yet."


def archive_routes() -> APIRouter:
    """Return the routes of the archive."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/archive", archive, Action.see_past, ["GET"])
    add(router, "/archive/reports/{name:path}", report, Action.see_past, ["GET"])
    add(router, "/archive/{stamp}", cycle, Action.see_past, ["GET"])
    add(router, "/archive/{stamp}/bulletin", bulletin, Action.see_past, ["GET"])
    return router


def archive(request: Request, month: str = "") -> Response:
    """Show the cycles of a month by day, and the reports that were written."""
    settings, until = request.app.state.settings, seen_until(request)
    zone = policy_of(settings.policy_file).review.timezone
    with request.app.state.ledger.read() as conn:
        world, known = world_of(request, conn), worlds(conn)
        months = cycles.months_of(conn, world, until)
        shown = cycles.month_asked(month, months)
        found = cycles.cycles_of(conn, world, shown, until)
    days = cycles.by_day(found, zone)
    return render(
        request,
        "archive/page.html.j2",
        world=world,
        worlds=known,
        months=months,
        month=shown,
        days=days,
        hours=sorted({hour for _, row in days for hour in row}),
        local=zone,
        reports=reports_in(settings.reports_dir, until),
        until=until,
        links=lambda **named: "?" + urlencode({k: v for k, v in named.items() if v}),
    )


def cycle(request: Request, stamp: str, at: str = "", run: str = "") -> Response:
    """Show one cycle as it stood at an instant: of its snapshot, or of anything that happened after it."""
    until = seen_until(request)
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
        when, attempts = _cycle(conn, world, stamp, until)
        before, after = cycles.neighbours(conn, world, when, until)
        course = course_of(conn, world, attempts[0].as_of, _end(conn, world, when, until))
        row = get_run(conn, run or attempts[0].id)
    if row is None or row.id not in {one.id for one in attempts}:
        raise HTTPException(404, NO_CYCLE)
    instant = _instant(course, at)
    view = reader_of(request).desk(world, instant)
    past = {"may_decide": False, "is_past": True, "other_worlds": []}
    context = {**desk_context(request, view), **past}
    if not may(visitor(request).role, Action.see_forecasts):
        context |= {
            "link": lambda _one: "#happened",
            "episode_link": lambda _one: "#happened",
            "has_bulletin": lambda _run: False,
        }
    return render(
        request,
        "archive/cycle.html.j2",
        **context,
        **_steps(world, stamp, course, instant, before, after),
        row=row,
        attempts=attempts,
        happened=course.until(instant),
        is_insider=may(visitor(request).role, Action.see_forecasts),
        bulletins=_bulletins(request, row),
        until=until,
    )


def bulletin(request: Request, stamp: str, run: str, city: str = "", language: str = "") -> Response:
    """Return a bulletin of a run of a past cycle: the page, or with a language the PDF in it."""
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
        _, attempts = _cycle(conn, world, stamp, seen_until(request))
        row = get_run(conn, run) if run in {one.id for one in attempts} else None
    known = city in ("", *all_cities()) and language in ("", *LANGUAGES)
    settings = request.app.state.settings
    path = bulletin_file(row, settings, city, language) if row and known else None
    if path is None:
        raise no_bulletin(row, settings, city, language, "This run has no such bulletin.")
    if language:
        return FileResponse(path, media_type="application/pdf", filename=path.name)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": BULLETIN_POLICY})


def report(request: Request, name: str) -> Response:
    """Return a report as it was written; a page of one runs no script."""
    path = report_file(request.app.state.settings.reports_dir, name, seen_until(request))
    if path is None:
        raise HTTPException(404, NO_REPORT)
    return FileResponse(
        path, media_type=MEDIA[path.suffix], headers={"Content-Security-Policy": BULLETIN_POLICY}
    )


def _cycle(
    conn: Any, world: str, stamp: str, until: datetime | None
) -> tuple[datetime, list[cycles.Attempt]]:
    """Return the cycle that an address names and its runs; 404 where there is none to be seen."""
    when = cycles.cycle_at(stamp)
    found = cycles.attempts_of(conn, world, when) if when else []
    attempts = [one for one in found if until is None or max(one.cycle, one.as_of) < until]
    if when is None or not attempts:
        raise HTTPException(404, NO_CYCLE)
    return when, attempts


def _end(conn: Any, world: str, when: datetime, until: datetime | None) -> datetime | None:
    """Return where a cycle ends: at the next one's snapshot, for an observer not after the embargo."""
    _, after = cycles.neighbours(conn, world, when, None)
    ends = [one.as_of for one in cycles.attempts_of(conn, world, after)[:1]] if after else []
    return min([*ends, *([until] if until else [])], default=None)


def _instant(course: Course, asked: str) -> datetime:
    """Return the instant asked for if it lies in the cycle, else that of the snapshot."""
    try:
        at = parse_instant(asked) if asked else course.start
    except ValueError:
        return course.start
    return at if course.holds(at) else course.start


def _steps(
    world: str,
    stamp: str,
    course: Course,
    instant: datetime,
    before: datetime | None,
    after: datetime | None,
) -> dict[str, Any]:
    """Return where to go from an instant: in the cycle, and over its ends to the cycles beside it."""

    def path(at: datetime | None, of: str = stamp) -> str:
        named = {"world": world, "at": at.isoformat() if at and at != course.start else ""}
        return f"/archive/{of}?{urlencode({k: v for k, v in named.items() if v})}"

    earlier, later = course.around(instant)
    previous = path(None, cycles.stamp_of(before)) if before else ""
    following = path(None, cycles.stamp_of(after)) if after else ""
    return {
        "stamp": stamp,
        "instant": instant,
        "instants": [(at, path(at), at == instant) for at in course.instants],
        "previous": previous,
        "following": following,
        "back": path(earlier) if earlier else previous,
        "forth": path(later) if later else following,
    }


def _bulletins(request: Request, row: RunRow) -> list[tuple[str, str, str]]:
    """Return the bulletins of a run: city (empty: both), language (empty: the page) and address."""
    settings = request.app.state.settings
    found = []
    for city in ("", *all_cities()):
        for language in ("", *LANGUAGES):
            if bulletin_file(row, settings, city, language) is not None:
                named = {"world": row.world, "run": row.id, "city": city, "language": language}
                query = urlencode({k: v for k, v in named.items() if v})
                found.append((city, language, f"/archive/{cycles.stamp_of(row.cycle)}/bulletin?{query}"))
    return found
