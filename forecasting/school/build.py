"""Making lessons: which past days are worth foreseeing, and what was known of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import pandas as pd

from forecasting.school.lesson import (
    MODEL,
    PERSISTENCE,
    SHOWN_LEVELS,
    Lesson,
    Said,
    Target,
    Texts,
    ask_times,
    lesson_id,
)
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, all_cities
from pipeline.surroundings import AROUND, all_places
from pipeline.times import cycles_between, local_day_bounds, to_ns

ASK_HOUR: Final = 8
"""Questions are asked at 08 UTC (17 KST, 16 in Beijing), the daily decision's cycle."""
LEADS: Final = (1, 2, 3)
FEWEST: Final = 2
"""A lesson asks so many times at least."""
CALLED: Final = 0.5
APART: Final = timedelta(days=4)
"""Two lessons are about days at least so far apart, so that one does not tell of the other."""
BEFORE: Final = timedelta(hours=72)
"""So much of the past is shown at the first question."""
THRESHOLDS: Final = {"KR": (35, 75), "CN": (75, 150)}
"""Day means asked about [ug m-3]: bad and very bad in Korea, lightly and heavily polluted in China."""
USUAL: Final = "KR"
"""Whose day means are asked about elsewhere."""
_MARKS: Final = {"missed": (True, False), "false alarm": (False, True), "called": (True, True)}
KINDS: Final = ("called", "false alarm", "missed", "quiet")
WEATHER: Final = (
    "wind_speed",
    "wind_from_direction",
    "eastward_wind",
    "northward_wind",
    "air_pressure_at_mean_sea_level",
    "relative_humidity",
)
"""Weather of the cities that is told beside the air."""
NEAR: Final = 0.6
"""Places within so many degrees of a city are no air around it."""
Reasons = Callable[[datetime, Mapping[str, Mapping[int, float]]], Mapping[str, Texts]]


@dataclass(frozen=True)
class Candidate:
    """A day that can be asked about: of which of KINDS it is, and how many days before it can be asked."""

    kind: str
    leads: tuple[int, ...]


def candidates(said: pd.DataFrame, truth: pd.DataFrame) -> dict[date, Candidate]:
    """Return the local days that can be asked about: measured and forecast in every city, twice at least.

    A day counts as called, or as a false alarm, by what the model gave it at the middle question.

    Parameters
    ----------
    said : rows of the model: city, issue_time, lead_day, valid_end, probabilities
    truth : daily rows of ``forecasting.verify.observed_truth``
    """
    asked = said[(said["issue_time"].dt.hour == ASK_HOUR) & said["lead_day"].isin(LEADS)]
    table = asked.merge(truth[["city", "valid_end", "observed"]], on=["city", "valid_end"])
    low = {city.id: thresholds_of(city)[0] for city in all_cities().values()}
    cases: dict[date, dict[tuple[str, int], tuple[bool, bool]]] = {}
    for city, threshold in low.items():
        rows = table[table["city"] == city]
        days = _local_days(rows["valid_end"], city)
        happened, called = rows["observed"] > threshold, rows[f"p_gt_{threshold}"] >= CALLED
        for day, lead, *marks in zip(days, rows["lead_day"], happened, called, strict=True):
            cases.setdefault(day, {})[city, int(lead)] = (bool(marks[0]), bool(marks[1]))
    found = {}
    for day, marked in cases.items():
        leads = tuple(lead for lead in LEADS if all((city, lead) in marked for city in low))
        if len(leads) >= FEWEST:
            judged = {marked[city, leads[len(leads) // 2]] for city in low}
            found[day] = Candidate(next((k for k, m in _MARKS.items() if m in judged), "quiet"), leads)
    return found


def choose(found: Mapping[date, Candidate], world: str, count: int) -> list[date]:
    """Choose days, of every kind as many as there are; by no more than their name within a kind.

    >>> days = {date(2019, 1, d): Candidate(KINDS[d % 4], LEADS) for d in range(1, 29)}
    >>> [days[day].kind for day in choose(days, "measured", 4)] == list(KINDS)
    True
    """
    kinds = [sorted((d for d in found if found[d].kind == k), key=_shuffled(world)) for k in KINDS]
    chosen: list[date] = []
    while len(chosen) < count and any(kinds):
        for waiting in kinds:
            free = [d for d in waiting if all(abs(d - c) >= APART for c in chosen)]
            waiting[:] = free[1:]
            chosen += free[: min(1, count - len(chosen))]
    return chosen


def cycles_of(day: date, leads: tuple[int, ...] = LEADS) -> list[datetime]:
    """Return the cycles whose forecasts a lesson shows: from its first question to its last.

    >>> len(cycles_of(date(2019, 3, 5)))
    9
    """
    asks = ask_times(day, ASK_HOUR, leads)
    return cycles_between(asks[0], asks[-1] + timedelta(minutes=1))


def make_lesson(
    panel: AsOfPanel,
    asked: tuple[date, tuple[int, ...]],
    said: pd.DataFrame,
    truth: pd.DataFrame,
    reasons: Reasons,
    made: Mapping[str, str],
) -> Lesson:
    """Return the lesson about a day.

    Parameters
    ----------
    panel : all series with all versions
    asked : the day, and how many days before it is asked about
    said : daily rows of ``sameair`` and ``persistence``, of the day's cycles
    truth : daily rows of ``forecasting.verify.observed_truth``
    reasons : tells for an instant and the medians said then what moved the model, by city
    """
    day, leads = asked
    asks = ask_times(day, ASK_HOUR, leads)
    targets = tuple(_target(city, day, truth) for city in all_cities().values())
    rows = tuple(_said(said, cycles_of(day, leads)))
    told = tuple(reasons(ask, _medians(rows, ask, day)) for ask in asks)
    end = max(t.end for t in targets)
    readings = dict(_readings(panel, asks[0] - BEFORE, end))
    world = panel.world
    return Lesson(lesson_id(world, day), world, day, targets, asks, rows, readings, told, made)


def thresholds_of(city: City) -> tuple[int, ...]:
    """Return the day means that are asked about in a city [ug m-3]."""
    return THRESHOLDS.get(city.country, THRESHOLDS[USUAL])


def _target(city: City, day: date, truth: pd.DataFrame) -> Target:
    start, end = local_day_bounds(day, city.timezone)
    row = truth[(truth["city"] == city.id) & (truth["valid_end"] == pd.Timestamp(end))]
    outcome = round(float(row["observed"].iloc[0]), 1)
    return Target(city.id, start, end, thresholds_of(city), outcome)


def _said(rows: pd.DataFrame, cycles: Sequence[datetime]) -> Iterator[Said]:
    """Yield what model and persistence said at some cycles of the local days ahead."""
    inside = rows[rows["issue_time"].isin(cycles) & rows["lead_day"].isin(LEADS)]
    sources = {"sameair": MODEL, "persistence": PERSISTENCE}
    for row in inside.sort_values(["issue_time", "city", "lead_day"]).to_dict("records"):
        city = all_cities()[row["city"]]
        if row["model"] in sources:
            end = row["valid_end"].to_pydatetime()
            yield Said(
                city.id,
                sources[row["model"]],
                row["issue_time"].to_pydatetime(),
                end - timedelta(days=1),
                end,
                tuple(float(row[level]) for level in SHOWN_LEVELS),
                {t: float(row[f"p_gt_{t}"]) for t in thresholds_of(city)},
            )


def _medians(rows: Sequence[Said], ask: datetime, day: date) -> dict[str, dict[int, float]]:
    """Return the model's median of the day asked about, by city and lead day."""
    middle, lead = SHOWN_LEVELS.index("q50"), (day - ask.date()).days
    found: dict[str, dict[int, float]] = {}
    for one in rows:
        bounds = local_day_bounds(day, all_cities()[one.city].timezone)
        if one.source == MODEL and one.issued == ask and one.end == bounds[1]:
            found[one.city] = {lead: one.quantiles[middle]}
    return found


def _readings(panel: AsOfPanel, start: datetime, end: datetime) -> Iterator[tuple[str, AsOfSeries]]:
    """Yield every version of the series that a lesson shows, of a stretch of time."""
    for key, name in _shown_series():
        if key in panel:
            whole = panel[key]
            inside = (whole.times > to_ns(start)) & (whole.times <= to_ns(end))
            if inside.any():
                parts = (whole.times[inside], whole.received[inside], whole.values[inside])
                yield name, AsOfSeries(*parts, whole.interval_hours)


def _shown_series() -> Iterator[tuple[str, str]]:
    """Yield key and short name of the series of a lesson."""
    cities = list(all_cities().values())
    for city in cities:
        yield f"{city.id}.pm2p5.reference", f"{city.id}.pm2p5"
        for quantity in WEATHER:
            yield f"{city.id}.{quantity}.weather", f"{city.id}.{quantity}"
    for place in all_places().values():
        gaps = [abs(place.latitude - c.latitude) + abs(place.longitude - c.longitude) for c in cities]
        if place.group == "air" and min(gaps) > NEAR:
            yield f"{AROUND}.pm2p5.{place.id}", f"{AROUND}.pm2p5.{place.id}"


def _local_days(ends: pd.Series, city: str) -> pd.Series:
    """Return the local day that ends with each instant."""
    days: pd.Series = (ends.dt.tz_convert(all_cities()[city].timezone) - pd.Timedelta(hours=1)).dt.date
    return days


def _shuffled(world: str) -> Callable[[date], str]:
    """Return an order of days that nobody chose."""
    return lambda day: hashlib.sha256(lesson_id(world, day).encode()).hexdigest()
