"""What a policy would have done over a season: episodes opened, carried and closed, cycle by cycle; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.assessment import CityAssessment, RunFacts
from alerts.episodes import Episode
from alerts.follow import follow_episodes
from alerts.policy import Policy
from pipeline.times import FORECAST_DAYS, parse_instant

Cycle = tuple[RunFacts, tuple[CityAssessment, ...]]


@dataclass(frozen=True)
class Said:
    """What a cycle said of an episode: from when to when it would be, and until when that stood."""

    at: datetime
    onset: datetime
    end: datetime
    until: datetime


@dataclass(frozen=True)
class Alarm:
    """An episode of a city that opened, with everything said while it was open, oldest first."""

    id: str
    city: str
    said: tuple[Said, ...]


def play(cycles: Iterable[Cycle], policy: Policy) -> tuple[Alarm, ...]:
    """Return every alarm that a policy raises over successive cycles, by first issue.

    An alarm is an episode from the cycle that opens it; candidates that were withdrawn are none. Every
    version is taken as approved at once: what people would have held back is not known.
    """
    alarms = (_alarm(episode) for episode in followed(cycles, policy))
    return tuple(sorted((a for a in alarms if a.said), key=lambda a: (a.said[0].at, a.id)))


def followed(cycles: Iterable[Cycle], policy: Policy) -> tuple[Episode, ...]:
    """Return every episode that a policy follows over successive cycles, with all its revisions."""
    held: dict[str, tuple[Episode, ...]] = {}
    history: dict[str, Episode] = {}
    for run, cities in cycles:
        for city in cities:
            found = follow_episodes(city, held.get(city.city, ()), policy, run)
            history |= {e.id: e for e in found}
            held[city.city] = tuple(e for e in found if e.ledger_state == "open")
    return tuple(history.values())


def undamped(policy: Policy) -> Policy:
    """Return a policy that acts on every cycle at once: no persistence over cycles and no hysteresis."""
    return without_hysteresis(without_persistence(policy))


def without_persistence(policy: Policy) -> Policy:
    """Return a policy under which one cycle opens and one ends an episode, however far ahead it lies."""
    terms = replace(policy.persistence, immediate_lead_days=FORECAST_DAYS, cycles_to_open=1, cycles_to_end=1)
    return replace(policy, persistence=terms)


def without_hysteresis(policy: Policy) -> Policy:
    """Return a policy that keeps no level below the probability that opens it."""
    return replace(
        policy,
        probability=replace(policy.probability, keep=policy.probability.open),
        chosen=tuple(replace(row, keep=row.open) for row in policy.chosen),
    )


def joint_alarms(alarms: Sequence[Alarm]) -> int:
    """Count the pairs of alarms of two cities that were open in one cycle for overlapping times."""
    pairs = set()
    for one in alarms:
        for other in (a for a in alarms if a.city > one.city):
            mine = {s.at: s for s in one.said}
            both = ((mine[s.at], s) for s in other.said if s.at in mine)
            if any(a.onset < b.end and b.onset < a.end for a, b in both):
                pairs.add((one.id, other.id))
    return len(pairs)


def _alarm(episode: Episode) -> Alarm:
    said = []
    for number, revision in enumerate(episode.revisions):
        if revision.status != "open":
            continue
        end = parse_instant(revision.end)
        later = episode.revisions[number + 1 : number + 2]
        until = min(end, parse_instant(later[0].issue_time)) if later else end
        said.append(Said(parse_instant(revision.issue_time), parse_instant(revision.onset), end, until))
    return Alarm(episode.id, episode.city, tuple(said))
