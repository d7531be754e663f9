"""The probabilities of a city: a row for each threshold that means something, a column for each day."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.bulletin_words import named
from alerts.policy import Policy
from review.desk.plume import LEAST_EDGE
from review.desk.run_forecast import Day
from review.desk.sentences import Sentences
from review.desk.view import CityView


@dataclass(frozen=True)
class Cell:
    """One probability [1], its step of ten in colour, and whether it opens the level of its threshold."""

    chance: float | None
    step: int
    opens: bool


@dataclass(frozen=True)
class Row:
    """One threshold [ug m-3]: the level and the grades that begin above it."""

    threshold: int
    level: str
    names: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Strips:
    """Days and rows."""

    days: tuple[Day, ...]
    rows: tuple[Row, ...]


def strips_of(city: CityView, policy: Policy, said: Sentences) -> Strips | None:
    """Return the strips of a city, the lowest threshold first; None where no forecast is stored."""
    days = city.forecast.days
    if not days:
        return None
    levels = dict(zip(policy.thresholds(city.city.id), policy.level, strict=True))
    edges = _edges(city, said)
    held = {threshold for day in days for threshold in day.chance}
    rows = []
    for threshold in sorted(held & {*levels, *edges}):
        number = list(levels).index(threshold) + 1 if threshold in levels else 0
        cells = tuple(_cell(day, threshold, city.city.id, (policy, number)) for day in days)
        level = levels[threshold].id if number else ""
        names = ((level,) if level else ()) + tuple(edges.get(threshold, ()))
        rows.append(Row(threshold, level, names, cells))
    return Strips(days, tuple(rows))


def _cell(day: Day, threshold: int, city: str, rule: tuple[Policy, int]) -> Cell:
    chance, (policy, number) = day.chance_over(threshold), rule
    if chance is None:
        return Cell(None, 0, opens=False)
    opens = bool(number) and not day.is_outlook and chance >= policy.opening(city, number, day.lead_day)
    return Cell(chance, min(int(chance * 10), 9), opens)


def _edges(city: CityView, said: Sentences) -> dict[int, list[str]]:
    """Return the grade of the city's own country that begins above each edge."""
    own = city.scales[city.city.rule_set]
    return {
        int(band.lower): [named("bands", band.level)[said.t.language]]
        for band in own.bands
        if band.lower >= LEAST_EDGE
    }
