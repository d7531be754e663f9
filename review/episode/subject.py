"""What an episode page is about: the episode, the run that is looked at, the day and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from alerts.episodes import Episode
from alerts.policy import Policy
from pipeline.cities import City, all_cities
from pipeline.ledger.episodes import EpisodeRow, read_episodes
from pipeline.ledger.runs import RunRow, runs_known
from pipeline.ledger.warning_tables import episodes, warning_episodes
from pipeline.ledger.warnings import VersionRow, read_versions
from pipeline.settings import Settings
from pipeline.times import FORECAST_DAYS, local_date, parse_instant
from review.desk.known import current_of_each_cycle
from review.desk.run_forecast import CityForecast, Day, forecast_of

RUNS = 400
"""So many of the newest runs of a world are looked at for those that count."""


@dataclass(frozen=True)
class Choice:
    """One day and threshold that may be looked at: lead day, date, concentration [ug m-3].

    ``chance`` is what the run gives it, ``needed`` the probability from which the policy opens the level, or
    keeps it where the episode ``holds`` it [1].
    """

    lead_day: int
    day: date
    threshold: int
    level: str
    chance: float
    needed: float
    holds: bool

    @property
    def verdict(self) -> str:
        """Return what this day alone does to the level: ``opens``, ``stays``, ``closed`` or ``lapses``."""
        if self.holds:
            return "stays" if self.chance >= self.needed else "lapses"
        return "opens" if self.chance >= self.needed else "closed"


@dataclass(frozen=True)
class Subject:
    """One episode as a run sees it.

    Parameters
    ----------
    row, episode : as it stood at ``at``
    city : whose episode it is
    runs : those that count up to the one that is looked at, newest first
    at : instant up to which anything is known [UTC]
    choices : days ahead and thresholds; ``focus`` is the one that the page tells of
    """

    row: EpisodeRow
    episode: Episode
    city: City
    runs: tuple[RunRow, ...]
    at: datetime
    forecast: CityForecast
    choices: tuple[Choice, ...]
    focus: Choice | None

    @property
    def run(self) -> RunRow:
        """Return the run that is looked at."""
        return self.runs[0]

    def of_day(self, day: date) -> Day | None:
        """Return what the run says of a local day."""
        return self.forecast.of_day(day)


def world_of_episode(conn: Connection, episode_id: str) -> str | None:
    """Return the world of an episode, None for an unknown one."""
    found = conn.execute(select(episodes.c.world).where(episodes.c.id == episode_id)).scalar()
    return None if found is None else str(found)


def find_episode(conn: Connection, world: str, episode_id: str) -> EpisodeRow | None:
    """Return an episode as it stands."""
    found = read_episodes(conn, world, [episode_id])
    return found[0] if found else None


def runs_until(conn: Connection, world: str, run_id: str | None, at: datetime) -> tuple[RunRow, ...]:
    """Return the runs that count, newest first: up to a named one, else up to an instant."""
    counted = current_of_each_cycle(runs_known(conn, world, at, RUNS))
    if run_id is None:
        return tuple(counted)
    place = next((i for i, run in enumerate(counted) if run.id == run_id), None)
    return () if place is None else tuple(counted[place:])


def subject_of(
    row: EpisodeRow,
    runs: tuple[RunRow, ...],
    at: datetime,
    policy: Policy,
    settings: Settings,
    asked: tuple[date | None, int | None] = (None, None),
) -> Subject:
    """Return what a page is about; ``asked`` names the day and threshold that somebody wants to see."""
    city, run = all_cities()[row.city], runs[0]
    whole = forecast_of(run, settings)
    forecast = whole.of(row.city) if whole is not None else CityForecast()
    episode = _as_known(Episode.from_dict(row.details), run)
    choices = choices_of(forecast, policy, city, episode.now.level if episode.ledger_state == "open" else 0)
    return Subject(row, episode, city, runs, at, forecast, choices, focus_of(choices, episode, asked))


def choices_of(forecast: CityForecast, policy: Policy, city: City, held: int) -> tuple[Choice, ...]:
    """Return the days ahead of a forecast by the levels of the policy, with what opens or keeps each.

    ``held`` is the number of the highest level that is open.
    """
    return tuple(
        Choice(day.lead_day, day.day, threshold, policy.level_id(number), chance, needed, number <= held)
        for day in forecast.days
        if 1 <= day.lead_day <= FORECAST_DAYS and not day.is_outlook
        for number, threshold in enumerate(policy.thresholds(city.id), 1)
        for asked in [policy.keeping if number <= held else policy.opening]
        for chance, needed in [(day.chance_over(threshold), asked(city.id, number, day.lead_day))]
        if chance is not None
    )


def focus_of(
    choices: tuple[Choice, ...], episode: Episode, asked: tuple[date | None, int | None]
) -> Choice | None:
    """Return the day and threshold that was asked for, else the level that hangs by least, by its best day.

    A level is decided by the day whose probability goes furthest beyond what it needs; days of the episode
    count first.
    """
    wanted = [c for c in choices if (c.day, c.threshold) == asked]
    if wanted:
        return wanted[0]
    last = local_date(parse_instant(episode.now.end), all_cities()[episode.city].timezone)
    first = local_date(parse_instant(episode.now.onset), all_cities()[episode.city].timezone)
    inside = [c for c in choices if first <= c.day <= last]
    by_level: dict[str, Choice] = {}
    for one in inside or choices:
        best = by_level.get(one.level, one)
        by_level[one.level] = max(best, one, key=lambda c: c.chance - c.needed)
    return min(by_level.values(), key=lambda c: abs(c.chance - c.needed), default=None)


def history_of(subject: Subject, policy: Policy) -> list[dict[str, Any]]:
    """Return what every run said of the episode, newest first, with instants in place of texts."""
    return [
        {
            **vars(one),
            "issue": parse_instant(one.issue_time),
            "onset": parse_instant(one.onset),
            "end": parse_instant(one.end),
            "level": policy.level_id(one.level) if one.level else "–",
        }
        for one in subject.episode.revisions[::-1]
    ]


def warnings_of(conn: Connection, episode_id: str) -> list[VersionRow]:
    """Return the newest version of every warning that speaks of an episode, the last written first."""
    query = select(warning_episodes.c.warning_id).where(warning_episodes.c.episode_id == episode_id)
    names = sorted({str(found) for found in conn.execute(query.distinct()).scalars()})
    newest = [versions[-1] for name in names if (versions := read_versions(conn, name))]
    return sorted(newest, key=lambda row: row.at, reverse=True)


def _as_known(episode: Episode, run: RunRow) -> Episode:
    """Return an episode with what runs up to one said of it; whole where none had spoken yet."""
    limit = run.cycle.strftime("%Y-%m-%dT%H:%M:%SZ")
    known = tuple(one for one in episode.revisions if one.issue_time <= limit)
    changed: dict[str, Any] = {"revisions": known}
    return Episode(**{**vars(episode), **changed}) if known else episode
