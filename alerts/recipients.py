"""Who receives which warning."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Final

from alerts.content import WarningContent
from alerts.recipient_checks import CHANNELS, LANGUAGES, LEVELS, Recipient, Way
from alerts.recipient_files import load_recipients
from alerts.versions import required_parties

__all__ = [
    "CHANNELS",
    "LANGUAGES",
    "LEVELS",
    "Recipient",
    "Way",
    "concerns",
    "load_recipients",
    "may_receive",
    "reaches_level",
    "select_recipients",
]

MOST_NAMED: Final = 20
log = logging.getLogger(__name__)


def select_recipients(
    content: WarningContent, recipients: Iterable[Recipient], reached: Collection[str] = ()
) -> tuple[Recipient, ...]:
    """Return who receives a version, in the order of the list.

    A joint or single-city warning goes to the signing parties' agencies that answer for one of its cities,
    from their minimum joint level on; a notice goes to the agencies of every other party. Whoever was
    ``reached`` by an earlier version (ids), or stands for one who was, hears of every later one, whatever its
    level. Nobody whose address was not verified receives anything in earnest (:func:`may_receive`); the log
    says so.

    >>> from alerts.examples import example_content
    >>> chosen = select_recipients(example_content(level="J1"), load_recipients())
    >>> [r.id for r in chosen if r.party == "beijing"]
    ['beijing-ecology-environment', 'beijing-monitoring-centre']
    """
    chosen = [r for r in recipients if _is_chosen(content, r, reached)]
    withheld = [r.id for r in chosen if not may_receive(content, r)]
    if withheld:
        said = "%s v%d is not sent to %d recipients, whose addresses are not verified: %s"
        log.warning(
            said, content.warning_id, content.version, len(withheld), ", ".join(withheld[:MOST_NAMED])
        )
    return tuple(r for r in chosen if may_receive(content, r))


def may_receive(content: WarningContent, recipient: Recipient) -> bool:
    """Tell whether a recipient may be sent a version: unverified ones only exercises.

    An address that can reach nobody (a reserved domain, as in the packaged list) needs no verification.

    >>> from alerts.examples import example_content
    >>> from dataclasses import replace
    >>> someone = replace(load_recipients()[0], email="duty@seoul.go.kr")
    >>> [may_receive(example_content(), r) for r in (someone, replace(someone, verified=True))]
    [True, True]
    >>> live = replace(example_content(), simulated=False, cap_status="Actual")
    >>> [may_receive(live, r) for r in (someone, replace(someone, verified=True))]
    [False, True]
    """
    return content.cap_status == "Exercise" or recipient.verified or recipient.reaches_nobody


def concerns(content: WarningContent, recipient: Recipient) -> bool:
    """Tell whether a version is a recipient's business, whatever its level and kind."""
    signing = required_parties(content)
    if content.product == "notice":
        return recipient.party not in signing
    return recipient.party in signing and bool({c.city for c in content.cities} & set(recipient.cities))


def reaches_level(content: WarningContent, recipient: Recipient) -> bool:
    """Tell whether a version is of the level from which on a recipient wants to be disturbed."""
    return not content.level or LEVELS.index(content.level) >= LEVELS.index(recipient.minimum_level)


def _is_chosen(content: WarningContent, recipient: Recipient, reached: Collection[str]) -> bool:
    """Tell whether a version goes to a recipient, its address apart."""
    if any(name in reached for name in (recipient.id, *recipient.stands_for)):
        return True
    if content.product != "notice" and content.kind in ("all_clear", "cancel"):
        return False
    if not concerns(content, recipient):
        return False
    return content.product == "notice" or reaches_level(content, recipient)
