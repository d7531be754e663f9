"""How the bulletin writes numbers: concentrations, probabilities and the shades of these."""

from __future__ import annotations

import math


def heat(probability: float) -> str:
    """Return the class of a probability's shade, 0 to 10; ``none`` where there is no probability.

    >>> heat(0.04), heat(0.55), heat(1.0), heat(float("nan"))
    ('heat-0', 'heat-5', 'heat-10', 'heat-none')
    """
    return f"heat-{math.floor(probability * 10)}" if math.isfinite(probability) else "heat-none"


def percent(probability: float) -> str:
    """Return a probability in per cent without sign, never 0 or 100 where something remains open.

    >>> percent(0.0), percent(0.426), percent(0.999), percent(float("nan"))
    ('<1', '43', '>99', '–')
    """
    if not math.isfinite(probability):
        return "–"
    share = round(100 * probability)
    return "<1" if share < 1 else ">99" if share > 99 else str(share)


def number(value: float) -> str:
    """Return a concentration as a whole number [ug m-3], rounded half up.

    >>> number(35.5), number(float("nan"))
    ('36', '–')
    """
    return str(math.floor(value + 0.5)) if math.isfinite(value) else "–"
