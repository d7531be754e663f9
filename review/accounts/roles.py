"""Which role may do what: the one table by which every page and action is allowed or refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is in a party."""

    forecaster = "forecaster"
    lead = "lead"
    operator = "operator"
    agency = "agency"
    reader = "reader"
    observer = "observer"


class Action(StrEnum):
    """What can be done, from seeing to deciding."""

    own_account = "own_account"
    see_issued = "see_issued"
    see_past = "see_past"
    see_forecasts = "see_forecasts"
    see_deliveries = "see_deliveries"
    see_operations = "see_operations"
    train = "train"
    operate = "operate"
    acknowledge = "acknowledge"
    subscribe = "subscribe"
    decide = "decide"
    close = "close"
    send_again = "send_again"
    manage_users = "manage_users"


_STAFF: Final = frozenset({Role.forecaster, Role.lead, Role.operator, Role.reader})
_DUTY: Final = frozenset({Role.forecaster, Role.lead})

ALLOWED: Final[Mapping[Action, frozenset[Role]]] = {
    Action.own_account: frozenset(Role),
    Action.see_issued: frozenset(Role),
    Action.see_past: _STAFF | {Role.observer},
    Action.see_forecasts: _STAFF,
    Action.see_deliveries: frozenset({Role.forecaster, Role.lead, Role.operator}),
    Action.see_operations: frozenset({Role.operator, Role.lead}),
    Action.train: _STAFF | {Role.observer},
    Action.operate: frozenset({Role.operator}),
    Action.acknowledge: frozenset({Role.agency}),
    Action.subscribe: frozenset({Role.agency}),
    Action.decide: _DUTY,
    Action.close: frozenset({Role.lead}),
    Action.send_again: frozenset({Role.lead, Role.operator}),
    Action.manage_users: frozenset({Role.operator}),
}
"""Who may do an action. ``close`` ends or cancels what is in force; ``see_past`` is of cycles whose
embargo is over; ``see_issued`` of what was sent to the public's agencies."""


FOR_PROGRAMS: Final = frozenset(
    {
        Action.see_issued,
        Action.see_past,
        Action.see_forecasts,
        Action.see_deliveries,
        Action.see_operations,
    }
)
"""What a program may do with a token of a person whose role may do it, by reading alone."""


def may_program(action: Action, *, reads: bool, acknowledges: bool) -> bool:
    """Tell whether a program's token is good for an action; what it decides or changes needs a person.

    >>> may_program(Action.see_issued, reads=True, acknowledges=False)
    True
    >>> may_program(Action.decide, reads=True, acknowledges=True)
    False
    """
    return (reads and action in FOR_PROGRAMS) or (acknowledges and action is Action.acknowledge)


def may(role: Role, action: Action) -> bool:
    """Tell whether a role may do an action.

    >>> may(Role.forecaster, Action.decide), may(Role.operator, Action.decide)
    (True, False)
    """
    return role in ALLOWED[action]
