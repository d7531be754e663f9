"""One hour of a lesson: what was known then, what may be stepped to, what is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.reasons.words import vocabulary
from forecasting.school.lesson import Lesson, Said
from pipeline.cities import all_cities
from pipeline.place_names import name_of
from pipeline.times import from_ns, parse_instant, to_ns

LEAD_IN: Final = timedelta(hours=24)
"""A lesson begins so long before its first question."""
HOUR: Final = timedelta(hours=1)
LOOK_BACK: Final = timedelta(hours=72)
FRESH: Final = timedelta(hours=12)
"""A reading around the cities that is older is not told."""
OCTANTS: Final = ("n", "ne", "e", "se", "s", "sw", "w", "nw")


@dataclass(frozen=True)
class Stand:
    """Where somebody stands in a lesson.

    Parameters
    ----------
    lesson : as it was known at ``at``; the outcome is not in it
    step : the next question, counted from 0
    due : when it is asked
    """

    lesson: Lesson
    at: datetime
    step: int
    due: datetime

    @property
    def first(self) -> datetime:
        """Return the earliest hour that can be shown."""
        return self.lesson.asks[0] - LEAD_IN

    @property
    def is_due(self) -> bool:
        """Tell whether the question is asked now."""
        return self.at == self.due

    def moved(self, hours: int) -> datetime | None:
        """Return the hour so far away, None where it is before the lesson; never beyond the question."""
        there = min(self.at + hours * HOUR, self.due)
        return there if there != self.at and there >= self.first else None


@dataclass(frozen=True)
class Reading:
    """The newest reading of a place, as known."""

    place: str
    value: float
    at: datetime
    change: float | None


def stand_of(whole: Lesson, done: int, asked: str) -> Stand:
    """Return where somebody stands who answered ``done`` questions and asks for an hour.

    An hour after the next question is never shown, whatever is asked for.
    """
    due = whole.asks[done]
    before = whole.asks[done - 1] if done else whole.asks[0] - LEAD_IN
    try:
        wanted = parse_instant(asked) if asked else before
    except (ValueError, OverflowError):
        wanted = before
    at = min(max(wanted, whole.asks[0] - LEAD_IN), due)
    at = at.replace(minute=0, second=0, microsecond=0)
    return Stand(whole.as_known(at), at, done, due)


def newest(lesson: Lesson, key: str, at: datetime) -> Reading | None:
    """Return the newest known reading of a series with its change over a day, None without a fresh one."""
    series = lesson.readings.get(key)
    if series is None:
        return None
    times, values = series.window(to_ns(at - LOOK_BACK), to_ns(at), to_ns(at))
    if not len(times) or from_ns(times[-1]) < at - FRESH:
        return None
    before = values[times == times[-1] - np.timedelta64(24, "h")]
    change = float(values[-1] - before[0]) if len(before) else None
    return Reading(key.rpartition(".")[2], float(values[-1]), from_ns(times[-1]), change)


def around(lesson: Lesson, at: datetime) -> list[Reading]:
    """Return the newest known readings of the places around the cities, the highest first."""
    found = [newest(lesson, key, at) for key in lesson.readings if key.startswith("around.")]
    return sorted((one for one in found if one is not None), key=lambda one: -one.value)


def wind(lesson: Lesson, city: str, at: datetime, language: str) -> tuple[float, str] | None:
    """Return speed [m s-1] and where from of a city's newest known wind, None where it is not told."""
    speed, origin = (newest(lesson, f"{city}.{q}", at) for q in ("wind_speed", "wind_from_direction"))
    east, north = (newest(lesson, f"{city}.{q}", at) for q in ("eastward_wind", "northward_wind"))
    if speed is not None and origin is not None:
        blows, degrees = speed.value, origin.value
    elif east is not None and north is not None:
        blows = math.hypot(east.value, north.value)
        degrees = math.degrees(math.atan2(-east.value, -north.value)) % 360
    else:
        return None
    octant = OCTANTS[round(degrees / 45) % 8]
    return blows, str(vocabulary(language)["sectors"][octant])


def city_view(stand: Stand, city: str, language: str, sees: bool) -> dict[str, Any]:
    """Return what is told of a city at an hour."""
    lesson, at = stand.lesson, stand.at
    target = lesson.target(city)
    reading = newest(lesson, f"{city}.pm2p5", at)
    said: dict[str, list[Said]] = {}
    if sees:
        said = {source: lesson.newest_said(source, city, at) for source in ("model", "persistence")}
    return {
        "id": city,
        "name": name_of(city, language),
        "target": target,
        "zone": ZoneInfo(all_cities()[city].timezone),
        "reading": reading,
        "pm10": newest(lesson, f"{city}.pm10", at),
        "wind": wind(lesson, city, at, language),
        "said": {source: [s for s in days if s.end == target.end] for source, days in said.items()},
        "days": said,
    }
