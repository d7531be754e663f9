"""A version that is not issued yet as its recipients would get it, and who they are."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from email.message import EmailMessage

from alerts.asked_for import Addressee, ProposedLetter
from alerts.content import WarningContent
from alerts.outbox import Letter
from alerts.recipients import Recipient, select_recipients
from alerts.short_line import short_line
from alerts.vocabulary import Language
from flows.assess import policy_of
from flows.drill_record import audience
from flows.issue import message_of
from flows.letters import background_of, letter_writer
from flows.recipients import recipients_of
from flows.signing import is_live, world_time
from flows.workspace import Workspace
from flows.worlds import present_of
from pipeline.ledger.deliveries import earlier_messages


def proposed_letter(ws: Workspace, content: WarningContent, language: Language, party: str) -> ProposedLetter:
    """Return a version as a mail to a reader of a party who reads one language first; nothing is stored."""
    at = _present(ws, content)
    xml, background = message_of(ws, content, at)
    address = f"{language}@{party}.example"
    reader = Recipient("preview", {}, party, address, (language,), (), "J1")
    letter = Letter(content, reader, at, "<preview@sameair.invalid>", ())
    message = letter_writer(ws.settings, xml, background)(letter)
    return ProposedLetter(
        subject=str(message["Subject"]),
        plain=_body(message, "plain"),
        html=_with_pictures(message, _body(message, "html")),
        short=short_line(content, language, background_of(ws, content, policy_of(ws))),
        cap=xml.decode(),
    )


def addressees_of(ws: Workspace, content: WarningContent) -> tuple[Addressee, ...]:
    """Return to whom a version would go if it were issued now, in the order of the list."""
    listed = audience(ws, content.world, recipients_of(ws, _present(ws, content)))
    with ws.ledger.read() as conn:
        reached = earlier_messages(conn, content.warning_id, content.version)
    chosen = select_recipients(content, listed, reached)
    return tuple(Addressee(r.id, r.party, dict(r.agency), tuple(r.languages)) for r in chosen)


def _present(ws: Workspace, content: WarningContent) -> datetime:
    """Return the time at which a version would be sent: in an exercise not before what was sent of it."""
    if is_live(content):
        return ws.clock()
    return max(world_time(content, ws.clock()), present_of(ws, content.world))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def _with_pictures(message: EmailMessage, html: str) -> str:
    """Return the HTML body with the pictures that it refers to inside it."""
    for part in message.walk():
        name = str(part.get("Content-ID", "")).strip("<>")
        if name and part.get_content_maintype() == "image":
            data = b64encode(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    return html
