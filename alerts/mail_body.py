"""The bodies of a version's letters: rendered once for all readers of one party and order of languages.

Only the acknowledgement differs from letter to letter; places are left for it and filled in for each. The
places are made of private-use characters, which no shown value can hold (``alerts.plain_text``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from markupsafe import escape

from alerts.content import WarningContent
from alerts.mail_chart import WIDTH, chart_alt
from alerts.message_view import Background
from alerts.message_words import contact_line, message_words
from alerts.origin_view import origin_words
from alerts.plain_text import one_line
from alerts.stated import stated_in_mail
from alerts.vocabulary import Language, vocabulary
from alerts.wording import render, wording
from pipeline.times import HOUR, iso, latest_cycle, parse_instant

CYCLE_EVERY: Final = 6
"""Hours between two cycles."""
_PLACES: Final = {"url": "\ue000u\ue001", "subject": "\ue000s\ue001", "mail_link": "\ue000m\ue001"}


@dataclass(frozen=True)
class SenderLine:
    """What every letter of a version says of who sends it: address, contact line, name of the bulletin.

    ``audit_head`` is the last row of the sender's audit trail, which the reader so keeps for it.
    """

    address: str
    contact: str
    bulletin: str
    audit_head: str = ""


@dataclass(frozen=True)
class Bodies:
    """Subject without tags, text and HTML with places for the acknowledgement."""

    subject: str
    plain: str
    html: str

    def filled(self, url: str, subject: str, sender: str) -> tuple[str, str]:
        """Return text and HTML of one letter."""
        values = {
            "url": one_line(url, 1000),
            "subject": one_line(subject),
            "mail_link": f"mailto:{quote(sender, safe='@')}?subject={quote(one_line(subject))}",
        }
        plain, html = self.plain, self.html
        for name, place in _PLACES.items():
            plain = plain.replace(place, values[name])
            html = html.replace(place, str(escape(values[name])))
        return plain, html


@dataclass(frozen=True)
class BodyOf:
    """For whom a body is: languages in order, party, time of sending, with or without link and picture."""

    languages: tuple[Language, ...]
    party: str
    sent_at: datetime
    has_link: bool
    picture: str


def build_bodies(content: WarningContent, sender: SenderLine, background: Background, of: BodyOf) -> Bodies:
    """Render the bodies of all letters of one kind; ``of.picture`` is the Content-ID of the chart or empty.

    >>> from alerts.examples import example_content
    >>> from alerts.message_view import NO_BACKGROUND
    >>> of = BodyOf(("en",), "seoul", parse_instant("2026-01-14T08:40Z"), True, "")
    >>> bodies = build_bodies(example_content(), SenderLine("a@b", "desk", ""), NO_BACKGROUND, of)
    >>> "https://ack.example/t" in bodies.filled("https://ack.example/t", "ACK", "a@b")[0]
    True
    """
    known = replace(background, party=of.party, next_update=next_update(content, of.sent_at))
    texts = [wording(content, language, known) for language in of.languages]
    bulletin = one_line(sender.bulletin)
    values = {
        "sections": [
            {
                "text": text,
                "words": vocabulary(text.language).table,
                "own": message_words(text.language),
                "origin": origin_words(text.language),
                "stated": stated_in_mail(known.stated, content),
                "contact": contact_line(sender.contact, text.language),
                "press": render(f"{text.language}/acknowledge_link.j2", text.language).strip(),
            }
            for text in texts
        ],
        "acknowledge_address": sender.address,
        "acknowledge_url": _PLACES["url"] if of.has_link else "",
        "acknowledge_subject": _PLACES["subject"],
        "acknowledge_link": _PLACES["mail_link"],
        "audit_head": one_line(sender.audit_head),
        "bulletin": bulletin,
        "bulletin_is_link": urlsplit(bulletin).scheme in ("http", "https"),
        "chart": of.picture,
        "chart_alt": chart_alt(content, of.languages[0]),
        "chart_width": WIDTH,
    }
    first = of.languages[0]
    plain, html = (render(f"email.{kind}.j2", first, **values) + "\n" for kind in ("txt", "html"))
    return Bodies(texts[0].subject, plain, html)


def next_update(content: WarningContent, sent_at: datetime) -> str:
    """Return the time of the first cycle after both issue and sending, as ISO text in UTC.

    >>> from alerts.examples import example_content
    >>> next_update(example_content(), parse_instant("2026-01-14T08:40Z"))
    '2026-01-14T14:00:00Z'
    """
    after = max(parse_instant(content.issue_time), sent_at)
    return iso(latest_cycle(after) + CYCLE_EVERY * HOUR)
