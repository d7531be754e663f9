"""Which decision a joint text is for, and how a party keeps from deciding the same twice.

A cycle may have several joint warnings; each is a slot with a number. Two nodes number alike where they have
heard of each other's texts. Where they have not, the same days may stand in two slots: then the lower number
decides, and no honest node lets both come to an agreement.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from alerts.agreement import SlotState, why_not_beside
from alerts.content import WarningContent
from alerts.joint_texts import offered_text, speaks_of_same_days
from pipeline.ledger.agreement import StatementRow, slots_like, statements_about

LAST_WORDS: Final = ("all_clear", "cancel")
"""Kinds of versions that are decisions of their own, apart from the cycle's."""

StateOf = Callable[[str], SlotState]


def slot_for(conn: Connection, content: WarningContent) -> str:
    """Return the decision that a joint text belongs to: world, cities, cycle and a number.

    It is that under which either node has offered a text of this warning, else one about the same days, else
    a new one. An all-clear or cancellation is a decision about its version of its warning.
    """
    beginning = slot_beginning(content)
    if content.kind in LAST_WORDS:
        return f"{beginning}{content.kind}-{content.version}-{content.warning_id}"
    text = content.to_dict()
    offers = [o for o in slots_like(conn, beginning) if _number(o.slot) is not None]
    same = [o for o in offers if o.warning_id == content.warning_id]
    same = same or [o for o in offers if speaks_of_same_days(offered_text(o), text)]
    if same:
        return min((o.slot for o in same), key=_order)
    taken, number = {o.slot for o in offers}, 0
    while f"{beginning}{number}" in taken:
        number += 1
    return f"{beginning}{number}"


def slot_beginning(content: WarningContent) -> str:
    """Return what the names of all slots of a text's cycle and cities begin with."""
    cities = "+".join(sorted(c.city for c in content.cities))
    return f"{content.world}|{cities}|{content.issue_time}|"


def is_slot_of(slot: str, content: WarningContent) -> bool:
    """Tell whether a text may be offered under a slot's name.

    >>> from alerts.examples import example_content
    >>> text = example_content()
    >>> [is_slot_of(slot_beginning(text) + end, text) for end in ("0", "12", "x", "x|0", "cancel-1-W", "")]
    [True, True, False, False, False, False]
    """
    beginning = slot_beginning(content)
    if not slot.startswith(beginning):
        return False
    if content.kind in LAST_WORDS:
        return slot == f"{beginning}{content.kind}-{content.version}-{content.warning_id}"
    return "|" not in slot.removeprefix(beginning) and _number(slot) is not None


def why_other_slot(conn: Connection, offer: StatementRow, party: str, state_of: StateOf) -> str:
    """Return why a party may not approve a text since another decision is about the same, or nothing.

    An approval stands until its round has ended without agreement. While it stands, the party approves no
    other text of the same version, nor one about the same days of the cycle, in another slot: so two slots
    about the same are never both agreed. Of such slots the lowest number decides.
    """
    text = offered_text(offer)
    for other in rivals(conn, offer):
        is_same = speaks_of_same_days(offered_text(other), text)
        is_before = is_same and _is_before(other.slot, offer.slot)
        why = why_not_beside(state_of(other.slot), party, other.digest, is_before=is_before)
        if why:
            return f"text {other.digest[:16]} of warning {other.warning_id}, about the same, {why}"
    return ""


def rivals(conn: Connection, offer: StatementRow) -> list[StatementRow]:
    """Return the offers in other slots that are about the same version, or the same days of the cycle."""
    found = [r for r in statements_about(conn, offer.warning_id, offer.version) if r.kind == "offer"]
    if _number(offer.slot) is not None:
        text, beginning = offered_text(offer), offer.slot.rpartition("|")[0] + "|"
        alike = [o for o in slots_like(conn, beginning) if _number(o.slot) is not None]
        found += [o for o in alike if speaks_of_same_days(offered_text(o), text)]
    return [r for r in found if r.slot != offer.slot]


def _is_before(one: str, other: str) -> bool:
    """Tell whether one slot of a cycle has a lower number than another."""
    same = one.rpartition("|")[0] == other.rpartition("|")[0]
    a, b = _number(one), _number(other)
    return same and a is not None and b is not None and a < b


def _number(slot: str) -> int | None:
    """Return the number of a slot of a cycle; None where it is of an all-clear or cancellation."""
    end = slot.rpartition("|")[2]
    return int(end) if re.fullmatch(r"0|[1-9][0-9]{0,3}", end) else None


def _order(slot: str) -> int:
    return _number(slot) or 0
