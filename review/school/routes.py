"""The pages of the replay school."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from forecasting.school.lesson import Lesson
from forecasting.school.shelf import Shelved, lessons_folder, read_lesson, shelved
from pipeline.ledger.school import Asked, BegunRow, answers_to, begin_lesson, enter_answers, find_begun
from pipeline.place_names import name_of
from pipeline.times import iso
from review.access import add, visitor
from review.accounts.roles import Action, may
from review.embargo import seen_until
from review.page import render, words_of
from review.school.charts import air_chart, calibration_chart
from review.school.records import (
    SOURCES,
    Scores,
    Taken,
    history_of,
    lead_days,
    party_summary,
    results_of,
    scores,
    steps_done,
)
from review.school.steps import around, city_view, stand_of
from review.texts import Texts

SOME, ENOUGH = 24, 100
"""A calibration is drawn from so many answers on; below the second number scores are called early."""
TOLD = 10
"""So many places around the cities stand in the table; the others follow on demand."""


def school_routes() -> APIRouter:
    """Return the routes of the school."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/school", index, Action.train)
    add(router, "/school/party", party, Action.see_operations)
    add(router, "/school/lessons/{lesson_id}", lesson, Action.train)
    add(router, "/school/lessons/{lesson_id}/begin", begin, Action.train, ["POST"])
    add(router, "/school/lessons/{lesson_id}/answers", answer, Action.train, ["POST"])
    return router


def index(request: Request) -> Response:
    """Show the lessons that there are, and what the person did so far."""
    who, t, folder = visitor(request), words_of(request), _folder(request)
    with request.app.state.ledger.read() as conn:
        history = history_of(conn, folder, [who.account.id])
    begun: dict[str, Taken] = {one.begun.lesson: one for one in history.taken}
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in _offered(request):
        rows.setdefault(one.world, []).append({"lesson": one, "taken": begun.get(one.id)})
    return render(
        request,
        "school/index.html.j2",
        worlds=rows,
        history=history,
        lost=[one for one in history.taken if one.lesson is None],
        total=history.total(),
        leads=history.by_lead(),
        sources=SOURCES,
        namer=_namer(t),
        figure=calibration_chart(history.calibrations(), t) if len(history.results) >= SOME else None,
        enough=ENOUGH,
        teaches=may(who.role, Action.see_operations),
    )


def party(request: Request) -> Response:
    """Show how the people of a party do together, to who leads them; nobody by name."""
    who, t = visitor(request), words_of(request)
    with request.app.state.ledger.read() as conn:
        summary = party_summary(conn, _folder(request), who.party)
    history = summary.history
    return render(
        request,
        "school/party.html.j2",
        summary=summary,
        total=history.total() if history else None,
        leads=history.by_lead() if history else [],
        sources=SOURCES,
        namer=_namer(t),
        figure=calibration_chart(history.calibrations(), t, "school.people") if history else None,
    )


def lesson(request: Request, lesson_id: str, at: str = "") -> Response:
    """Show a lesson: what it is, an hour of it, or how it ended."""
    who = visitor(request)
    found, digest = _found(request, lesson_id)
    with request.app.state.ledger.read() as conn:
        begun = find_begun(conn, who.account.id, found.id)
        answers = answers_to(conn, who.account.id, found.id)
    if begun is None:
        return render(request, "school/begin.html.j2", lesson=found.as_known(found.asks[0]))
    if begun.digest != digest:
        raise HTTPException(409, words_of(request)("school.changed"))
    done = steps_done(answers)
    if done == len(found.asks):
        return _over(request, found, begun)
    return _hour(request, found, begun, (done, at))


def begin(request: Request, lesson_id: str, manner: Annotated[str, Form()] = "") -> Response:
    """Begin a lesson, with the model's figures beside or without them."""
    found, digest = _found(request, lesson_id)
    sees = manner == "beside"
    now: datetime = request.app.state.clock()
    row = BegunRow(visitor(request).account.id, found.id, digest, sees, now)
    with request.app.state.ledger.write() as conn:
        begin_lesson(conn, row)
    return RedirectResponse(_path(found), 303)


async def answer(request: Request, lesson_id: str) -> Response:
    """Take the probabilities typed at a question; what was answered before stays as it is."""
    form = {str(key): str(value) for key, value in (await request.form()).items()}
    return await run_in_threadpool(_answer, request, lesson_id, form)


def _answer(request: Request, lesson_id: str, form: dict[str, str]) -> Response:
    found, digest = _found(request, lesson_id)
    who, t = visitor(request), words_of(request)
    with request.app.state.ledger.write() as conn:
        begun = find_begun(conn, who.account.id, found.id)
        done = steps_done(answers_to(conn, who.account.id, found.id))
        is_next = form.get("step") == str(done) and done < len(found.asks)
        if begun is None or begun.digest != digest or not is_next:
            return RedirectResponse(_path(found), 303)
        said, wrong = _typed(found, form)
        if not wrong:
            enter_answers(conn, begun, done, said, request.app.state.clock())
            return RedirectResponse(_path(found), 303)
    typed = {key: form.get(key, "") for key in _fields(found).values()}
    where = (done, iso(found.asks[done]))
    return _hour(request, found, begun, where, typed=typed, refusal=t("school.refusal"), status=422)


def _hour(
    request: Request,
    found: Lesson,
    begun: BegunRow,
    where: tuple[int, str],
    *,
    typed: dict[str, str] | None = None,
    refusal: str = "",
    status: int = 200,
) -> Response:
    """Show an hour of a lesson, with nothing in it that was not known then."""
    done, asked = where
    t = words_of(request)
    stand = stand_of(found, done, asked)
    known, sees = stand.lesson, begun.sees_forecasts
    cities = [city_view(stand, target.city, t.language, sees) for target in known.targets]
    readings = around(known, stand.at)
    return render(
        request,
        "school/hour.html.j2",
        status=status,
        stand=stand,
        lesson=known,
        sees=sees,
        cities=cities,
        charts={c["id"]: air_chart(known, c["id"], stand.at, t, sees=sees) for c in cities},
        readings=readings[:TOLD],
        others=readings[TOLD:],
        moves=[(h, stand.moved(h)) for h in (-6, -1, 1, 6)],
        fields=_fields(known),
        typed=typed or {},
        refusal=refusal,
        place=lambda place: name_of(place, t.language),
        lead=lead_days(known, stand.due),
    )


def _over(request: Request, found: Lesson, begun: BegunRow) -> Response:
    """Show how a lesson ended: what came, who foresaw it, and what would have told."""
    t = words_of(request)
    with request.app.state.ledger.read() as conn:
        results = results_of(found, answers_to(conn, begun.account_id, found.id))
    reasons = [
        (lead_days(found, at), {city: told[t.language] for city, told in one.items() if told.get(t.language)})
        for at, one in zip(found.asks, found.reasons, strict=True)
    ]
    offered = [one for one in _offered(request) if one.id != found.id]
    with request.app.state.ledger.read() as conn:
        fresh = [one for one in offered if find_begun(conn, begun.account_id, one.id) is None]
    return render(
        request,
        "school/over.html.j2",
        lesson=found,
        begun=begun,
        results=results,
        total=scores("", results),
        sources=SOURCES,
        namer=_namer(t),
        names={one.city: name_of(one.city, t.language) for one in found.targets},
        charts=[air_chart(found, one.city, found.end, t, sees=True, day=True) for one in found.targets],
        reasons=[(lead, told) for lead, told in reasons if told],
        following=fresh[0] if fresh else None,
    )


def _namer(t: Texts) -> Callable[[Scores], str]:
    """Return how rows of scores are called: by the number of days ahead, or all of them."""
    return lambda row: t("school.days_before", count=row.label) if row.label else t("school.all")


def _typed(found: Lesson, form: dict[str, str]) -> tuple[dict[Asked, float], bool]:
    """Return the probabilities of a form, and whether any is none between 0 and 100 %."""
    said = {}
    for asked, name in _fields(found).items():
        try:
            value = float(form.get(name, "").strip().rstrip("%"))
        except ValueError:
            value = math.nan
        said[asked] = value / 100
    return said, not all(0.0 <= value <= 1.0 for value in said.values())


def _fields(found: Lesson) -> dict[Asked, str]:
    """Return the name of the field of each thing that is asked."""
    return {(one.city, v): f"p-{one.city}-{v}" for one in found.targets for v in one.thresholds}


def _found(request: Request, lesson_id: str) -> tuple[Lesson, str]:
    """Return a lesson that the person may see, with the digest of its file."""
    offered = {one.id for one in _offered(request)}
    found = read_lesson(_folder(request), lesson_id) if lesson_id in offered else None
    if found is None:
        raise HTTPException(404, words_of(request)("school.none_such"))
    return found


def _offered(request: Request) -> list[Shelved]:
    """Return the lessons that the person may see: of an observer those whose day is over for long enough."""
    until, there = seen_until(request), shelved(_folder(request))
    return [one for one in there if until is None or one.day < until.date()]


def _folder(request: Request) -> Path:
    return lessons_folder(request.app.state.settings.data_dir)


def _path(found: Lesson) -> str:
    return f"/school/lessons/{quote(found.id)}"
