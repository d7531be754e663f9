"""Lead gained: how much sooner one set of forecasts warned than another with as many alarms; pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Final

from alerts.episode_scores import Measured, score, verdicts
from alerts.policy import Policy
from alerts.policy_play import Alarm, Cycle, play
from pipeline.times import parse_instant

FACTORS: Final = tuple(round(1.05**n, 4) for n in range(-16, 17))
"""By which the probabilities of the policy are multiplied in search of the same number of alarms."""

DRAWS: Final = 2000
SEASON_BEGINS: Final = 7
"""Month from which an episode belongs to the season of that and the following year."""


@dataclass(frozen=True)
class Played:
    """What the policy, its probabilities times ``factor``, made of one set of forecasts in one city."""

    factor: float
    alarms: tuple[Alarm, ...]
    warned: float


@dataclass(frozen=True)
class EpisodeLead:
    """Lead of both sets on one measured episode [h]; 0 where missed, or warned of after it had begun."""

    onset: str
    highest: float
    measures: bool
    lead: float
    lead_without: float

    @property
    def season(self) -> str:
        """Return the season of the onset, such as ``2018/19``."""
        at = parse_instant(self.onset)
        year = at.year if at.month >= SEASON_BEGINS else at.year - 1
        return f"{year}/{(year + 1) % 100:02d}"

    @property
    def gained(self) -> float:
        """Return the lead gained [h]."""
        return self.lead - self.lead_without

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return {**asdict(self), "season": self.season, "gained": self.gained}


def scaled(policy: Policy, factor: float) -> Policy:
    """Return the policy with every probability that opens, keeps or acts at once multiplied, at most 1.

    >>> from alerts.policy import load_policy
    >>> policy = load_policy()
    >>> scaled(policy, 1.5).persistence.immediate_probability
    1.0
    """

    def times(value: float) -> float:
        return min(1.0, value * factor)

    p, s = policy.probability, policy.persistence
    return replace(
        policy,
        probability=replace(p, open=times(p.open), keep=times(p.keep)),
        persistence=replace(s, immediate_probability=times(s.immediate_probability)),
        chosen=tuple(
            replace(row, open=tuple(map(times, row.open)), keep=tuple(map(times, row.keep)))
            for row in policy.chosen
        ),
    )


def played(cycles: Sequence[Cycle], policy: Policy, side: Measured, factor: float = 1.0) -> Played:
    """Play a policy over the forecasts of one city."""
    alarms = play(cycles, scaled(policy, factor))
    return Played(factor, alarms, score(alarms, side).warned)


def at_equal_rate(cycles: Sequence[Cycle], policy: Policy, side: Measured, wanted: Played) -> Played:
    """Return the play with as many alarms as wanted, or nearly; then the one nearest in hours and factor."""
    tried = [played(cycles, policy, side, factor) for factor in FACTORS]
    count = len(wanted.alarms)
    return min(
        tried,
        key=lambda p: (abs(len(p.alarms) - count), abs(p.warned - wanted.warned), abs(math.log(p.factor))),
    )


def episode_leads(full: Played, without: Played, side: Measured) -> tuple[EpisodeLead, ...]:
    """Return the leads of both on every measured episode."""
    first, other = (
        {v.onset: v for v in verdicts(p.alarms, side) if v.outcome in ("hit", "late", "missed")}
        for p in (full, without)
    )
    return tuple(
        EpisodeLead(
            onset,
            verdict.highest or 0.0,
            verdict.measures,
            max(verdict.lead_hours or 0.0, 0.0),
            max(other[onset].lead_hours or 0.0, 0.0),
        )
        for onset, verdict in first.items()
    )


def gain(leads: Sequence[EpisodeLead], *, seed: int) -> dict[str, Any]:
    """Return the mean lead gained [h] with its 90 % interval over resampled episodes, and by season.

    >>> one = EpisodeLead("2019-01-01T15:00:00Z", 80.0, False, 24.0, 12.0)
    >>> gain([one, one], seed=1)
    {'episodes': 2, 'hours': 12.0, 'low': 12.0, 'high': 12.0, 'seasons': {'2018/19': 12.0}}
    """
    if not leads:
        return {"episodes": 0, "hours": None, "low": None, "high": None, "seasons": {}}
    gained = [one.gained for one in leads]
    rng = random.Random(seed)  # noqa: S311 - resampling, nothing secret
    drawn = sorted(fmean(rng.choices(gained, k=len(gained))) for _ in range(DRAWS))
    seasons = sorted({one.season for one in leads})
    by_season = {s: round(fmean(one.gained for one in leads if one.season == s), 1) for s in seasons}
    return {
        "episodes": len(leads),
        "hours": round(fmean(gained), 1),
        "low": round(drawn[round(0.05 * (DRAWS - 1))], 1),
        "high": round(drawn[round(0.95 * (DRAWS - 1))], 1),
        "seasons": by_season,
    }
