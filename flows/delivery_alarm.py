"""Telling the operator what did not reach its recipients: held, failed, come back, or nobody says a word."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime
from typing import Final

from alerts.content import WarningContent
from flows.delivering import channel_of
from flows.operator import TELL_FROM, tell_operator
from flows.recipients import recipients_of
from flows.signing import is_live
from flows.workspace import Workspace
from pipeline.errors import PolicyError
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.follow_ups import Trouble, troubles
from pipeline.ledger.notices import Condition, in_trouble
from pipeline.ledger.warnings import list_versions
from pipeline.names import MEASURED
from pipeline.times import parse_instant

KIND: Final = "delivery "
MAILBOX: Final = "mailbox"
NAMED: Final = 10
"""Recipients that are named in one line; of more only the number is said."""

_NOBODY: Final = "in force, but no recipient with a verified address is to have it: `sameair recipients list`"

_WORDS: Final = {
    "unknown": "held, since nobody knows whether they arrived: `sameair outbox resolve`",
    "failed": "failed for good and reached by no other channel: telephone",
    "escalation": "escalated, since nobody acknowledged: telephone",
}


def alarm_operator(ws: Workspace, world: str, now: datetime) -> int:
    """Tell the operator what is news about the deliveries of a world; returns the lines of news.

    A channel that fails holds the news back until the next time.
    """
    return _tell(ws, world, delivery_conditions(ws, world, now), now)


def alarm_of_mailbox(ws: Workspace, trouble: str) -> int:
    """Tell the operator once, whatever worlds there are, that the mailbox of replies cannot be read."""
    return _tell(ws, MEASURED, _mailbox(ws, trouble), ws.clock())


def _tell(ws: Workspace, world: str, conditions: list[Condition], now: datetime) -> int:
    if not conditions:
        return 0
    channel = channel_of(ws.settings)
    try:
        return tell_operator(ws, world, conditions, channel, "", now)
    finally:
        channel.close()


def delivery_conditions(ws: Workspace, world: str, now: datetime) -> list[Condition]:
    """Return what is wrong with each version that is not over, and what was wrong and is no more.

    One line for a version and a kind of trouble; it is told again when the number of recipients has doubled.
    """
    with ws.ledger.read() as conn:
        grouped: dict[tuple[str, int, str], list[Trouble]] = defaultdict(list)
        for trouble in troubles(conn, now, world):
            grouped[trouble.warning_id, trouble.version, trouble.kind].append(trouble)
        before = [name for name in in_trouble(conn, world) if name.startswith(KIND)]
    found = []
    for (warning_id, version, kind), rows in grouped.items():
        who = sorted(row.recipient for row in rows)
        text = f"{warning_id} v{version}: {len(who)} {_WORDS[kind]} ({_listed(who)})"
        severity = TELL_FROM + int(math.log2(len(who)))
        found.append(Condition(f"{KIND}{warning_id} v{version} {kind}", kind, severity, text))
    found += _addressees(ws, world, now)
    told = {c.subject for c in found}
    gone = [name for name in before if name not in told]
    return [*found, *(Condition(name, "none", 0, f"{name}: no more") for name in gone)]


def _addressees(ws: Workspace, world: str, now: datetime) -> list[Condition]:
    """Return which versions in force went to nobody, and whether the list of recipients can be read."""
    found = []
    with ws.ledger.read() as conn:
        for row in list_versions(conn, world):
            content = WarningContent.from_dict(row.content)
            is_on = row.state == "issued" and is_live(content) and parse_instant(content.expires) > now
            if is_on and not read_outbox(conn, row.warning_id, row.version):
                name = f"{row.warning_id} v{row.version}"
                found.append(Condition(f"{KIND}{name} nobody", "nobody", TELL_FROM + 2, f"{name}: {_NOBODY}"))
    try:
        recipients_of(ws, now)
    except PolicyError as error:
        text = f"no warning can be issued: {error}"
        found.append(Condition(f"{KIND}recipients", "unreadable", TELL_FROM + 2, text))
    return found


def _mailbox(ws: Workspace, trouble: str) -> list[Condition]:
    """Return how the mailbox stands, where one is read."""
    if not ws.settings.mailbox_url:
        return []
    if trouble:
        return [Condition(MAILBOX, "unreadable", TELL_FROM, trouble)]
    return [Condition(MAILBOX, "ok", 0, "the mailbox of replies can be read")]


def _listed(names: list[str]) -> str:
    """Return names on one line.

    >>> _listed(["a", "b"]), _listed([str(n) for n in range(12)])
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
