"""How well probabilities foresaw what came: Brier score, log score with a floor, and calibration.

Brier, G. W. (1950), Monthly Weather Review 78, 1-3; Good, I. J. (1952), J. R. Stat. Soc. B 14, 107-114.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

FLOOR: Final = 0.01
"""A probability counts as at least this in the log score, so that one sure error does not outweigh all."""
BINS: Final = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Edges of the classes of a calibration: few, as one person's answers are."""
Pair = tuple[float, bool]
"""A probability, and whether it happened."""


@dataclass(frozen=True)
class Tally:
    """Scores of some answers, None without any: mean Brier score [1] and mean log score [nat]."""

    count: int
    events: int
    brier: float | None
    log: float | None


@dataclass(frozen=True)
class Bin:
    """The answers of one class of a calibration: their mean, and how often it happened."""

    low: float
    high: float
    count: int
    said: float
    happened: float


def brier(probability: float, happened: bool) -> float:
    """Return the square of the error of a probability.

    >>> round(brier(0.7, True), 2), brier(0.0, True)
    (0.09, 1.0)
    """
    return (probability - happened) ** 2


def log_score(probability: float, happened: bool) -> float:
    """Return minus the logarithm of what was given to that which came, at least FLOOR of it [nat].

    >>> round(log_score(0.5, False), 3), log_score(1.0, False) == -math.log(FLOOR)
    (0.693, True)
    """
    return -math.log(max(probability if happened else 1.0 - probability, FLOOR))


def tally(pairs: Sequence[Pair]) -> Tally:
    """Return the scores of answers.

    >>> tally([(0.5, True), (1.0, False)])
    Tally(count=2, events=1, brier=0.625, log=2.649158683274018)
    """
    count = len(pairs)
    if not count:
        return Tally(0, 0, None, None)
    return Tally(
        count,
        sum(happened for _, happened in pairs),
        sum(brier(p, h) for p, h in pairs) / count,
        sum(log_score(p, h) for p, h in pairs) / count,
    )


def skill(own: Tally, other: Tally) -> float | None:
    """Return by which part the own Brier score is better than another's, None where that is 0 or unknown.

    >>> skill(tally([(0.5, True)]), tally([(0.0, True)]))
    0.75
    """
    if own.brier is None or not other.brier:
        return None
    return 1.0 - own.brier / other.brier


def calibration(pairs: Sequence[Pair]) -> list[Bin]:
    """Return the classes that hold answers; a probability on an edge counts to the class above it.

    >>> calibration([(0.1, True), (0.2, False), (1.0, True)])
    [Bin(low=0.1, high=0.3, count=2, said=0.15000000000000002, happened=0.5), \
Bin(low=0.9, high=1.0, count=1, said=1.0, happened=1.0)]
    """
    found = []
    for low, high in pairwise(BINS):
        inside = [(p, h) for p, h in pairs if low <= p < high or (high == BINS[-1] and p >= high)]
        if inside:
            said = sum(p for p, _ in inside) / len(inside)
            found.append(Bin(low, high, len(inside), said, sum(h for _, h in inside) / len(inside)))
    return found
