"""How often successive forecasts change their mind about an episode, with and without damping; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby, pairwise
from statistics import mean
from typing import Any, Final

from alerts.episode_scores import Measured, verdicts
from alerts.episodes import Episode
from alerts.policy import Policy
from alerts.policy_play import Alarm, Cycle, followed, play, undamped, without_hysteresis, without_persistence
from pipeline.times import local_date, parse_instant

SEASONS: Final = ("winter", "spring", "summer", "autumn")

VARIANTS: Final[dict[str, Callable[[Policy], Policy]]] = {
    "policy": lambda policy: policy,
    "no persistence": without_persistence,
    "no hysteresis": without_hysteresis,
    "undamped": undamped,
}
"""The policy and what is left of it without one, or both, of the two ways in which it damps."""


@dataclass(frozen=True)
class FlipFlop:
    """Changes of mind about the episodes of one city that opened in one season, or in all of them.

    ``taken_back`` counts episodes that ended before they began, ``reopened`` those that opened for days of
    which one that had ended spoke, ``level_changes`` changes of level between successive cycles, ``swings``
    those that undo the change before; ``per_episode`` is the sum of the first three per opened episode.
    """

    city: str
    season: str
    opened: int
    taken_back: int
    reopened: int
    level_changes: int
    swings: int
    splits: int
    merges: int

    @property
    def per_episode(self) -> float | None:
        """Return changes of mind per opened episode, None where none opened."""
        changes = self.taken_back + self.reopened + self.level_changes
        return round(changes / self.opened, 2) if self.opened else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return {**asdict(self), "per_episode": self.per_episode}


def season_of(day: date) -> str:
    """Return the season of a day; a winter bears the years in which it begins and ends.

    >>> [season_of(date(2019, 12, 1)), season_of(date(2020, 2, 29)), season_of(date(2020, 3, 1))]
    ['winter 2019/20', 'winter 2019/20', 'spring 2020']
    """
    name = SEASONS[day.month % 12 // 3]
    if name != "winter":
        return f"{name} {day.year}"
    first = day.year if day.month == 12 else day.year - 1
    return f"{name} {first}/{(first + 1) % 100:02d}"


def flip_flops(episodes: Sequence[Episode], timezones: Mapping[str, str]) -> tuple[FlipFlop, ...]:
    """Count the changes of mind by city and season, and over all seasons (``season`` "all")."""
    found = []
    for city, zone in timezones.items():
        mine = sorted((e for e in episodes if e.city == city and _opened(e)), key=_first_issue)
        reopened = {e.id for n, e in enumerate(mine) if any(_spoke_before(old, e) for old in mine[:n])}
        seasons = [(season_of(local_date(parse_instant(_first_issue(e)), zone)), e) for e in mine]
        found.append(_counted(city, "all", mine, reopened))
        for season, rows in groupby(seasons, key=lambda row: row[0]):
            found.append(_counted(city, season, [e for _, e in rows], reopened))
    return tuple(found)


def damping_report(
    cycles: Sequence[Cycle], policy: Policy, measured: Mapping[str, Measured]
) -> list[dict[str, Any]]:
    """Return what each way of damping does to changes of mind, and its price in lead time and alarms.

    ``lead_hours_lost`` is the mean, over measured episodes of which both the variant and the undamped policy
    warned, of the lead of the undamped one minus that of the variant [h]: above 0 where damping costs time,
    below where it gains some. ``warned_less`` are episodes of which only the undamped policy warned.
    """
    zones = {city: side.timezone for city, side in measured.items()}
    leads = {name: _leads(play(cycles, change(policy)), measured) for name, change in VARIANTS.items()}
    found = []
    for name, change in VARIANTS.items():
        for row in flip_flops(followed(cycles, change(policy)), zones):
            plain: dict[str, Any] = {"rule": name, **row.to_dict()}
            if row.season == "all":
                plain |= _price(leads[name][row.city], leads["undamped"][row.city])
            found.append(plain)
    return found


def _leads(alarms: Sequence[Alarm], measured: Mapping[str, Measured]) -> dict[str, dict[str, float]]:
    return {
        city: {v.onset: v.lead_hours for v in verdicts(alarms, side) if v.lead_hours is not None}
        for city, side in measured.items()
    }


def _price(mine: Mapping[str, float], plain: Mapping[str, float]) -> dict[str, Any]:
    lost = [plain[onset] - lead for onset, lead in mine.items() if onset in plain]
    return {
        "episodes_compared": len(lost),
        "lead_hours_lost": round(mean(lost), 1) if lost else None,
        "warned_less": len(set(plain) - set(mine)),
        "warned_more": len(set(mine) - set(plain)),
    }


def _counted(city: str, season: str, episodes: Sequence[Episode], reopened: set[str]) -> FlipFlop:
    steps = [_level_steps(e) for e in episodes]
    return FlipFlop(
        city=city,
        season=season,
        opened=len(episodes),
        taken_back=sum(_taken_back(e) for e in episodes),
        reopened=sum(e.id in reopened for e in episodes),
        level_changes=sum(map(len, steps)),
        swings=sum(a * b < 0 for own in steps for a, b in pairwise(own)),
        splits=sum(bool(e.now.split_from) for e in episodes),
        merges=sum(bool(e.now.merged_into) for e in episodes),
    )


def _opened(episode: Episode) -> bool:
    return any(r.status == "open" for r in episode.revisions)


def _first_issue(episode: Episode) -> str:
    """Return the issue time of the cycle that opened an episode which did open."""
    return next(r.issue_time for r in episode.revisions if r.status == "open")


def _level_steps(episode: Episode) -> list[int]:
    levels = [r.level for r in episode.revisions if r.status == "open"]
    return [later - earlier for earlier, later in pairwise(levels) if later != earlier]


def _taken_back(episode: Episode) -> bool:
    """Tell whether an episode ended, without living on in another, before it was to begin."""
    now = episode.now
    return now.status in ("ended", "withdrawn") and not now.merged_into and now.issue_time <= now.onset


def _spoke_before(old: Episode, new: Episode) -> bool:
    """Tell whether an episode that had ended spoke of days of one that opened after it."""
    first = next(r for r in new.revisions if r.status == "open")
    last = next((r for r in reversed(old.revisions) if r.status == "open"), old.now)
    if old.now.status == "open" or old.now.issue_time > first.issue_time or new.now.split_from == old.id:
        return False
    return last.onset < first.end and first.onset < last.end
