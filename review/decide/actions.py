"""The decisions themselves: approve, object, ask, answer; each for the party of who is signed in.

A form carries how the warning stood when it was shown. If it stands otherwise now, nothing is done: the
person sees what changed, with what they had typed, and decides again. The same form sent twice does once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from alerts.asked_for import Question
from pipeline.errors import ReviewError, SameairError, UsageError
from pipeline.ledger.warnings import read_signatures
from pipeline.times import HOUR
from review.access import add, visitor
from review.accounts.roles import Action
from review.decide.changed import changed_since
from review.decide.forms import (
    TOO_OLD,
    Fields,
    Sent,
    acting,
    afterwards,
    fields_of_form,
    known_version,
    led_back,
    sent,
    typed,
)
from review.decide.panel import decision_panel
from review.decide.refusals import refusal_of
from review.page import render, words_of

Form = Annotated[Fields, Depends(fields_of_form)]
SHORTEST: Final = timedelta(minutes=15)
"""The least time to answer a question, however near the deadline is."""
LONGEST_ANSWER: Final = 4 * HOUR


def action_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    add(router, "/warnings/{warning_id}/{version}/approve", approve, Action.decide, ["POST"])
    add(router, "/warnings/{warning_id}/{version}/object", object_, Action.decide, ["POST"])
    add(router, "/warnings/{warning_id}/{version}/ask", ask, Action.decide, ["POST"])
    add(router, "/warnings/{warning_id}/answer/{question}", answer, Action.decide, ["POST"])
    return router


def approve(request: Request, warning_id: str, version: int, fields: Form) -> Response:
    """Approve a version for the own party."""
    form = sent(request, warning_id, version, fields)
    return decided(form, "approve", lambda: form.doing.approve(form.choice), {})


def object_(request: Request, warning_id: str, version: int, fields: Form) -> Response:
    """Object to a version for the own party, with a reason."""
    form = sent(request, warning_id, version, fields)
    reason = form.words("reason")
    return decided(form, "object", lambda: form.doing.object_(form.choice, reason), {"reason": reason})


def ask(request: Request, warning_id: str, version: int, fields: Form) -> Response:
    """Ask the other party about a version."""
    form = sent(request, warning_id, version, fields)
    person, text = visitor(request), form.words("question")
    left = form.row.review_deadline - request.app.state.clock()
    within = min(max(left, SHORTEST), LONGEST_ANSWER)
    question = Question(warning_id, person.party, person.account.name, text, within)
    try:
        form.doing.ask(question)
    except (ReviewError, UsageError) as error:
        return refused(form, "ask", error, {"question": text})
    return led_back(form.back, "asked")


def answer(request: Request, warning_id: str, question: str, fields: Form) -> Response:
    """Answer a question of the other party about a warning."""
    person, doing = visitor(request), acting(request)
    with request.app.state.ledger.read() as conn:
        panel = decision_panel(request, conn, warning_id, back=fields.get("back", ""))
    asked = [] if panel is None else [a for a in panel.asked if a.question.id == question]
    if panel is None or not asked:
        raise HTTPException(404, "There is no such question.")
    text = typed(fields, "answer")
    said = asked[0].answer
    if said is not None and (said.person, said.text) == (person.account.name, text):
        return led_back(panel.back, "answered")
    try:
        doing.answer(question, person.party, person.account.name, text)
    except (ReviewError, UsageError) as error:
        with request.app.state.ledger.read() as conn:
            panel = decision_panel(request, conn, warning_id, back=fields.get("back", ""))
        return render(
            request,
            "decide/changed.html.j2",
            status=TOO_OLD,
            panel=panel,
            since=None,
            what="answer",
            kept={"answer": text},
            error=refusal_of(error),
            world=panel.content.world if panel else "",
        )
    return led_back(panel.back, "answered")


def decided(form: Sent, what: str, do: Callable[[], object], kept: Fields) -> Response:
    """Do what a form asks for, once; show what changed where the warning does not stand as it was shown."""
    try:
        do()
    except (ReviewError, UsageError) as error:
        if not _is_done(form, what, kept.get("reason", "")):
            return refused(form, what, error, kept)
    choice = form.choice
    return led_back(
        form.back,
        "approved" if what == "approve" else "objected",
        afterwards(lambda: form.doing.carry_out(choice.warning_id, choice.version)),
    )


def refused(form: Sent, what: str, error: SameairError, kept: Fields) -> Response:
    """Show why something was not done and what changed since, with what was typed and a way to go on."""
    request = form.request
    language = words_of(request).language
    row = known_version(request, form.row.warning_id, form.row.version)
    with request.app.state.ledger.read() as conn:
        panel = decision_panel(
            request, conn, row.warning_id, row.version, back=form.back, text=form.choice.text
        )
        now = row.content if panel is None else panel.content.to_dict()
        since = changed_since(conn, form.document, row.warning_id, now, language)
    return render(
        request,
        "decide/changed.html.j2",
        status=TOO_OLD,
        panel=panel,
        since=since,
        what=what,
        kept=kept,
        error=refusal_of(error),
        world=str(row.content["world"]),
    )


def _is_done(form: Sent, what: str, reason: str) -> bool:
    """Tell whether this person has made just this decision before: the form was sent twice."""
    choice, shown = form.choice, form.document["content_digest"]
    with form.request.app.state.ledger.read() as conn:
        signed = read_signatures(conn, choice.warning_id, choice.version)
    return any(
        (s.party, s.person, s.decision, s.content_digest, s.reason)
        == (choice.party, choice.person, what, shown, reason)
        for s in signed
    )
