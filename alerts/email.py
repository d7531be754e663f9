"""A warning as an e-mail: three languages in one body, a chart, CAP attached; always the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, TypeVar

from alerts.content import WarningContent
from alerts.mail_body import Bodies, BodyOf, SenderLine, build_bodies
from alerts.mail_headers import WHOLE_WORDS
from alerts.message_view import NO_BACKGROUND, Background
from alerts.outbox import Letter
from alerts.plain_text import header_text, one_line
from alerts.vocabulary import LANGUAGES, Language
from pipeline.cities import city
from pipeline.times import to_utc

_Made = TypeVar("_Made")
_PRODUCT_TAGS: Final = {
    "joint_warning": "JOINT-PM25",
    "notice": "NOTICE-PM25",
    "single_city_warning": "CITY-PM25",
}


@dataclass(frozen=True)
class Enclosure:
    """What goes with every letter of a version: sender, contact, CAP message, bulletin, background.

    ``sender`` is an address, to which acknowledgements go; ``bulletin`` an http(s) address, shown as a link,
    or the name of a file, shown as text. ``chart`` draws the picture in a language, None for no picture.
    ``audit_head``, the last row of the sender's audit trail, is printed at the end.
    Bodies and pictures are kept here, so that a version is rendered once however many read it.
    """

    sender: str
    contact: str
    cap_xml: bytes
    bulletin: str = ""
    background: Background = NO_BACKGROUND
    chart: Callable[[WarningContent, Language], bytes] | None = None
    audit_head: str = ""
    kept: dict[object, tuple[WarningContent, Any]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def once(self, key: object, content: WarningContent, make: Callable[[], _Made]) -> _Made:
        """Return what was made of this very content under a key, made now if it was not yet."""
        held = self.kept.get(key)
        if held is None or held[0] is not content:
            held = self.kept[key] = (content, make())
        made: _Made = held[1]
        return made


def build_email(letter: Letter, enclosure: Enclosure) -> EmailMessage:
    """Return the e-mail of one version to one recipient; a pure function of its arguments.

    The body holds all three languages, the recipient's first; the subject begins with ASCII tags. The
    earlier messages to the recipient stand in References, the last of them in In-Reply-To. Headers of
    RFC 5322, ``Auto-Submitted`` of RFC 3834; bodies are base64, so that no server alters a line.

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> from alerts.recipients import load_recipients
    >>> from pipeline.times import parse_instant
    >>> sent_at = parse_instant("2026-01-14T08:40Z")
    >>> letter = Letter(example_content(), load_recipients()[0], sent_at, "<a@b>", ())
    >>> message = build_email(letter, Enclosure("desk@seoul.example", "duty desk", b"<alert/>"))
    >>> message["Subject"][:59]
    '[EXERCISE][SIMULATED][JOINT-PM25][J2][Beijing+Seoul] [모의훈련]'
    >>> [part.get_content_type() for part in message.walk()][1:]
    ['multipart/alternative', 'text/plain', 'text/html', 'application/cap+xml']
    """
    content = letter.content
    order = language_order(letter.recipient.languages)
    picture = _picture(content, order[0], enclosure)
    bodies = _bodies(letter, order, enclosure, _content_id(picture) if picture else "")
    message = EmailMessage(policy=WHOLE_WORDS)
    _set_headers(message, letter, enclosure, f"{subject_tags(content)} {bodies.subject}")
    acknowledgement = f"ACK {content.warning_id} v{content.version} {letter.recipient.id}"
    plain, html = bodies.filled(letter.acknowledge_url, acknowledgement, enclosure.sender)
    message.set_content(plain, subtype="plain", charset="utf-8", cte="base64")
    message.add_alternative(html, subtype="html", charset="utf-8", cte="base64")
    if picture:
        _add_picture(message, picture)
    name = f"{_file_name(content.warning_id)}-v{content.version}.cap.xml"
    message.add_attachment(enclosure.cap_xml, maintype="application", subtype="cap+xml", filename=name)
    _fix_boundaries(message, letter.message_id)
    return message


def _picture(content: WarningContent, language: Language, enclosure: Enclosure) -> bytes:
    """Return the picture in a language, empty where none is drawn; a cancellation has none."""
    draw = enclosure.chart
    if draw is None or content.kind == "cancel":
        return b""
    return enclosure.once(("chart", language), content, lambda: draw(content, language))


def _bodies(letter: Letter, order: tuple[Language, ...], enclosure: Enclosure, picture: str) -> Bodies:
    """Return the bodies for readers like this one."""
    said = SenderLine(enclosure.sender, enclosure.contact, enclosure.bulletin, enclosure.audit_head)
    of = BodyOf(order, letter.recipient.party, letter.sent_at, bool(letter.acknowledge_url), picture)
    return enclosure.once(
        of, letter.content, lambda: build_bodies(letter.content, said, enclosure.background, of)
    )


def _content_id(picture: bytes) -> str:
    """Return the name by which the HTML body refers to a picture."""
    return f"{hashlib.sha256(picture).hexdigest()[:24]}@sameair"


def _add_picture(message: EmailMessage, picture: bytes) -> None:
    """Put the picture beside the HTML body, to be shown in it and not as an attachment."""
    html = message.get_body(("html",))
    if isinstance(html, EmailMessage):
        html.add_related(
            picture,
            maintype="image",
            subtype="png",
            cid=f"<{_content_id(picture)}>",
            filename="chart.png",
            disposition="inline",
        )


def language_order(preferred: tuple[str, ...]) -> tuple[Language, ...]:
    """Return all languages, those of a recipient first.

    >>> language_order(("zh", "en"))
    ('zh', 'en', 'ko')
    """
    first = [name for want in preferred for name in LANGUAGES if name == want]
    return tuple(dict.fromkeys([*first, *LANGUAGES]))


def subject_tags(content: WarningContent) -> str:
    """Return the ASCII tags with which a subject begins, for filters and for readers of any language.

    >>> from alerts.examples import example_content
    >>> subject_tags(example_content(version=2, kind="update"))
    '[EXERCISE][SIMULATED][JOINT-PM25][J2][UPDATE v2][Beijing+Seoul]'
    """
    kinds = {"update": f"UPDATE v{content.version}", "all_clear": "ALL-CLEAR", "cancel": "CANCEL"}
    tags = [
        content.cap_status.upper() if content.cap_status != "Actual" else "",
        "SIMULATED" if content.simulated else "",
        _PRODUCT_TAGS[content.product],
        content.level,
        kinds.get(content.kind, ""),
        "+".join(city(c.city).name["en"] for c in content.cities),
    ]
    return "".join(f"[{one_line(tag)}]" for tag in tags if tag)


def _set_headers(message: EmailMessage, letter: Letter, enclosure: Enclosure, subject: str) -> None:
    """Set every header; foreign text is brought on one line before."""
    content, recipient = letter.content, letter.recipient
    agency = next((recipient.agency[k] for k in recipient.languages if k in recipient.agency), recipient.id)
    message["From"] = Address("sameair", addr_spec=enclosure.sender)
    message["To"] = Address(header_text(agency, limit=80), addr_spec=recipient.email)
    message["Subject"] = header_text(subject)
    message["Date"] = format_datetime(to_utc(letter.sent_at))
    message["Message-ID"] = letter.message_id
    if letter.earlier:
        message["In-Reply-To"] = letter.earlier[-1]
        message["References"] = " ".join(letter.earlier)
    message["Auto-Submitted"] = "auto-generated"
    facts = {
        "Warning": content.warning_id,
        "Version": str(content.version),
        "Product": content.product,
        "Kind": content.kind,
        "Level": content.level or "none",
        "Status": content.cap_status,
        "World": content.world,
        "Simulated": "yes" if content.simulated else "no",
        "Run": content.run_id,
        "Recipient": recipient.id,
    }
    for name, value in facts.items():
        message[f"X-Sameair-{name}"] = header_text(value, limit=200)


def _file_name(warning_id: str) -> str:
    """Return a warning id as part of a file name."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in warning_id)


def _fix_boundaries(message: EmailMessage, message_id: str) -> None:
    """Give every multipart a boundary that follows from the Message-ID instead of chance."""
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        digest = hashlib.sha256(f"{message_id}/{number}".encode()).hexdigest()[:32]
        part.set_boundary(f"=_{digest}")
