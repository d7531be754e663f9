"""What a mail in the mailbox of the sender says: a bounce, a delay, an acknowledgement, or nothing of those.

Bounces are delivery status notifications (RFC 3464) and name the message by its Message-ID or envelope id.
A reply acknowledges by its subject (``ACK warning version recipient``, as our mails offer it) or by what it
answers. What a program sent by itself never counts as an acknowledgement (RFC 3834).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from typing import Final

from alerts.identifiers import MAIL_DOMAIN

OURS: Final = re.compile(rf"<[0-9a-f-]{{36}}@{re.escape(MAIL_DOMAIN)}>")
"""A Message-ID that this program gives."""
_ACK: Final = re.compile(r"\bACK ([A-Za-z0-9.-]{1,64}) v(\d{1,6}) ([A-Za-z0-9-]{1,64})(?![\w-])")
_TAG: Final = re.compile(r"\[(?:JOINT|NOTICE|CITY)-PM25\]")
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
LONGEST_HEADER: Final = 4096
"""Characters that are read of a header: decoding takes time with the square of a hostile one's length."""
_BULK: Final = ("bulk", "junk", "list", "auto_reply")
_BY_ITSELF: Final = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponder", "list-id")


@dataclass(frozen=True)
class Answer:
    """What one mail says.

    ``kind`` is ``hard`` or ``soft`` (it bounced), ``delayed``, ``reply``, ``automatic`` or ``unknown``;
    ``message_ids`` are our messages that it names, the nearest first; ``named`` is what its subject
    acknowledges as (warning, version, recipient).
    """

    kind: str
    message_ids: tuple[str, ...] = ()
    status: str = ""
    sender: str = ""
    named: tuple[str, int, str] | None = None


UNKNOWN: Final = Answer("unknown")


def read_answer(raw: bytes) -> Answer:
    r"""Return what a mail says; whatever it holds, this raises nothing.

    >>> read_answer(b"From: Kim <kim@seoul.example>\r\nSubject: ACK 01K v2 seoul-met\r\n\r\nyes").named
    ('01K', 2, 'seoul-met')
    >>> read_answer(b"Auto-Submitted: auto-replied\r\nSubject: ACK 01K v2 seoul-met\r\n\r\n").kind
    'automatic'
    """
    try:
        mail = message_from_bytes(raw, policy=compat32)
        if any(part.get_content_type() == "message/delivery-status" for part in mail.walk()):
            return _report(mail)
        return _letter(mail)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return UNKNOWN


def _report(mail: Message) -> Answer:
    """Read a delivery status notification; the worst of its recipients counts."""
    groups = list(_status_groups(mail))
    found = tuple(dict.fromkeys([*_enclosed_ids(mail), *_envelope_ids(groups)]))
    worst = UNKNOWN
    for group in groups:
        action = str(group.get("Action", "")).strip().lower()
        status = _STATUS.search(str(group.get("Status", "")))
        code = status.group(1) if status else ""
        if action == "failed":
            return Answer("soft" if code.startswith("4") else "hard", found, code or "5.0.0")
        if action == "delayed":
            worst = Answer("delayed", found, code or "4.0.0")
        elif action and worst.kind == "unknown":
            worst = Answer("automatic", found, code)
    return worst


def _letter(mail: Message) -> Answer:
    """Read a mail that is no report."""
    subject = _text(mail, "Subject")
    ids = [*OURS.findall(_text(mail, "In-Reply-To")), *reversed(OURS.findall(_text(mail, "References")))]
    named = _ACK.search(subject)
    if not ids and named is None and not _TAG.search(subject):
        return UNKNOWN
    if _is_automatic(mail):
        return Answer("automatic", tuple(dict.fromkeys(ids)))
    sender = parseaddr(_text(mail, "From"))[1].lower()
    what = (named.group(1), int(named.group(2)), named.group(3)) if named else None
    return Answer("reply", tuple(dict.fromkeys(ids)), sender=sender, named=what)


def _is_automatic(mail: Message) -> bool:
    """Tell whether a program sent a mail by itself (RFC 3834, 5; RFC 8098 for receipts)."""
    submitted = _text(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted not in ("", "no")
        or _text(mail, "Precedence").strip().lower() in _BULK
        or _text(mail, "Return-Path").strip() == "<>"
        or mail.get_content_type() == "multipart/report"
        or any(mail.get(name) is not None for name in _BY_ITSELF)
    )


def _status_groups(mail: Message) -> Iterator[Message]:
    """Yield the groups of fields of a report: that of the message, then one for each recipient."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            payload = part.get_payload()
            for group in payload if isinstance(payload, list) else ():
                if isinstance(group, Message):
                    yield group


def _enclosed_ids(mail: Message) -> Iterator[str]:
    """Yield the Message-IDs of ours that stand in what a report encloses."""
    for part in mail.walk():
        if part is not mail and part.get("Message-ID") is not None:
            yield from OURS.findall(str(part["Message-ID"]))
        if part.get_content_type() == "text/rfc822-headers":
            raw = part.get_payload(decode=True)
            headers = message_from_bytes(raw if isinstance(raw, bytes) else b"", policy=compat32)
            yield from OURS.findall(str(headers.get("Message-ID", "")))


def _envelope_ids(groups: list[Message]) -> Iterator[str]:
    """Yield the Message-IDs that follow from the envelope ids which we gave."""
    for group in groups:
        name = f"<{str(group.get('Original-Envelope-Id', '')).strip()}@{MAIL_DOMAIN}>"
        yield from OURS.findall(name)


def _text(mail: Message, name: str) -> str:
    """Return a header as text, decoded, on one line."""
    return " ".join(str(make_header(decode_header(str(mail.get(name, ""))[:LONGEST_HEADER]))).split())
