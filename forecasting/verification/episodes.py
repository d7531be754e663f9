"""Episodes: stretches of days above a threshold, which of them was warned of before it began, how early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.verification.losses import DECISION_PROBABILITY
from forecasting.verification.pairs import DAYS, Group
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]
Rows = list[dict[str, Any]]

NEVER = np.datetime64("NaT", "ns")


def runs_of(days: Ints, above: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last position of every stretch of successive days that are above.

    Parameters
    ----------
    days : (day,) ascending day numbers; a missing day ends a stretch
    above : (day,)

    Examples
    --------
    >>> runs_of(np.array([1, 2, 3, 5, 6]), np.array([False, True, True, True, False]))
    [(1, 2), (3, 3)]
    """
    at = np.flatnonzero(above)
    if not len(at):
        return []
    breaks = np.flatnonzero((np.diff(at) > 1) | (np.diff(days[at]) > 1)) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(at, breaks)]


def episode_tables(groups: Sequence[Group]) -> tuple[Rows, Rows]:
    """Return a summary by city, model, threshold and period, and the list of all episodes.

    An episode is ``hit`` when a cycle gave its first day a probability of DECISION_PROBABILITY before that
    day began, ``late`` when only a cycle within that day or a later one of the episode did, else ``missed``.
    ``lead_hours`` counts from the first such cycle to the beginning of the first day. ``false_alarms`` are
    stretches of days warned of before they began of which no day was above.

    Parameters
    ----------
    groups : all groups; only those of day means are read
    """
    summary: Rows = []
    listed: Rows = []
    for city in dict.fromkeys(g.city for g in groups):
        daily = [g for g in groups if g.city == city and g.target in DAYS]
        if not daily:
            continue
        days, place = np.unique(np.concatenate([g.day for g in daily]), return_inverse=True)
        observed = np.full(len(days), np.nan)
        observed[place] = np.concatenate([g.observed for g in daily])
        begins = _begins(daily, place, len(days))
        shared = set.intersection(*(set(g.models) for g in daily))
        for model in sorted(shared):
            for i, threshold in enumerate(PM_THRESHOLDS):
                key = {"city": city, "model": model, "threshold": threshold}
                first = _first_warnings(daily, model, i, place, len(days))
                mine = _episodes(key, days, observed, begins, first)
                listed += mine
                summary += _summaries(key, mine, _false_alarms(days, observed > threshold, begins, first))
    return summary, listed


def _begins(daily: Sequence[Group], place: Ints, count: int) -> Times:
    """Return when each local day begins [UTC]."""
    found = np.full(count, NEVER)
    found[place] = np.concatenate([g.begins for g in daily])
    return found


def _first_warnings(daily: Sequence[Group], model: str, threshold: int, place: Ints, count: int) -> Times:
    """Return the first cycle that gave each day the probability needed; NaT where none did."""
    late = np.iinfo(np.int64).max
    first = np.full(count, late)
    p = np.concatenate([g.probability[g.of(model)][:, threshold] for g in daily])
    issue = np.concatenate([g.issue for g in daily]).astype(np.int64)
    warned = p >= DECISION_PROBABILITY
    np.minimum.at(first, place[warned], issue[warned])
    return np.where(first == late, NEVER, first.astype("datetime64[ns]"))


def _episodes(key: dict[str, Any], days: Ints, observed: Floats, begins: Times, first: Times) -> Rows:
    rows: Rows = []
    for low, high in runs_of(days, observed > key["threshold"]):
        within = first[low : high + 1]
        known = within[~np.isnat(within)]
        ahead = first[low] <= begins[low]
        hours = (begins[low] - first[low]) / np.timedelta64(1, "h") if ahead else None
        rows.append(
            {
                **key,
                "first_day": str(days[low].astype("datetime64[D]")),
                "last_day": str(days[high].astype("datetime64[D]")),
                "days": high - low + 1,
                "peak": float(observed[low : high + 1].max()),
                "outcome": "hit" if ahead else "late" if len(known) else "missed",
                "first_cycle": str(known.min().astype("datetime64[m]")) + "Z" if len(known) else None,
                "lead_hours": None if hours is None else float(hours),
            }
        )
    return rows


def _false_alarms(days: Ints, above: npt.NDArray[np.bool_], begins: Times, first: Times) -> list[str]:
    """Return the first days of stretches warned of in vain."""
    warned = first <= begins
    return [
        str(days[low].astype("datetime64[D]"))
        for low, high in runs_of(days, warned)
        if not above[low : high + 1].any()
    ]


def _summaries(key: dict[str, Any], episodes: Rows, vain: Sequence[str]) -> Rows:
    rows: Rows = []
    for period in ("all", "without 2020", "2020"):
        mine = [e for e in episodes if _within(e["first_day"], period)]
        alarms = sum(_within(day, period) for day in vain)
        if not mine and not alarms:
            continue
        outcomes = [e["outcome"] for e in mine]
        hours = pd.Series([e["lead_hours"] for e in mine if e["outcome"] == "hit"], dtype=float)
        rows.append(
            {
                **key,
                "period": period,
                "episodes": len(mine),
                **{name: outcomes.count(name) for name in ("hit", "late", "missed")},
                "false_alarms": alarms,
                "hit_rate": outcomes.count("hit") / len(mine) if mine else None,
                "median_lead_hours": float(hours.median()) if len(hours) else None,
                "undefined": "" if mine else "no episode occurred",
            }
        )
    return rows


def _within(day: str, period: str) -> bool:
    return period == "all" or day.startswith("2020") == (period == "2020")
