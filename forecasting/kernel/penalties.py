"""How much is averaged away at each lead: the less is knowable, the more.

The first two hours follow from the newest readings, which are hardly penalised; the rest adds little to them.
"""

from __future__ import annotations

Penalties = tuple[tuple[int, float], ...]
"""Pairs of (last lead [h], ridge penalty), leads rising."""

PENALTIES: Penalties = (
    (2, 0.4),
    (31, 0.2),
    (55, 0.25),
    (79, 0.5),
    (999, 0.8),
)
PENALTIES_AHEAD: Penalties = (
    (2, 0.4),
    (12, 0.2),
    (31, 0.08),
    (55, 0.1),
    (79, 0.15),
    (103, 0.2),
    (999, 0.8),
)
"""Without and with the weather ahead, chosen on 2015-2019, each year by the others; docs/model.md."""


def penalty_of(end: int, penalties: Penalties = PENALTIES) -> float:
    """Return the ridge penalty of an output by the end of its interval [h after the issue].

    >>> penalty_of(-5), penalty_of(24), penalty_of(96)
    (0.4, 0.2, 0.8)
    """
    return next(penalty for last, penalty in penalties if end <= last)
