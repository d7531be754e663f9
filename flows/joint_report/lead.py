"""What sharing was worth in lead time: episodes of the period alone, from hindcasts with and without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alerts.lead_gained import EpisodeLead, gain
from flows.joint_report.evidence import LEAD_DAYS
from flows.joint_report.period import Period
from flows.lead_gained import SEED, Compared, lead_gained
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.times import local_date, parse_instant

Plain = dict[str, Any]
_OF: Final = ("onset", "highest", "measures", "lead", "lead_without")


def lead_of(
    ws: Workspace, world: str, period: Period, hindcast: Path | None, without: Sequence[Path]
) -> list[Plain]:
    """Return by city the mean lead gained [h] with its interval over the episodes that begin in a period.

    Raises
    ------
    UsageError
        hindcasts that differ in more than the air of one party
    """
    if hindcast is None or not without:
        return []
    first, last = (period.start - LEAD_DAYS).date(), period.last
    found = lead_gained(ws, Compared(world, first, last, hindcast, tuple(without)))
    return [_of_city(one, period) for one in found["cities"]]


def _of_city(one: Plain, period: Period) -> Plain:
    zone = all_cities()[one["city"]].timezone
    mine = [e for e in one["episodes"] if _begins_in(period, e["onset"], zone)]
    leads = [EpisodeLead(**{name: e[name] for name in _OF}) for e in mine]
    gained = gain(leads, seed=SEED)
    kept = ("alarms", "hits", "late", "missed", "false_alarms")
    return {
        "city": one["city"],
        "without_air_of": one["without_air_of"],
        "threshold": one["threshold"],
        "episodes": gained["episodes"],
        **{name: gained[name] for name in ("hours", "low", "high")},
        "sooner": sum(lead.gained > 0 for lead in leads),
        "same": sum(lead.gained == 0 for lead in leads),
        "later": sum(lead.gained < 0 for lead in leads),
        "factor": one["poorer_at_equal_rate"]["factor"],
        "alarms": [{k: one[side][k] for k in kept} for side in ("full", "poorer_at_equal_rate")],
        "list": [e | {"gained": round(e["lead"] - e["lead_without"], 1)} for e in mine],
    }


def _begins_in(period: Period, onset: str, zone: str) -> bool:
    return period.first <= local_date(parse_instant(onset), zone) <= period.last
