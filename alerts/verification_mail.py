"""The mail that asks whether messages arrive at an address: plain text, the recipient's language first."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from urllib.parse import urlsplit

from alerts.identifiers import message_id_of
from alerts.mail_headers import WHOLE_WORDS
from alerts.message_words import contact_line
from alerts.plain_text import header_text, one_line
from alerts.recipient_checks import Recipient
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, Language, vocabulary
from pipeline.times import to_utc


@dataclass(frozen=True)
class Request:
    """What the mail says beside the recipient's own data: ``link`` is empty where none can be offered."""

    sender: str
    contact: str
    link: str
    code: str
    at: datetime
    until: datetime


def verification_mail(recipient: Recipient, request: Request) -> EmailMessage:
    """Return the mail; a pure function of its arguments.

    Examples
    --------
    >>> from alerts.recipients import load_recipients
    >>> from pipeline.times import parse_instant
    >>> at, until = (parse_instant(f"2026-01-{day}T08:00Z") for day in (14, 21))
    >>> link = "https://alerts.example/x"
    >>> request = Request("desk@seoul.example", "duty desk", link, "ABCD-2345", at, until)
    >>> mail = verification_mail(load_recipients()[0], request)
    >>> mail["Subject"]
    'sameair: 수신 주소를 확인해 주십시오'
    >>> mail.get_content().count("ABCD-2345")
    3
    """
    order = sorted(LANGUAGES, key=lambda language: _place(recipient, language))
    message = EmailMessage(policy=WHOLE_WORDS)
    message["From"] = Address("sameair", addr_spec=request.sender)
    name = header_text(recipient.agency[order[0]], limit=80)
    message["To"] = Address(name, addr_spec=recipient.email)
    message["Subject"] = header_text(verify_words(order[0])["subject"])
    message["Date"] = format_datetime(to_utc(request.at))
    message["Message-ID"] = message_id_of(mail_name(recipient.id, request.at))
    message["Auto-Submitted"] = "auto-generated"
    text = "\n\n----\n\n".join(_section(recipient, request, language) for language in order)
    message.set_content(text + "\n", charset="utf-8", cte="base64")
    return message


def mail_name(recipient_id: str, at: datetime) -> str:
    """Return the name of the mail, also good as a file name.

    >>> from pipeline.times import parse_instant
    >>> mail_name("r-1", parse_instant("2026-01-14T08:00Z"))
    'verify.r-1.20260114T080000Z'
    """
    return f"verify.{recipient_id}.{to_utc(at):%Y%m%dT%H%M%SZ}"


@cache
def verify_words(language: Language) -> dict[str, str]:
    """Return the sentences of the mail in one language."""
    return tomllib.loads((TEMPLATE_FOLDER / language / "verify.toml").read_text("utf-8"))


def _place(recipient: Recipient, language: Language) -> int:
    """Return at which place a language comes: a recipient's own first, in its order."""
    own = recipient.languages
    return own.index(language) if language in own else len(own) + LANGUAGES.index(language)


def _section(recipient: Recipient, request: Request, language: Language) -> str:
    words = verify_words(language)
    party = vocabulary(language).named("parties", recipient.party)
    until = f"{to_utc(request.until):%Y-%m-%d %H:%M} UTC"
    link = [words["link"], request.link] if request.link else []
    hook = urlsplit(recipient.webhook).hostname
    lines = [
        words["intro"].format(agency=one_line(recipient.agency[language]), party=party),
        words["ask"],
        *link,
        words["code"].format(code=request.code),
        *([words["webhook"].format(host=hook)] if hook else []),
        words["until"].format(until=until),
        words["ignore"],
        words["contact"].format(contact=contact_line(request.contact, language)),
    ]
    return "\n".join(lines)
