"""An outlook between two nodes: the text travels with its sign-off, so that both sides can sign one text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from alerts.vocabulary import LANGUAGES
from flows.outlook_paper import outlook_paper
from flows.papers import FORMS
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.envelope import Envelope
from pipeline.ledger.audit import append_audit
from pipeline.ledger.audit_reads import Wanted, find_rows
from pipeline.ledger.season import (
    DocumentRow,
    PartyStatement,
    adopt_document,
    content_digest,
    find_document,
)
from pipeline.names import is_simulated
from pipeline.times import parse_instant

Plain = dict[str, Any]

OFFERED: Final = "season.outlook_offered"
"""A text of another node was kept as a version, for the trail."""
MOST: Final = 100


def enclosed(conn: Connection, said: PartyStatement) -> Plain:
    """Return what goes beside a statement: the text that a sign-off of an outlook is of."""
    if said.kind != "outlook":
        return {}
    row = find_document(conn, "outlook", (said.world, said.subject), str(said.body["digest"]))
    return {} if row is None else {"document": row.content}


def offered_in(envelope: Envelope, said: PartyStatement, at: datetime) -> DocumentRow:
    """Return the text that came beside a sign-off; its version is found when it is kept.

    Raises
    ------
    EnvelopeRefused
        no text, another than was signed, of another week or world, or one that cannot be shown
    """
    text: Mapping[str, Any] = envelope.body.get("document", {})
    name = f"the text beside the sign-off of {said.subject}"
    if content_digest(text) != said.body["digest"]:
        raise EnvelopeRefused("unfit", f"{name} is not what was signed")
    of = (text["outlook"], text["world"], text["simulated"])
    if of != (said.subject, said.world, is_simulated(said.world)):
        raise EnvelopeRefused("unfit", f"{name} is of {text['outlook']} in {text['world']}")
    if parse_instant(text["as_of"]) > parse_instant(envelope.created_at):
        raise EnvelopeRefused("unfit", f"{name} looked past the envelope that carries it")
    row = DocumentRow(
        "outlook",
        said.subject,
        1,
        said.world,
        parse_instant(text["as_of"]),
        said.body["digest"],
        dict(text),
        at,
    )
    _check_shown(row)
    return row


def keep_offered(conn: Connection, said: PartyStatement, row: DocumentRow) -> None:
    """Keep the text as the newest version, unless a version holds it already."""
    kept, is_new = adopt_document(conn, row)
    if is_new and not said.own:
        payload = {"world": row.world, "version": kept.version, "digest": kept.digest, "party": said.party}
        append_audit(conn, at=row.at, actor=said.person, action=OFFERED, subject=row.subject, payload=payload)


def offered_by(ws: Workspace, row: DocumentRow) -> str:
    """Return the party whose node drafted a version; empty where it was drafted here."""
    with ws.ledger.read() as conn:
        rows = find_rows(conn, Wanted(action=OFFERED, subject=row.subject), MOST)
    parties = [
        str(one["payload"]["party"])
        for one in rows
        if (one["payload"]["world"], one["payload"]["version"]) == (row.world, row.version)
    ]
    return parties[0] if parties else ""


def _check_shown(row: DocumentRow) -> None:
    """Refuse a text that names a city not known here, or that a page or a mail could not be made of."""
    unknown = {str(one["city"]) for one in row.content["cities"]} - set(all_cities())
    if unknown:
        raise EnvelopeRefused("unfit", f"the text of {row.subject} speaks of {', '.join(sorted(unknown))}")
    try:
        for language in LANGUAGES:
            paper = outlook_paper(row, (), language)
            for kind in ("html", "txt"):
                FORMS[kind](paper)
    except (LookupError, TypeError, ValueError) as error:
        raise EnvelopeRefused("unfit", f"the text of {row.subject} cannot be shown: {error!r}") from None
