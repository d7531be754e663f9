"""The promotion gate: what a comparison found, and whether it lets a challenger replace the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

FEWEST_DAYS: Final = 60
"""Fewer days than this decide nothing by themselves; two months hold a dozen blocks."""

DAYS_WITH_FORECASTS: Final = 90
"""A model that is told forecast weather has learned from measured weather: before it may be used it must have
forecast so many days with weather that was really forecast (own archive or previous runs)."""

WANTED: Final = 2
"""Of RMSE, CRPS and BSS so many must be better beyond noise in each city."""

HEADLINES: Final = ("rmse", "crps", "bss")


@dataclass(frozen=True)
class Gain:
    """By how much a challenger is better in one city and measure; above 0 is better.

    Parameters
    ----------
    measure : rmse and crps [ug m-3]; bss over all thresholds; bss_75, pod_75: of days above 75 ug m-3
    champion, challenger : the two scores; None where undefined
    gain, low, high : improvement and its 90 % interval, positive where the challenger is better
    undefined : why there is no gain; empty: there is one
    """

    city: str
    measure: str
    champion: float | None
    challenger: float | None
    gain: float | None
    low: float | None
    high: float | None
    undefined: str = ""

    @property
    def better(self) -> bool:
        """Tell whether the whole interval is above 0."""
        return self.low is not None and self.low > 0

    @property
    def worse(self) -> bool:
        """Tell whether the whole interval is below 0."""
        return self.high is not None and self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, rounded to what the sample can bear."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Comparison:
    """What a paired comparison found, and what the promotion gate makes of it.

    Parameters
    ----------
    pairs, days : forecasts and local days by city
    promote : the challenger passes the gate
    reasons : why, or why not
    """

    pairs: dict[str, int]
    days: dict[str, int]
    first: str
    last: str
    gains: list[Gain]
    promote: bool
    reasons: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "gains": [g.to_dict() for g in self.gains]}


def long_enough(found: Comparison, needed: int = DAYS_WITH_FORECASTS) -> Comparison:
    """Return the comparison, refused where a city has fewer days forecast with really forecast weather.

    >>> found = Comparison({"seoul": 240}, {"seoul": 80}, "", "", [], True, ["better"])
    >>> long_enough(found).reasons
    ['seoul: 80 days with forecast weather are too few, 90 are needed']
    """
    short = [
        f"{city}: {n} days with forecast weather are too few" for city, n in found.days.items() if n < needed
    ]
    if not short and found.days:
        return found
    said = [f"{one}, {needed} are needed" for one in short] or ["nothing was forecast with forecast weather"]
    return replace(found, promote=False, reasons=said if found.promote else [*found.reasons, *said])


def gate(gains: Sequence[Gain], days: Mapping[str, int]) -> tuple[bool, list[str]]:
    """Tell whether a challenger may replace the champion without a person's decision, and why.

    >>> better = [Gain("seoul", m, 1.0, 0.9, 0.1, 0.05, 0.15) for m in ("rmse", "crps")]
    >>> skill = [Gain("seoul", "bss", 0.2, 0.1, -0.1, -0.2, 0.0), Gain("seoul", "bss_50", 0, 0, 0, -1, 1)]
    >>> gate([*better, *skill], {"seoul": 100})
    (True, ['seoul: better beyond noise in rmse, crps'])
    >>> gate([*better, Gain("seoul", "pod_50", 0.8, 0.6, -0.2, -0.3, -0.1), *skill], {"seoul": 100})
    (False, ['seoul: worse beyond noise in pod_50'])
    """
    refusals, merits = [], []
    for city in days:
        own = [g for g in gains if g.city == city]
        worse = [g.measure for g in own if g.worse]
        better = [g.measure for g in own if g.better and g.measure in HEADLINES]
        seen = any(g.gain is not None for g in own if g.measure.startswith("bss_"))
        if days[city] < FEWEST_DAYS:
            refusals.append(f"{city}: {days[city]} days are too few, {FEWEST_DAYS} are needed")
        elif worse:
            refusals.append(f"{city}: worse beyond noise in {', '.join(worse)}")
        elif not seen:
            refusals.append(f"{city}: too few days above a threshold to judge exceedances")
        elif len(better) < WANTED:
            refusals.append(f"{city}: better beyond noise in {', '.join(better) or 'nothing'}, not in two")
        else:
            merits.append(f"{city}: better beyond noise in {', '.join(better)}")
    return not refusals and bool(merits), refusals or merits
