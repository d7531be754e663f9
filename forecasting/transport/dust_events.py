"""Days of dust over a stretch of time: a table, its events, and how it compares with official days."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Final

from forecasting.transport.dust import city_particles, days_between, measured_day, onset
from forecasting.transport.dust_origin import UPWIND_HOURS, Signs, origin_signs
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.dust_outlook import DustDay
from pipeline.errors import PolicyError
from pipeline.times import local_day_bounds

COARSE: Final = ("dust", "pm10_event")
"""Verdicts of days with coarse particles, whatever is known of their origin."""


@dataclass(frozen=True)
class OfficialDay:
    """A day on which the weather service saw dust in a city, as a source that can be looked up says."""

    city: str
    day: date
    source: str


@dataclass(frozen=True)
class OfficialCount:
    """How many days of dust a source counts in a city from the first to the last date."""

    city: str
    first: date
    last: date
    days: int
    source: str


@dataclass(frozen=True)
class OfficialScore:
    """Days judged against official ones.

    ``found`` of ``named`` official days were judged coarse; POD is their share, NaN without named days. The
    list of named days is not complete, so days judged coarse that it lacks are no false alarms.
    """

    named: int
    found: int
    missed: tuple[str, ...]
    not_assessable: int

    @property
    def pod(self) -> float:
        """Return the probability of detection of the named days [1]."""
        return self.found / self.named if self.named else float("nan")


def measured_days(signs: Signs, city: City, first: date, last: date, as_of: datetime) -> tuple[DustDay, ...]:
    """Judge every local day of a city from the first to the last, by what was known at an instant.

    Parameters
    ----------
    signs : where readings and signs of origin come from
    as_of : nothing received later is read
    """
    begin, end = local_day_bounds(first, city.timezone)[0], local_day_bounds(last, city.timezone)[1]
    found = city_particles(signs.panel, city, begin, end, as_of)
    days = []
    for day in days_between(first, last):
        since = onset(found, city, day)
        stop = local_day_bounds(day, city.timezone)[1]
        evidence = origin_signs(signs, city, since, stop, as_of) if since else ()
        days.append(measured_day(found, city, day, evidence))
    return tuple(days)


def coarse_stretches(
    panel: AsOfPanel, city: City, first: date, last: date, as_of: datetime
) -> list[tuple[datetime, datetime]]:
    """Return, for each day with a coarse interval, from when the first began to the end of the day [UTC]."""
    begin, end = local_day_bounds(first, city.timezone)[0], local_day_bounds(last, city.timezone)[1]
    found = city_particles(panel, city, begin, end, as_of)
    since = [(onset(found, city, day), day) for day in days_between(first, last)]
    return [(start, local_day_bounds(day, city.timezone)[1]) for start, day in since if start]


def events(days: Sequence[DustDay]) -> list[tuple[DustDay, ...]]:
    """Return runs of consecutive days with coarse particles; one day without is no end of a run.

    Examples
    --------
    >>> def at(day, verdict):
    ...     return DustDay("seoul", f"2017-05-{day:02}", 0, verdict, 1.0, 9, 24, 200.0, 300.0, 0.2, True)
    >>> [len(run) for run in events([at(6, "dust"), at(7, "none"), at(8, "dust"), at(20, "pm10_event")])]
    [2, 1]
    """
    runs: list[list[DustDay]] = []
    for day in (d for d in days if d.verdict in COARSE):
        gap = timedelta(days=2)
        if runs and date.fromisoformat(day.day) - date.fromisoformat(runs[-1][-1].day) <= gap:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [tuple(run) for run in runs]


def score_official(days: Iterable[DustDay], official: Iterable[OfficialDay]) -> OfficialScore:
    """Compare judged days with the official ones among them."""
    by_key = {(d.city, d.day): d for d in days}
    asked = [by_key[key] for o in official if (key := (o.city, o.day.isoformat())) in by_key]
    assessable = [d for d in asked if d.verdict != "unknown"]
    hits = [d for d in assessable if d.verdict in COARSE]
    missed = tuple(d.day for d in assessable if d not in hits)
    return OfficialScore(len(assessable), len(hits), missed, len(asked) - len(assessable))


@cache
def official_days() -> tuple[tuple[OfficialDay, ...], tuple[OfficialCount, ...]]:
    """Return the sourced days and counts of the packaged table (``official_dust.toml``).

    Raises
    ------
    PolicyError
        a row lacks something

    Examples
    --------
    >>> days, counts = official_days()
    >>> all(d.source for d in days), len(counts) > 0
    (True, True)
    """
    text = (resources.files("forecasting.transport") / "official_dust.toml").read_text("utf-8")
    table = tomllib.loads(text)
    try:
        days = tuple(OfficialDay(r["city"], r["day"], r["source"]) for r in table["day"])
        counts = tuple(
            OfficialCount(r["city"], r["first"], r["last"], r["days"], r["source"]) for r in table["count"]
        )
    except KeyError as error:
        raise PolicyError(
            f"official_dust.toml: a row lacks {error}; compare it with its neighbours"
        ) from error
    return days, counts


def follows(
    upwind: Iterable[DustDay],
    downwind: Iterable[DustDay],
    within: int = 3,
    counts: Callable[[DustDay], bool] = lambda d: d.verdict in COARSE,
) -> tuple[int, int, int, int]:
    """Count events of one city that are followed by coarse days of another 0 to ``within`` days later.

    Returns
    -------
    events followed, events, days followed, days: the last two for every day of the upwind city, as the
    chance level of the same stretch
    """
    up = [d for d in upwind if d.verdict != "unknown"]
    hit = {d.day for d in downwind if counts(d)}
    known = {d.day for d in downwind if d.verdict != "unknown"}

    def followed(day: str) -> bool | None:
        later = [(date.fromisoformat(day) + timedelta(days=n)).isoformat() for n in range(within + 1)]
        return any(x in hit for x in later) if all(x in known for x in later) else None

    starts = [followed(run[0].day) for run in events([d for d in up if counts(d)])]
    every = [followed(d.day) for d in up]
    return (
        sum(f is True for f in starts),
        sum(f is not None for f in starts),
        sum(f is True for f in every),
        sum(f is not None for f in every),
    )


LOOK_BACK: Final = timedelta(hours=UPWIND_HOURS) + timedelta(days=2)
"""How much past of a day is read for its signs."""
