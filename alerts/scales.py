"""The grades of each country for a day mean of PM2.5 as bands of concentration, read from the rule files."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from pipeline.errors import PolicyError

RULE_FOLDER = resources.files("alerts") / "rules"
_SCALE_OF = {"kr": ("kr_grades.toml", "kr.grade"), "cn": ("cn_aqi.toml", "cn.aqi")}
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

    def band_of(self, mean: float) -> Band | None:
        """Return the band of a mean [ug m-3], rounded half up to an integer as shown; None for NaN."""
        if not math.isfinite(mean):
            return None
        shown = math.floor(mean + 0.5)
        return next(band for band in self.bands if shown <= band.upper)


def national_scale(rule_set: str, day: date) -> Scale:
    """Return the scale of a rule set in force on a local day.

    Examples
    --------
    >>> [b.upper for b in national_scale("kr", date(2019, 3, 5)).bands]
    [15.0, 35.0, 75.0, inf]
    >>> [b.upper for b in national_scale("cn", date(2026, 4, 1)).bands]
    [35.0, 60.0, 115.0, 150.0, 250.0, inf]
    """
    if rule_set not in _SCALE_OF:
        raise PolicyError(f"no scale for the rule set '{rule_set}'; add it to alerts/scales.py")
    file, rule = _SCALE_OF[rule_set]
    for entry in _entries(file):
        if entry["id"] == rule and entry["valid_from"] <= day <= entry.get("valid_to", date.max):
            return _scale(entry)
    raise PolicyError(f"{file} holds no {rule} for {day}; add the version that was in force")


@cache
def _entries(file: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = tomllib.loads((RULE_FOLDER / file).read_text("utf-8"))["rule"]
    return entries


def _scale(entry: dict[str, Any]) -> Scale:
    rule = str(entry["id"])
    edges = [float(e) for e in _edges(entry)]
    uppers, lowers = [*edges, math.inf], [0.0, *edges]
    bands = zip(entry["levels"], lowers, uppers, _TONES[rule], strict=True)
    return Scale(rule, str(entry["version"]), tuple(Band(*band) for band in bands))


def _edges(entry: dict[str, Any]) -> list[float]:
    """Return the upper edges of all bands but the last [ug m-3]."""
    if "edges" in entry:
        return list(entry["edges"]["pm2p5"])
    index = dict(zip(entry["iaqi"], entry["breakpoints"]["pm2p5"], strict=True))
    return [index[level] for level in entry["level_above"]]
