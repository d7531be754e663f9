"""The grades of each country for a day mean of PM2.5 as bands of concentration, from the rules in force."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from alerts.aqi import round_half_even, round_half_up
from alerts.rules import Rule, rule
from pipeline.errors import PolicyError

_RULE_OF = {"kr": "kr.grade", "cn": "cn.aqi"}
RULE_SETS = tuple(_RULE_OF)
"""The countries that have a scale."""
_TONES = {
    "kr.grade": ("blue", "green", "yellow", "red"),
    "cn.aqi": ("green", "yellow", "orange", "red", "purple", "maroon"),
}


@dataclass(frozen=True)
class Band:
    """One grade: means above ``lower`` up to ``upper`` [ug m-3]; infinity at the top."""

    level: str
    lower: float
    upper: float
    tone: str


@dataclass(frozen=True)
class Scale:
    """The grades of one country in force on a day."""

    rule: str
    version: str
    bands: tuple[Band, ...]
    half_even: bool

    def band_of(self, mean: float) -> Band | None:
        """Return the band of a mean [ug m-3], rounded as the rule rounds; None for NaN."""
        if not math.isfinite(mean):
            return None
        rounded = float(round_half_even(mean) if self.half_even else round_half_up(mean))
        return next(band for band in self.bands if rounded <= band.upper)


def national_scale(rule_set: str, day: date) -> Scale:
    """Return the scale of a rule set in force on a local day; raises PolicyError where there is none.

    Examples
    --------
    >>> [b.upper for b in national_scale("kr", date(2019, 3, 5)).bands]
    [15.0, 35.0, 75.0, inf]
    >>> [b.upper for b in national_scale("cn", date(2026, 4, 1)).bands]
    [35.0, 60.0, 115.0, 150.0, 250.0, inf]
    >>> national_scale("kr", date(2019, 3, 5)).band_of(75.5).level
    'kr.grade.very_bad'
    """
    if rule_set not in _RULE_OF:
        raise PolicyError(f"no scale for the rule set '{rule_set}'; add it to alerts/scales.py")
    held = rule(_RULE_OF[rule_set], day)
    edges = [float(edge) for edge in _edges(held)]
    uppers, lowers = [*edges, math.inf], [0.0, *edges]
    bands = zip(held.levels, lowers, uppers, _TONES[held.id], strict=True)
    half_even = str(held.parameters["rounding"]).startswith("half_even")
    return Scale(held.id, held.version, tuple(Band(*band) for band in bands), half_even)


def _edges(held: Rule) -> list[float]:
    """Return the upper edges of all bands but the last [ug m-3]."""
    table = held.parameters
    if "edges" in table:
        return list(table["edges"]["pm2p5"])
    index = dict(zip(table["iaqi"], table["breakpoints"]["pm2p5"], strict=True))
    return [index[level] for level in table["level_above"]]
