"""What the policy would have done over a season, from predictions that were stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from alerts.episode_scores import Measured, score, verdicts
from alerts.flip_flop import damping_report
from alerts.policy import Policy
from alerts.policy_play import Alarm, Cycle, joint_alarms, play, undamped
from flows.assess import policy_of
from flows.measures import days_with_measures
from flows.policy_source import Asked, Means, cycles_of, measured_means, predictions_of
from flows.verification import caveats_of
from flows.workspace import Workspace
from pipeline.cities import City, all_cities
from pipeline.times import FORECAST_DAYS, local_date

LIMITS: Final = (
    "every version counts as approved at once; what people would have held back is not known",
    "links are not judged, since tables hold no joint futures: joint alarms are those of both cities at once",
    "measured days are taken as known today, not as received by each issue",
)
"""What a reader must know of the figures."""


def explain_policy(ws: Workspace, asked: Asked) -> dict[str, Any]:
    """Return what the policy in force would have done, scored beside the same policy without damping.

    Raises
    ------
    UsageError
        dates reversed, or no prediction between them
    """
    policy, source, rows = policy_of(ws), *predictions_of(ws, asked)
    means = measured_means(ws, asked.world, rows["valid_end"].max())
    cycles = list(cycles_of(rows, means, asked.world))
    plays = {"policy": play(cycles, policy), "undamped": play(cycles, undamped(policy))}
    sides = {city.id: side_of(ws, asked.world, city, policy, means, cycles) for city in all_cities().values()}
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
        "without_measures": [
            {"rule": name, **score(alarms, side, with_measures=False).to_dict()}
            for side in sides.values()
            for name, alarms in plays.items()
        ],
        "measure_days": {city: len(side.measures & set(side.means)) for city, side in sides.items()},
        "episodes": [v.to_dict() for side in sides.values() for v in verdicts(plays["policy"], side)],
        "flip_flop": damping_report(cycles, policy, sides),
        "damping": {city: _damping(plays, side) for city, side in sides.items()},
    }


def side_of(
    ws: Workspace, world: str, city: City, policy: Policy, means: Means, cycles: list[Cycle]
) -> Measured:
    """Return what was measured on the days that the cycles could have warned of."""
    first = local_date(cycles[0][0].issue_time, city.timezone)
    last = local_date(cycles[-1][0].issue_time, city.timezone) + timedelta(days=FORECAST_DAYS)
    mine = {day: value for day, value in means[city.id].items() if first <= day <= last}
    gap = policy.persistence.merge_gap_hours
    threshold = policy.thresholds(city.id)[0]
    days = days_with_measures(ws, world, city, ws.clock())
    return Measured(city.id, city.timezone, threshold, gap, mine, days)


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
