"""What a line, bar or point stands for; its colour is ``--role-<name>`` in ``static/review.css``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.errors import ContractError

SERIES: Final = (
    "observed",
    "forecast",
    "official",
    "cams",
    "persistence",
    "climatology",
    "reviewed",
    "previous",
    "partner",
)
"""Roles that may stand side by side in one chart: their colours differ to every eye."""
CITIES: Final = ("seoul", "beijing")
GRADES: Final = tuple(
    f"grade-{tone}" for tone in ("blue", "green", "yellow", "orange", "red", "purple", "maroon")
)
"""The colours of the national scales, always with the grade's name beside."""
ROLES: Final = (
    *SERIES,
    *CITIES,
    *GRADES,
    "limit",
    "neutral",
    "yes",
    "no",
    "hour-24",
    "hour-48",
    "hour-72",
)


def check_role(role: str) -> None:
    """Raise ContractError for a role that has no colour.

    >>> check_role("observed")
    """
    if role not in ROLES:
        raise ContractError(f"no colour for the role '{role}'; one of: {', '.join(ROLES)}")


def check_lengths(label: str, expected: int, *columns: Sequence[object]) -> None:
    """Raise ContractError unless each series is empty or holds one value for each place."""
    for column in columns:
        if column and len(column) != expected:
            raise ContractError(f"'{label}' has {len(column)} values for {expected} places")


def plain_numbers(values: Iterable[float | None]) -> list[float | None]:
    """Return values as JSON knows them, missing ones as None.

    >>> plain_numbers([1.0, float("nan"), None, 0.123456])
    [1.0, None, None, 0.1235]
    """
    return [None if v is None or not math.isfinite(v) else round(float(v), 4) for v in values]


def shown(value: float | None) -> str:
    """Return a number with three figures, a dash for none.

    >>> shown(112.34), shown(8.256), shown(0.04), shown(None), shown(1500), shown(0.0)
    ('112', '8.26', '0.04', '–', '1500', '0')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
