"""What the other party's data are worth in lead time: two hindcasts played at the same number of alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alerts.episode_scores import Measured, score
from alerts.lead_gained import Played, at_equal_rate, episode_leads, gain, played
from alerts.policy import Policy
from alerts.policy_play import Cycle
from flows.assess import policy_of
from flows.policy_explain import side_of
from flows.policy_source import Asked, cycles_of, measured_means, predictions_of
from flows.verification import caveats_of
from flows.verification_sources import Source
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import UsageError

SAME: Final = ("train_until", "leave_out_years", "weather", "frozen")
"""What two hindcasts must have in common, beside their issues, so that only the other party's data differ."""

SEED: Final = 11

LIMITS: Final = (
    "lead = onset - first issue that stood; missed or warned of after its beginning: 0",
    "equal alarm rate: the probabilities of the poorer model are multiplied until it raises as many alarms",
    "the interval is over episodes; that of the factor is not in it",
)


@dataclass(frozen=True)
class Compared:
    """Which issues, the folder of the full hindcast, and the folders of those without a party's air."""

    world: str
    first: date
    last: date
    hindcast: Path
    without: tuple[Path, ...]


def lead_gained(ws: Workspace, asked: Compared) -> dict[str, Any]:
    """Return the lead gained in every city whose forecasts were also made without the other party's air.

    Raises
    ------
    UsageError
        a hindcast that lacks no party's air, or differs in more than that
    """
    policy = policy_of(ws)
    full, rows = predictions_of(ws, Asked(asked.world, asked.first, asked.last, asked.hindcast))
    if full.facts.get("without_air_of"):
        raise UsageError(f"{asked.hindcast} was made without air of {full.facts['without_air_of']}")
    means = measured_means(ws, asked.world, rows["valid_end"].max())
    cycles = list(cycles_of(rows, means, asked.world))
    found = []
    for folder in asked.without:
        poorer, others = predictions_of(ws, Asked(asked.world, asked.first, asked.last, folder))
        _check_same(full, poorer, folder)
        lacking = str(poorer.facts["without_air_of"])
        _check_issues(rows[rows["city"] != lacking], others[others["city"] != lacking], folder)
        less = list(cycles_of(others, means, asked.world))
        for city in (c for c in all_cities().values() if c.id != lacking):
            side = side_of(ws, asked.world, city, policy, means, cycles)
            plays = (_only(cycles, city.id), _only(less, city.id))
            found.append({"without_air_of": lacking, **_of_city(plays, policy, side)})
    return {
        "policy": policy.version,
        "world": asked.world,
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "source": full.facts,
        "caveats": [*caveats_of(asked.world, full.caveats), *LIMITS],
        "cities": found,
    }


def _check_same(full: Source, poorer: Source, folder: Path) -> None:
    if not poorer.facts.get("without_air_of"):
        raise UsageError(f"{folder} lacks no party's air; `sameair hindcast --without-air-of CITY` makes one")
    for key in SAME:
        if full.facts.get(key) != poorer.facts.get(key):
            raise UsageError(
                f"the hindcasts differ in {key}: {full.facts.get(key)} and {poorer.facts.get(key)} ({folder})"
            )


def _check_issues(rows: pd.DataFrame, others: pd.DataFrame, folder: Path) -> None:
    """Refuse a hindcast of other issues: where one is silent, nothing was missed for lack of data."""
    mine, theirs = (set(zip(t["city"], t["issue_time"], strict=True)) for t in (rows, others))
    if mine != theirs:
        raise UsageError(
            f"the hindcasts differ in their issues between --from and --to: {len(mine - theirs)} are lacking "
            f"in {folder}, {len(theirs - mine)} stand there alone"
        )


def _only(cycles: Sequence[Cycle], city: str) -> list[Cycle]:
    return [(run, tuple(a for a in cities if a.city == city)) for run, cities in cycles]


def _of_city(plays: tuple[list[Cycle], list[Cycle]], policy: Policy, side: Measured) -> dict[str, Any]:
    full = played(plays[0], policy, side)
    same = played(plays[1], policy, side)
    equal = at_equal_rate(plays[1], policy, side, full)
    leads = episode_leads(full, equal, side)
    rest = [one for one in leads if not one.measures]
    return {
        "city": side.city,
        "threshold": side.threshold,
        "full": _told(full, side),
        "poorer": _told(same, side),
        "poorer_at_equal_rate": _told(equal, side),
        "gained": gain(leads, seed=SEED),
        "gained_without_measures": gain(rest, seed=SEED),
        "gained_at_equal_probability": gain(episode_leads(full, same, side), seed=SEED),
        "episodes": [one.to_dict() for one in leads],
    }


def _told(one: Played, side: Measured) -> Mapping[str, Any]:
    scored = score(one.alarms, replace(side, measures=frozenset()))
    kept = ("alarms", "hits", "late", "missed", "false_alarms", "warned", "over_warned")
    return {"factor": one.factor, **{key: getattr(scored, key) for key in kept}}
