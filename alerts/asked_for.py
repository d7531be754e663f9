"""What people at the pages ask for, and what they are shown before: plain data for pages and flows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Ending = Literal["all_clear", "cancel"]


@dataclass(frozen=True)
class Choice:
    """Who decides about which version, and what was shown: how the warning stood, and the evidence.

    ``shown`` is the digest of ``alerts.standing``, ``evidence`` that of the document of what was on the
    screen; ``text`` names another text that was offered for the version by its digest.
    """

    warning_id: str
    version: int
    party: str
    person: str
    shown: str
    evidence: str
    text: str = ""


@dataclass(frozen=True)
class Question:
    """Who asks the other party what, about which warning, and how long it has."""

    warning_id: str
    party: str
    person: str
    text: str
    within: timedelta


@dataclass(frozen=True)
class Remark:
    """Who says something of a joint document, and how it stood when it was shown to them.

    ``shown`` is the digest of the newest text of the document with all that had been said of it.
    """

    world: str
    subject: str
    party: str
    person: str
    shown: str


@dataclass(frozen=True)
class ProposedLetter:
    """A version as mail to a reader of one language: text, HTML with its picture inside, a line, and CAP."""

    subject: str
    plain: str
    html: str
    short: str
    cap: str


@dataclass(frozen=True)
class Addressee:
    """An agency that a version goes to, with its name by language."""

    id: str
    party: str
    names: dict[str, str]
    languages: tuple[str, ...]
