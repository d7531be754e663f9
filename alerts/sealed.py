"""Sealed probabilities: each forecaster commits to a number before seeing the other's.

The commitment is a digest over the number and a nonce of 256 random bits, so it tells nothing about the
number and fits no other. It names the party, so that nobody can repeat the other's commitment as his own.
"""

from __future__ import annotations

from typing import Final

from pipeline.exchange.canonical import digest

DISAGREEMENT: Final = 0.3
"""Two opened probabilities that lie this far apart, or farther, open a consultation."""


def subject_of(world: str, cycle: str, city: str, day: str, threshold: float) -> str:
    """Return what a probability is about: that a city's day mean of PM2.5 exceeds a threshold [ug m-3].

    >>> subject_of("measured", "2026-01-14T02:00:00Z", "seoul", "2026-01-15", 35)
    'measured|2026-01-14T02:00:00Z|seoul|2026-01-15|35'
    """
    return f"{world}|{cycle}|{city}|{day}|{threshold:g}"


def commitment(subject: str, party: str, probability: float, nonce: str) -> str:
    """Return the digest that commits a party to a probability.

    >>> a = commitment("x", "seoul", 0.7, "00")
    >>> a == commitment("x", "seoul", 0.7, "00"), a == commitment("x", "beijing", 0.7, "00")
    (True, False)
    """
    return digest({"nonce": nonce, "party": party, "probability": probability, "subject": subject})


def disagree(first: float, second: float) -> bool:
    """Tell whether two probabilities call for a consultation.

    >>> disagree(0.8, 0.4), disagree(0.8, 0.6)
    (True, False)
    """
    return abs(first - second) >= DISAGREEMENT - 1e-9
