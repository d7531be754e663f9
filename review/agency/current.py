"""Current warnings and bulletins of an agency, and acknowledging that a warning has arrived."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.ledger.agency_links import recipient_of_account
from pipeline.ledger.runs import get_run
from review.access import visitor
from review.accounts.roles import Action, Role, may
from review.agency.acknowledging import acknowledge_for_account
from review.agency.issued import is_for, notices, papers
from review.embargo import seen_until
from review.page import render, words_of
from review.removed import no_bulletin
from review.security import BULLETIN_POLICY, bulletin_file
from review.worlds import world_of, worlds

SEE_OTHER: Final = 303


def current(request: Request) -> Response:
    """Show the warnings and bulletins that there are for the reader, in the reader's language."""
    who, settings = visitor(request), request.app.state.settings
    is_agency = who.role is Role.agency
    language = words_of(request).language
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
        linked = recipient_of_account(conn, who.account.name) if is_agency else None
        mine = linked[0].id if linked else ""
        concerned = who.party if is_agency else None
        found = notices(conn, world, concerned, language, mine, seen_until(request))
        known = worlds(conn)
        sheets = papers(conn, world, who.party, settings) if who.role is not Role.observer else []
    return render(
        request,
        "agency/current.html.j2",
        world=world,
        worlds=known,
        notices=found,
        papers=sheets,
        linked=linked,
        is_agency=is_agency,
        may_subscribe=may(who.role, Action.subscribe),
        city_name=vocabulary(language).city,
    )


def bulletin(request: Request, run_id: str, city: str = "", language: str = "") -> Response:
    """Return a bulletin that is for the reader: the page, or with a language the PDF in it."""
    who, settings = visitor(request), request.app.state.settings
    with request.app.state.ledger.read() as conn:
        run = get_run(conn, run_id)
        seen = run is not None and who.role is not Role.observer and is_for(conn, run, city, who.party)
    path = (
        bulletin_file(run, settings, city, language)
        if run and seen and language in ("", *LANGUAGES)
        else None
    )
    if path is None:
        shown = run if seen else None
        raise no_bulletin(shown, settings, city, language, "There is no such bulletin for your party.")
    if language:
        return FileResponse(path, media_type="application/pdf", filename=path.name)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": BULLETIN_POLICY})


def acknowledge_here(
    request: Request,
    warning_id: Annotated[str, Form(max_length=120)],
    version: Annotated[int, Form(ge=1, le=1_000_000)],
) -> Response:
    """Acknowledge a version for the recipient for whom the account speaks; a second time changes nothing."""
    row = acknowledge_for_account(request, warning_id, version)
    return RedirectResponse(f"/agency#w-{row.warning_id}", SEE_OTHER)
