"""Grades and ranges of an index, as agencies state them of a day, as ranges of its mean of PM2.5 and back."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Final

import numpy as np

from alerts.aqi import Floats, iaqi, round_half_even
from alerts.rules import rule
from alerts.scales import national_scale

Range = tuple[float, float]
"""Lowest and highest mean [ug m-3] that a statement leaves possible; infinity: no upper bound."""

HALF: Final = 0.5
"""A concentration of n is a mean within n ± this, before it was rounded [ug m-3]."""

NO_PRIMARY_TO: Final = 50
"""Up to this index no pollutant is primary, so the index bounds PM2.5 only above."""

PM2P5: Final = re.compile(r"pm\s*_?2[.p]?5|细颗粒物|초미세먼지", re.IGNORECASE)
BETWEEN: Final = re.compile(r"\s*(?:[-~–—至到或、/,，]|에서)\s*")
GRADES: Final = {
    "kr": ("좋음", "보통", "나쁨", "매우나쁨"),
    "cn": ("优", "良", "轻度污染", "中度污染", "重度污染", "严重污染"),
}
"""Grades as each country writes them, the cleanest first."""

SHORT: Final = {"轻度": "轻度污染", "中度": "中度污染", "重度": "重度污染", "严重": "严重污染"}
"""What is written for short where two grades are joined."""


def pm2p5_of_index(low: float, high: float, day: date, primary: str = "") -> Range:
    """Return the means of PM2.5 that go with a Chinese AQI from ``low`` to ``high``, bounds included.

    Parameters
    ----------
    day : the day spoken of, whose version of the index counts
    primary : the primary pollutants stated; where it is not PM2.5 alone, PM2.5 is only bounded above

    Examples
    --------
    The same index is less PM2.5 from March 2026 on, when 100 stands for 60 instead of 75.

    >>> pm2p5_of_index(101, 150, date(2026, 2, 28), "PM2.5")
    (75.5, 115.5)
    >>> pm2p5_of_index(101, 150, date(2026, 3, 1), "PM2.5")
    (60.5, 115.5)
    >>> pm2p5_of_index(101, 150, date(2026, 3, 1), "PM10"), pm2p5_of_index(101, 150, date(2026, 3, 1))
    ((0.0, 115.5), (0.0, 115.5))
    """
    indices = _indices(day)
    least = int(np.searchsorted(indices, low, side="left"))
    most = int(np.searchsorted(indices, high, side="right")) - 1
    least, most = min(least, max(most, 0)), max(least, most)
    bounded = primary and all(PM2P5.fullmatch(name) for name in re.split(r"[\s,，、;/]+", primary) if name)
    lower = least - HALF if bounded and low > NO_PRIMARY_TO else 0.0
    return max(lower, 0.0), math.inf if high >= indices[-1] else most + HALF


@cache
def _indices(day: date) -> Floats:
    """Return the index of PM2.5 of every whole concentration from 0 to the highest break-point."""
    table = rule("cn.aqi", day)
    return iaqi(np.arange(table.parameters["breakpoints"]["pm2p5"][-1] + 1.0), "pm2p5", table)


def pm2p5_of_grade(text: str, rule_set: str, day: date, primary: str | None = None) -> Range | None:
    """Return the means of PM2.5 that a grade, or two joined ones, leave possible; None if it is not known.

    Parameters
    ----------
    text : as the agency writes it, such as 나쁨 or 良-轻度污染
    rule_set : country of the scale, ``kr`` or ``cn``
    primary : None for a grade of PM2.5 itself; else the grade is one of the whole index

    Examples
    --------
    >>> pm2p5_of_grade("나쁨", "kr", date(2019, 3, 5)), pm2p5_of_grade("예보없음", "kr", date(2019, 3, 5))
    ((35.5, 75.5), None)
    >>> pm2p5_of_grade("良-轻度污染", "cn", date(2026, 3, 1), "PM2.5")
    (35.5, 115.5)
    """
    names = GRADES.get(rule_set, ())
    found = [SHORT.get(part, part) for part in BETWEEN.split(text.strip().replace("매우 나쁨", "매우나쁨"))]
    if not names or not all(part in names for part in found):
        return None
    places = sorted(names.index(part) for part in found)
    if primary is not None:
        above = [0, *rule("cn.aqi", day).parameters["level_above"], math.inf]
        return pm2p5_of_index(above[places[0]] + 1, above[places[-1] + 1], day, primary)
    bands = national_scale(rule_set, day).bands
    lower, upper = bands[places[0]].lower, bands[places[-1]].upper
    return lower + HALF if lower else 0.0, upper + HALF


def index_range(means: Sequence[float], day: date) -> tuple[int, int]:
    """Return the Chinese index of PM2.5 from the lowest to the highest of some means [ug m-3].

    >>> index_range([60.0, 75.0], date(2026, 2, 28)), index_range([60.0, 900.0], date(2026, 3, 1))
    ((82, 100), (100, 500))
    """
    found = iaqi(round_half_even([min(means), max(means)]), "pm2p5", rule("cn.aqi", day))
    return int(found[0]), int(found[1])
