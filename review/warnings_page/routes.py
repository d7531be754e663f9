"""The pages of warnings: the list, one with all its versions, a letter, evidence, and sending again."""

from __future__ import annotations

import json
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from alerts.content import WarningContent
from alerts.recipients import load_recipients
from alerts.standing import standing_digest
from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.cities import all_cities
from pipeline.errors import PolicyError, ReviewError
from pipeline.ledger.episodes import read_episodes
from pipeline.ledger.runs import get_run
from pipeline.ledger.warnings import read_versions
from pipeline.settings import Settings
from review.access import add, visitor
from review.accounts.roles import Action, may
from review.decide.evidence import read_evidence
from review.decide.forms import Fields, acting, afterwards, fields_of_form, known_version, led_back, typed
from review.decide.panel import decision_panel, present_for
from review.doing import doing_of
from review.embargo import seen_until
from review.page import render, words_of
from review.security import LETTER_POLICY, bulletin_file
from review.warnings_page.listing import STATES, Filters, Which, listed, visible
from review.warnings_page.versions import Reader, versions_shown
from review.worlds import worlds

Form = Annotated[Fields, Depends(fields_of_form)]
PRODUCTS: Final = ("joint_warning", "single_city_warning", "notice")
CONFLICT: Final = 409
LETTER_HEADERS: Final = {
    "Content-Security-Policy": LETTER_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "unsafe-none",
}
"""A browser shows no page with an opener policy inside a frame that runs nothing."""


def warnings_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/warnings", list_page, Action.see_issued)
    add(router, "/warnings/{warning_id}", warning_page, Action.see_issued)
    add(router, "/warnings/{warning_id}/standing", standing_now, Action.see_forecasts)
    add(router, "/warnings/{warning_id}/{version}/letter/{language}", letter, Action.see_forecasts)
    add(router, "/warnings/{warning_id}/again", send_again, Action.send_again, ["POST"])
    add(router, "/evidence/{digest}", evidence_page, Action.see_forecasts)
    return router


def list_page(
    request: Request,
    world: str = "",
    which: Which = "all",
    product: str = "",
    city: str = "",
    skip: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """Show the warnings that fit the filters, newest first."""
    filters = Filters(world, which, product if product in PRODUCTS else "", city, skip)
    inside = may(visitor(request).role, Action.see_forecasts)
    with request.app.state.ledger.read() as conn:
        known = worlds(conn)
        rows, has_more = listed(conn, filters, issued_only=not inside, until=seen_until(request))
    return render(
        request,
        "warnings/list.html.j2",
        rows=rows,
        has_more=has_more,
        filters=filters,
        worlds=known,
        states=[one for one in STATES if inside or one != "open"],
        products=PRODUCTS,
        cities=list(all_cities()),
        words=vocabulary(words_of(request).language),
        world=filters.world,
    )


def warning_page(request: Request, warning_id: str, version: int | None = None) -> Response:
    """Show one warning: where it is decided, every version with what changed, who got it."""
    t, inside = words_of(request), may(visitor(request).role, Action.see_forecasts)
    with request.app.state.ledger.read() as conn:
        until = seen_until(request)
        rows = [r for r in read_versions(conn, warning_id) if visible(r, issued_only=not inside, until=until)]
        if not rows:
            raise HTTPException(404, "There is no such warning.")
        reader = _reader(request, WarningContent.from_dict(rows[-1].content))
        views = versions_shown(conn, rows, reader)
        panel = decision_panel(request, conn, warning_id, version) if inside else None
        run = get_run(conn, str(rows[-1].content["run_id"]))
        told = [str(city["episode_id"]) for city in rows[-1].content["cities"]]
        known = {row.id for row in read_episodes(conn, str(rows[-1].content["world"]), told)}
    return render(
        request,
        "warnings/warning.html.j2",
        panel=panel,
        views=views,
        newest=views[0],
        reader=reader,
        episodes=known,
        has_bulletin=run is not None and bulletin_file(run, request.app.state.settings) is not None,
        words=vocabulary(t.language),
        world=views[0].content.world,
    )


def standing_now(request: Request, warning_id: str) -> Response:
    """Tell how a warning stands, for a page that is open to notice that it changed."""
    with request.app.state.ledger.read() as conn:
        return JSONResponse({"standing": standing_digest(conn, warning_id)})


def letter(request: Request, warning_id: str, version: int, language: str) -> Response:
    """Return a version as the mail that a reader of one language would get."""
    known = next((one for one in LANGUAGES if one == language), None)
    if known is None:
        raise HTTPException(404, "There is no such language.")
    row = known_version(request, warning_id, version)
    made = acting(request).letter(WarningContent.from_dict(row.content), known, visitor(request).party)
    return HTMLResponse(made.html, headers=LETTER_HEADERS)


def send_again(request: Request, warning_id: str, fields: Form) -> Response:
    """Put a message to a recipient of the own party back into the outbox."""
    person, doing = visitor(request), acting(request)
    name = fields.get("message", "")
    if not name.startswith(f"{warning_id}."):
        raise HTTPException(404, "There is no such message.")
    try:
        found = doing.send_again(name, person.party, person.account.name, typed(fields, "reason"))
    except ReviewError as error:
        raise HTTPException(CONFLICT, str(error)) from None
    world = str(found["world"])
    return led_back(f"/warnings/{warning_id}", "again", afterwards(lambda: doing.deliver(world)))


def evidence_page(request: Request, digest: str) -> Response:
    """Show what was on the screen when somebody decided."""
    document = read_evidence(request.app.state.settings, digest)
    if document is None:
        raise HTTPException(404, "No such evidence is kept here.")
    shown = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
    world = str(document["content"]["world"])
    return render(
        request, "warnings/evidence.html.j2", digest=digest, document=document, shown=shown, world=world
    )


def _reader(request: Request, content: WarningContent) -> Reader:
    """Return who looks at a warning, and what of its deliveries is shown."""
    person, state = visitor(request), request.app.state
    sends = doing_of(request) is not None and may(person.role, Action.send_again)
    return Reader(
        language=words_of(request).language,
        sees_deliveries=may(person.role, Action.see_deliveries),
        sends_for=person.party if sends else "",
        now=present_for(content, state.clock())[0],
        parties=_listed_parties(state.settings),
    )


def _listed_parties(settings: Settings) -> dict[str, str]:
    """Return the party of every recipient of the list that is a file."""
    try:
        return {r.id: r.party for r in load_recipients(settings.recipients_file)}
    except PolicyError:
        return {}
