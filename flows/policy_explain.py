"""What the policy would have done over a season, from predictions that were stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alerts.assessment import CityAssessment, RunFacts
from alerts.content import DayOutlook
from alerts.episode_scores import Measured, score, verdicts
from alerts.policy import Policy
from alerts.policy_play import Alarm, Cycle, joint_alarms, play, undamped
from flows.assess import policy_of
from flows.verification import caveats_of, truth_panel, whole_truth
from flows.verification_sources import Source, read_hindcast, read_runs
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from forecasting.verification.pairs import day_means_by_number
from pipeline.cities import City, all_cities
from pipeline.errors import UsageError
from pipeline.names import PM_THRESHOLDS
from pipeline.times import FORECAST_DAYS, iso, local_date

PAST_DAYS: Final = 3
"""Measured days before the issue that a cycle still looks at, so that an episode keeps its onset."""

LIMITS: Final = (
    "every version counts as approved at once; what people would have held back is not known",
    "links are not judged, since tables hold no joint futures: joint alarms are those of both cities at once",
    "measured days are taken as known today, not as received by each issue",
)
"""What a reader must know of the figures."""

Means = Mapping[str, Mapping[date, float]]


@dataclass(frozen=True)
class Asked:
    """Which issues of which world, from the folder of a hindcast or, without, from the stored runs."""

    world: str
    first: date
    last: date
    hindcast: Path | None = None


def explain_policy(ws: Workspace, asked: Asked) -> dict[str, Any]:
    """Return what the policy in force would have done, scored beside the same policy without damping.

    Raises
    ------
    UsageError
        dates reversed, or no prediction between them
    """
    if asked.last < asked.first:
        raise UsageError(f"--to {asked.last} lies before --from {asked.first}")
    policy, source, rows = policy_of(ws), *_predictions(ws, asked)
    means = _measured(ws, asked.world, rows["valid_end"].max())
    cycles = list(_cycles(rows, means, asked.world))
    plays = {"policy": play(cycles, policy), "undamped": play(cycles, undamped(policy))}
    sides = {city.id: _side(city, policy, means, cycles) for city in all_cities().values()}
    return {
        "policy": policy.version,
        "world": asked.world,
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "cycles": len(cycles),
        "source": source.facts,
        "caveats": [*caveats_of(asked.world, source.caveats), *LIMITS],
        "thresholds": {city: policy.thresholds(city)[0] for city in sides},
        "joint_alarms": {name: joint_alarms(alarms) for name, alarms in plays.items()},
        "scores": [
            {"rule": name, **score(alarms, side).to_dict()}
            for side in sides.values()
            for name, alarms in plays.items()
        ],
        "episodes": [v.to_dict() for side in sides.values() for v in verdicts(plays["policy"], side)],
        "damping": {city: _damping(plays, side) for city, side in sides.items()},
    }


def _predictions(ws: Workspace, asked: Asked) -> tuple[Source, pd.DataFrame]:
    """Return the daily rows of the operational model of the issues asked for."""
    if asked.hindcast is not None:
        source = read_hindcast(asked.hindcast)
    else:
        source = read_runs(ws, asked.world, asked.first, asked.last)
    if "pm2p5" not in source.tables:
        raise UsageError("there are no predictions of PM2.5")
    rows = source.tables["pm2p5"]
    rows = rows[(rows["model"] == OPERATIONAL) & (rows["target"] == "daily")].dropna(subset=["mean"])
    day = rows["issue_time"].dt.tz_convert("UTC").dt.date
    rows = rows[(day >= asked.first) & (day <= asked.last)]
    if rows.empty:
        raise UsageError("no issue of these predictions lies between --from and --to")
    return source, rows


def _measured(ws: Workspace, world: str, until: pd.Timestamp) -> Means:
    truth = whole_truth(truth_panel(ws, world), "pm2p5", until)
    epoch = date(1970, 1, 1)
    return {
        city: {
            epoch + timedelta(days=number): value
            for number, value in _pairs(day_means_by_number(truth, city))
        }
        for city in all_cities()
    }


def _pairs(means: pd.Series) -> Iterator[tuple[int, float]]:
    yield from zip(means.index.tolist(), means.tolist(), strict=True)


def _cycles(rows: pd.DataFrame, means: Means, world: str) -> Iterator[Cycle]:
    """Yield every issue as a run saw it: days forecast, and the last measured ones before."""
    for stamp, issue in rows.groupby("issue_time", sort=True):
        at = pd.Timestamp(str(stamp)).to_pydatetime()
        run = RunFacts(iso(at), world, "replay", at, at, str(issue["model_id"].iloc[0]))
        cities = []
        for city in all_cities().values():
            today = local_date(at, city.timezone)
            coming = issue[issue["city"] == city.id].sort_values("lead_day")
            days = [_forecast(row, today) for row in coming.to_dict("records")]
            past = _past(means[city.id], today) if days else []
            blind = "" if days else "no prediction is stored"
            cities.append(
                CityAssessment(city.id, city.party, city.timezone, (*past, *days), not_assessable=blind)
            )
        yield run, tuple(cities)


def _forecast(row: Mapping[Any, Any], today: date) -> DayOutlook:
    lead = int(row["lead_day"])
    return DayOutlook(
        (today + timedelta(days=lead)).isoformat(),
        lead,
        float(row["mean"]),
        float(row["q10"]),
        float(row["q90"]),
        {str(t): float(row[f"p_gt_{t}"]) for t in PM_THRESHOLDS},
        float(row["observed_share"]),
    )


def _past(means: Mapping[date, float], today: date) -> list[DayOutlook]:
    found = []
    for back in range(PAST_DAYS, 0, -1):
        value = means.get(today - timedelta(days=back))
        if value is not None:
            chances = {str(t): float(value > t) for t in PM_THRESHOLDS}
            day = (today - timedelta(days=back)).isoformat()
            found.append(DayOutlook(day, -back, value, value, value, chances, 1.0))
    return found


def _side(city: City, policy: Policy, means: Means, cycles: list[Cycle]) -> Measured:
    """Return what was measured on the days that the cycles could have warned of."""
    first = local_date(cycles[0][0].issue_time, city.timezone)
    last = local_date(cycles[-1][0].issue_time, city.timezone) + timedelta(days=FORECAST_DAYS)
    mine = {day: value for day, value in means[city.id].items() if first <= day <= last}
    gap = policy.persistence.merge_gap_hours
    return Measured(city.id, city.timezone, policy.thresholds(city.id)[0], gap, mine)


def _damping(plays: Mapping[str, tuple[Alarm, ...]], side: Measured) -> dict[str, Any]:
    """Return what damping does to lead time [h], on the episodes warned of either way, and to reversals."""
    leads = {
        name: {v.onset: v.lead_hours for v in verdicts(alarms, side) if v.lead_hours is not None}
        for name, alarms in plays.items()
    }
    gained = [lead - leads["undamped"][o] for o, lead in leads["policy"].items() if o in leads["undamped"]]
    more = score(plays["policy"], side).reversals - score(plays["undamped"], side).reversals
    mean = round(sum(gained) / len(gained), 1) if gained else None
    return {"episodes": len(gained), "lead_hours_gained": mean, "reversals_more": more}
