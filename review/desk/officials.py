"""Whether the forecasts of others for the same day say the same as ours: on which side of a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from alerts.stated import read_combined
from pipeline.ledger.runs import RunRow
from pipeline.settings import Settings
from review.security import product_file

Side = Literal["above", "below", "across"]
MODELS: Final = ("open_meteo",)
"""Sources that are models of weather services, not statements of an agency that answers for them."""


@dataclass(frozen=True)
class Opinion:
    """What one source stated for a city and day, and on which side of the threshold that lies."""

    source: str
    stated: Mapping[str, Any]
    side: Side
    is_official: bool
    agrees: bool | None


@dataclass(frozen=True)
class Opinions:
    """What others stated of one city and day; ``combined`` is our chance with what is heard of them [1]."""

    city: str
    day: date
    threshold: int
    members: tuple[Opinion, ...]
    alone: float | None
    combined: float | None

    @property
    def official(self) -> tuple[Opinion, ...]:
        """Return the statements of agencies."""
        return tuple(one for one in self.members if one.is_official)

    @property
    def against(self) -> tuple[Opinion, ...]:
        """Return the agencies that say the opposite."""
        return tuple(one for one in self.official if one.agrees is False)

    @property
    def verdict(self) -> Literal["none", "agree", "disagree", "open"]:
        """Return whether the agencies agree with us; ``open`` where their ranges lie on both sides."""
        if not self.official:
            return "none"
        if self.against:
            return "disagree"
        return "agree" if any(one.agrees for one in self.official) else "open"


def side_of(low: float, high: float | None, threshold: float) -> Side:
    """Return on which side of a threshold a stated range lies [ug m-3]; its ends belong to it.

    >>> side_of(75.5, None, 75), side_of(35.5, 75.5, 75), side_of(0.0, 35.5, 75), side_of(35.5, 75.4, 75)
    ('above', 'across', 'below', 'across')
    """
    if low >= threshold:
        return "above"
    return "below" if (math.inf if high is None else high) <= threshold else "across"


def opinions_of(
    run: RunRow | None, settings: Settings, *, city: str, day: date, threshold: int, we_warn: bool
) -> Opinions:
    """Return what others stated of a city and day by the snapshot of a run; ``we_warn`` is our side."""
    path = product_file(run, "combined", settings) if run is not None else None
    document = read_combined(path) if path is not None else None
    days = document["days"] if document is not None else []
    one = next((d for d in days if (d["city"], d["day"]) == (city, day.isoformat())), None)
    if one is None:
        return Opinions(city, day, threshold, (), None, None)
    members = tuple(_opinions(one["members"], threshold, we_warn=we_warn))
    alone, both = (_chance(one.get(name), threshold) for name in ("alone", "combined"))
    return Opinions(city, day, threshold, members, alone, both)


def _opinions(members: Iterable[Mapping[str, Any]], threshold: int, *, we_warn: bool) -> Iterable[Opinion]:
    for said in members:
        side = side_of(said["low"], said["high"], threshold)
        agrees = None if side == "across" else (side == "above") == we_warn
        official = not str(said["source"]).startswith(MODELS)
        yield Opinion(str(said["source"]), said, side, official, agrees)


def _chance(figures: Mapping[str, Any] | None, threshold: int) -> float | None:
    value = (figures or {}).get("p_gt", {}).get(str(threshold))
    return None if value is None else float(value)
