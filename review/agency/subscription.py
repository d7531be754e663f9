"""What an agency is sent: cities, from which level, in which languages; and confirming its address."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from alerts.recipient_checks import LEVELS
from alerts.vocabulary import LANGUAGES, vocabulary
from pipeline.cities import all_cities
from pipeline.errors import SameairError
from pipeline.ledger.agency_links import recipient_of_account
from pipeline.ledger.audit import rows_about
from pipeline.ledger.recipients import Contact, RecipientRow
from review.access import visitor
from review.agency.acknowledging import NOT_LINKED
from review.doing import Doing, doing_of
from review.page import render, words_of

SEE_OTHER: Final = 303
CONFLICT: Final = 409
BETWEEN: Final = timedelta(minutes=10)
"""How long after a mail that asks for confirmation the next may be asked for."""


def subscription(request: Request) -> Response:
    """Show what the recipient for whom the account speaks is sent."""
    return _page(request)


def change(
    request: Request,
    cities: Annotated[list[str], Form(default_factory=list, max_length=20)],
    languages: Annotated[list[str], Form(default_factory=list, max_length=10)],
    level: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Change what the recipient is sent; what is not good is said, and nothing changes."""
    row, _ = _own(request)
    wanted = {"cities": tuple(cities), "languages": tuple(languages), "minimum_level": level}
    try:
        _doing(request).subscribe(row.id, wanted, visitor(request).account.name)
    except SameairError as error:
        return _page(request, trouble=str(error), status=CONFLICT)
    return RedirectResponse("/agency/subscription?saved=1", SEE_OTHER)


def ask(request: Request) -> Response:
    """Send the mail by which the recipient confirms its address, not more often than every ten minutes."""
    row, _ = _own(request)
    with request.app.state.ledger.read() as conn:
        before = rows_about(conn, row.id, "recipient.ask")
    if before and request.app.state.clock() - before[-1]["at"] < BETWEEN:
        return _page(request, trouble=words_of(request)("agency.asked_just_now"), status=CONFLICT)
    try:
        _doing(request).ask_address(row.id, visitor(request).account.name)
    except SameairError as error:
        return _page(request, trouble=str(error), status=CONFLICT)
    return RedirectResponse("/agency/subscription?asked=1", SEE_OTHER)


def _own(request: Request) -> tuple[RecipientRow, Contact]:
    """Return the recipient for whom the account speaks; of its own party, in any case."""
    found = _linked(request)
    if found is None:
        raise HTTPException(CONFLICT, NOT_LINKED)
    return found


def _linked(request: Request) -> tuple[RecipientRow, Contact] | None:
    who = visitor(request)
    with request.app.state.ledger.read() as conn:
        found = recipient_of_account(conn, who.account.name)
    return found if found and found[0].party == who.party else None


def _doing(request: Request) -> Doing:
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(CONFLICT, "Nothing can be changed on these pages; ask your party's operator.")
    return doing


def _page(request: Request, *, trouble: str = "", status: int = 200) -> Response:
    words = vocabulary(words_of(request).language)
    return render(
        request,
        "agency/subscription.html.j2",
        status=status,
        linked=_linked(request),
        trouble=trouble,
        saved="saved" in request.query_params,
        asked="asked" in request.query_params,
        can_act=doing_of(request) is not None,
        levels=[(level, words.named("levels", level)) for level in LEVELS],
        cities=[(city, words.city(city)) for city in all_cities()],
        tongues=LANGUAGES,
    )
