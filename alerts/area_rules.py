"""Rules on an area of several provinces, of which the data hold one: what that one decides, and what not."""

from __future__ import annotations

import numpy as np

from alerts.judged import Judged, Undecidable
from alerts.rules import Rule
from pipeline.cities import City


def decided_alone(rule: Rule, judged: Judged, city: City) -> Judged:
    """Return what one province decides of a rule that counts provinces, ``area`` in its row.

    Where all of them must meet the criterion, one that does not decides; else the others would be needed.

    Raises
    ------
    Undecidable
        the other provinces decide; the text tells how likely this one meets the criterion itself

    Examples
    --------
    >>> from datetime import date
    >>> from alerts.rules import rule
    >>> from pipeline.cities import city
    >>> preliminary = rule("kr.preliminary_measures", date(2020, 1, 1))
    >>> decided_alone(preliminary, Judged(np.array([0, 1]), "forecast", ()), city("seoul"))
    Traceback (most recent call last):
    ...
    alerts.judged.Undecidable: of the provinces 2 of 3 must meet it, only seoul is known and does with 50 %
    """
    area = rule.parameters.get("area")
    if area is None:
        return judged
    met = judged.levels > 0
    if area["at_least"] == area["of"] and not met.any():
        return judged
    count = f"{area['at_least']} of {area['of']}"
    share = f"{_percent(float(np.mean(met)), judged.basis)} %"
    raise Undecidable(f"of the provinces {count} must meet it, only {city.id} is known and does with {share}")


def _percent(share: float, basis: str) -> str:
    """Return a share of scenarios in per cent; nothing that is still to come is certain."""
    rounded = round(100 * share)
    if basis != "observed" and not 0 < rounded < 100:
        return "<1" if rounded < 1 else ">99"
    return str(rounded)
