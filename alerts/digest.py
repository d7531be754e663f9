"""The daily digest: what was issued below a recipient's level, once a day and each version once."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.content import WarningContent
from alerts.identifiers import follow_up_id, message_id_of
from alerts.mail_headers import WHOLE_WORDS
from alerts.message_words import contact_line
from alerts.outbox import message_bytes
from alerts.plain_text import header_text
from alerts.recipients import Recipient, concerns, may_receive, reaches_level
from alerts.short_line import short_line
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, Language, vocabulary
from pipeline.ledger.deliveries import OutboxRow
from pipeline.ledger.digests import IssuedVersion
from pipeline.times import to_utc

LOOK_BACK: Final = timedelta(days=7)
"""What was issued longer ago is in no digest any more, also after a long pause of the program."""

LASTS: Final = timedelta(hours=24)
"""A digest that could not be sent for so long is not sent: the next one is due."""


@dataclass(frozen=True)
class DigestTerms:
    """At which local time digests are due, who sends them and whom to ask, and where mails are kept."""

    at: time
    zone: ZoneInfo
    sender: str
    contact: str
    payloads: Path


@dataclass(frozen=True)
class Item:
    """One version in a digest."""

    issued: IssuedVersion
    content: WarningContent


def newest_due(terms: DigestTerms, now: datetime) -> datetime:
    """Return the newest time at which digests were due [UTC].

    >>> from datetime import UTC
    >>> terms = DigestTerms(time(18), ZoneInfo("Asia/Seoul"), "", "", Path())
    >>> newest_due(terms, datetime(2026, 1, 14, 8, 59, tzinfo=UTC)).isoformat()
    '2026-01-13T09:00:00+00:00'
    """
    local = now.astimezone(terms.zone)
    due = local.replace(hour=terms.at.hour, minute=terms.at.minute, second=0, microsecond=0)
    return to_utc(due if due <= local else due - timedelta(days=1))


def is_for(item: Item, recipient: Recipient) -> bool:
    """Tell whether a version that was not sent to a recipient is its business all the same.

    That is what lies below its level, and the end of what did.
    """
    content = item.content
    is_low = content.kind in ("all_clear", "cancel") or not reaches_level(content, recipient)
    return is_low and may_receive(content, recipient) and concerns(content, recipient)


def digest_row(
    items: Sequence[Item], recipient: Recipient, terms: DigestTerms, due: datetime
) -> tuple[OutboxRow, bytes]:
    """Return the message that takes versions to a recipient in one mail, and the mail."""
    last = items[-1].content
    number = int(due.astimezone(terms.zone).strftime("%Y%m%d"))
    name = follow_up_id(last.warning_id, last.version, recipient.id, "digest", number)
    way = recipient.ways[0]
    mail = message_bytes(digest_mail(items, recipient, terms, due, message_id_of(name)))
    row = OutboxRow(
        id=name,
        warning_id=last.warning_id,
        version=last.version,
        recipient=recipient.id,
        address=way.address,
        message_id=message_id_of(name),
        payload_digest=hashlib.sha256(mail).hexdigest(),
        expires=due + LASTS,
        created_at=due,
        next_attempt_at=due,
        purpose="digest",
        number=number,
        channel=way.channel,
    )
    return row, mail


def digest_mail(
    items: Sequence[Item], recipient: Recipient, terms: DigestTerms, due: datetime, message_id: str
) -> EmailMessage:
    """Return a digest in the languages of its recipient, its first in the subject."""
    languages = [name for name in recipient.languages if name in LANGUAGES] or ["en"]
    agency = recipient.agency.get(languages[0], recipient.id)
    exercise = "[EXERCISE]" if all(i.content.cap_status == "Exercise" for i in items) else ""
    subject = digest_words(languages[0])["subject"].format(count=len(items))
    mail = EmailMessage(policy=WHOLE_WORDS)
    mail["From"] = Address("sameair", addr_spec=terms.sender)
    mail["To"] = Address(header_text(agency, limit=80), addr_spec=recipient.email)
    mail["Subject"] = header_text(f"{exercise}[DIGEST-PM25] {subject}")
    mail["Date"] = format_datetime(due)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Sameair-Recipient"] = recipient.id
    body = "\n\n".join(_section(items, recipient, terms, language) for language in languages)
    mail.set_content(body + "\n", charset="utf-8", cte="base64")
    return mail


@cache
def digest_words(language: str) -> dict[str, Any]:
    """Return the words of digests in a language."""
    return tomllib.loads((TEMPLATE_FOLDER / language / "digest.toml").read_text("utf-8"))


def _section(items: Sequence[Item], recipient: Recipient, terms: DigestTerms, name: str) -> str:
    """Return a digest in one language."""
    language: Language = next(known for known in LANGUAGES if known == name)
    own, words = digest_words(language), vocabulary(language)
    lines = [
        own["line"].format(
            when=words.instant(item.issued.at, [str(terms.zone)]), short=short_line(item.content, language)
        )
        for item in items
    ]
    intro = own["intro"].format(level=recipient.minimum_level)
    change = own["change"].format(contact=contact_line(terms.contact, language))
    return "\n".join([intro, "", *lines, "", own["none"], change])
