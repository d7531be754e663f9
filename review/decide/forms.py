"""What a form of a decision brought along, checked: which version, what was shown, and by whom it is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.background import BackgroundTask

from alerts.asked_for import Choice
from pipeline.errors import SameairError
from pipeline.exchange.canonical import digest
from pipeline.ledger.warnings import VersionRow, read_versions
from review.access import visitor
from review.decide.evidence import read_evidence
from review.decide.panel import BACK, chosen_version
from review.doing import Doing, doing_of

log = logging.getLogger(__name__)

Fields = dict[str, str]
SEE_OTHER: Final = 303
TOO_OLD: Final = 409
LONGEST: Final = 4000
"""Signs of a reason, question or answer that are read; what is longer is refused by its length."""


@dataclass(frozen=True)
class Sent:
    """A form that somebody sent about a version, with the document of what they were shown."""

    request: Request
    row: VersionRow
    fields: Fields
    document: dict[str, Any]
    choice: Choice
    doing: Doing

    @property
    def back(self) -> str:
        """Return the path of the page that the form was on."""
        given = self.fields.get("back", "")
        return given if BACK.fullmatch(given) else f"/warnings/{self.row.warning_id}"

    def words(self, name: str) -> str:
        """Return what was typed into a field; 413 if it is longer than anybody reads."""
        return typed(self.fields, name)


async def fields_of_form(request: Request) -> Fields:
    """Return the fields of a form as text."""
    form = await request.form(max_files=0)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def typed(fields: Fields, name: str) -> str:
    """Return what was typed into a field, without blanks around it."""
    text = fields.get(name, "").strip()
    if len(text) > LONGEST:
        raise HTTPException(413, f"This is too long; {LONGEST} signs are read.")
    return text


def sent(request: Request, warning_id: str, version: int, fields: Fields) -> Sent:
    """Return a form with what belongs to it; an HTTP error where it cannot be from a page of ours.

    The party is that of the session, whatever the form says.
    """
    row = known_version(request, warning_id, version)
    document = read_evidence(request.app.state.settings, fields.get("evidence", ""))
    if document is None or (document["warning"], document["version"]) != (warning_id, version):
        raise HTTPException(TOO_OLD, "This page is too old; load it again and repeat.")
    person = visitor(request)
    text, shown = fields.get("text", ""), fields.get("shown", "")
    if (text and text != document["content_digest"]) or shown != digest(document["standing"]):
        raise HTTPException(TOO_OLD, "This page is too old; load it again and repeat.")
    choice = Choice(
        warning_id=warning_id,
        version=version,
        party=person.party,
        person=person.account.name,
        shown=shown,
        evidence=fields["evidence"],
        text=text,
    )
    return Sent(request, row, fields, document, choice, acting(request))


def known_version(request: Request, warning_id: str, version: int) -> VersionRow:
    """Return a version; 404 where there is none."""
    with request.app.state.ledger.read() as conn:
        row = chosen_version(read_versions(conn, warning_id), version)
    if row is None:
        raise HTTPException(404, "There is no such version of a warning.")
    return row


def acting(request: Request) -> Doing:
    """Return what acts for people here; 409 where nothing does."""
    doing = doing_of(request)
    if doing is None:
        raise HTTPException(409, "Decisions are not made on these pages here, but with `sameair warnings`.")
    return doing


def led_back(path: str, done: str, task: BackgroundTask | None = None) -> Response:
    """Lead back to a page that says what was done."""
    return RedirectResponse(f"{path}?done={done}#decide", SEE_OTHER, background=task)


def afterwards(do: Callable[[], object]) -> BackgroundTask:
    """Return what is to be done once the page is answered; a failure is logged and tried again later."""
    return BackgroundTask(_quietly, do)


def _quietly(do: Callable[[], object]) -> None:
    try:
        do()
    except SameairError as error:
        log.error("after a decision on the pages: %s", error)
