"""Sealed probabilities: each forecaster commits to a number before seeing the other's.

The commitment is a digest over the number and a nonce of 256 random bits, so it tells nothing about the
number and fits no other. It names the party, so that nobody can repeat the other's commitment as his own.
"""

from __future__ import annotations

from datetime import date

from pipeline.exchange.canonical import digest


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


def parts_of(subject: str) -> tuple[str, str, str, str, float] | None:
    """Return world, cycle, city, local day and threshold [ug m-3] of a subject; None where it is another.

    >>> parts_of("measured|2026-01-14T02:00:00Z|seoul|2026-01-15|35")
    ('measured', '2026-01-14T02:00:00Z', 'seoul', '2026-01-15', 35.0)
    >>> parts_of("the dust of today") is None
    True
    """
    parts = subject.split("|")
    try:
        world, cycle, city, day, threshold = parts
        return world, cycle, city, date.fromisoformat(day).isoformat(), float(threshold)
    except ValueError:
        return None
