"""What a forecaster asks of a run before believing it, written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from alerts.episodes import Episode
from alerts.policy import Policy, load_policy
from flows.party_air import without_air_of
from flows.plan import CyclePlan
from flows.workspace import Workspace
from forecasting.calibration.quantiles import Distribution
from forecasting.evidence.changed import Asked
from forecasting.evidence.partner import (
    Without,
    compared,
    forecast_without,
    is_open_question,
    members_by_day,
)
from forecasting.evidence.record import ISSUED, Past, held_out, held_out_past, record_of
from forecasting.evidence.stored import VERSION, Document, write_evidence
from forecasting.evidence.tipping import Decision, tipping
from forecasting.issue import OPERATIONAL
from forecasting.model import Model
from forecasting.saying import missing_groups, variant
from forecasting.weather_ahead import Manner, situations_of
from pipeline.asof import AsOfPanel
from pipeline.cities import City, partner_of
from pipeline.ledger.episodes import open_episodes
from pipeline.ledger.runs import predicted_between
from pipeline.paths import cities_in, day_means, observed_paths
from pipeline.storage.products import brought
from pipeline.threads import single_threaded
from pipeline.times import FORECAST_DAYS, from_ns, iso, to_ns

LOOK_BACK: Final = timedelta(days=120)
"""Runs of the same hour of the day are looked through this far back for such forecasts."""

Members = Mapping[int, npt.NDArray[np.float64]]
Tables = dict[str, dict[str, list[dict[Any, Any]]]]
LEADS: Final = tuple(range(1, FORECAST_DAYS + 1))


@dataclass(frozen=True)
class Ran:
    """A cycle as it was forecast: its series, its model, and the joint paths as published."""

    plan: CyclePlan
    panel: AsOfPanel
    model: Model | None
    published: xr.Dataset
    manner: Manner


@dataclass(frozen=True)
class _Shared:
    """What the evidence of all cities is made of, found once.

    Parameters
    ----------
    told : what the model says of the issues that it learned from
    asked : the issue as the model saw it
    held : by city the highest level of an open episode as earlier cycles left it
    tables : day means of earlier runs, by the path of their file, filled as they are read
    """

    told: Distribution | None
    asked: Asked | None
    held: Mapping[str, int]
    tables: Tables


def evidence_of(ws: Workspace, ran: Ran) -> Document:
    """Return the evidence beside a run, as plain data.

    Of every city: how often such forecasts came true, by lead day and threshold of the policy; the smallest
    change of one series that would have tipped the decision that hangs by least; and, where a threshold is
    possible at all, the forecast without the other side's air.
    """
    policy, hour = load_policy(ws.settings.policy_file), ran.plan.cycle.hour
    knows = ran.model is not None and hour in ran.model.hours
    told = single_threaded(held_out, ran.model.hours[hour]) if ran.model is not None and knows else None
    asked = single_threaded(_asked, ran, ran.model) if ran.model is not None and knows else None
    shared = _Shared(told, asked, _held(ws, ran), {})
    made = [single_threaded(_city, ws, ran, city, policy, shared) for city in cities_in(ran.published)]
    return {
        "version": VERSION,
        "issue_time": iso(ran.plan.cycle),
        "as_of": iso(ran.plan.as_of),
        "policy": policy.version,
        "model_id": ran.model.model_id if ran.model else "none",
        "cities": made,
    }


def write_evidence_of(ws: Workspace, ran: Ran, folder: Path) -> dict[str, Path]:
    """Write the evidence of a run into its folder, and return the path by product name."""
    return {"evidence": write_evidence(evidence_of(ws, ran), folder / "evidence.json")}


def decisions_of(policy: Policy, city: City, held: int = 0) -> list[Decision]:
    """Return what may be decided of a city: every level and day ahead, with the probability that it needs.

    Parameters
    ----------
    held : the highest level that was open before, which with those below it needs less to stay

    Examples
    --------
    >>> from pipeline.cities import city
    >>> [decisions_of(load_policy(), city("seoul"), held)[0].needed for held in (0, 1)]
    [0.35, 0.24]
    """
    return [
        Decision(
            lead, threshold, (policy.keeping if number <= held else policy.opening)(city.id, number, lead)
        )
        for number, threshold in enumerate(policy.thresholds(city.id), 1)
        for lead in LEADS
    ]


def _city(ws: Workspace, ran: Ran, city: City, policy: Policy, shared: _Shared) -> dict[str, Any]:
    members, thresholds = members_by_day(ran.published, city), policy.thresholds(city.id)
    found = {"city": city.id, "records": _records(ws, ran, city, thresholds, members, shared)}
    outputs = _outputs(ran.model, ran.plan.cycle.hour, city) if ran.model else {}
    told = {day: means for day, means in members.items() if day in outputs}
    asked = shared.asked
    if ran.model is None or asked is None or not told:
        return found | {"tipping": None, "without": None}
    decisions = decisions_of(policy, city, shared.held.get(city.id, 0))
    tips = tipping(asked, city.id, outputs, told, decisions)
    less = _without(ran, asked, ran.model, city, thresholds, told)
    return found | {"tipping": tips.to_dict() if tips else None, "without": less.to_dict() if less else None}


def _records(
    ws: Workspace,
    ran: Ran,
    city: City,
    thresholds: Sequence[int],
    members: Members,
    shared: _Shared,
) -> list[dict[str, Any]]:
    """Return the last such forecasts of every day ahead and threshold."""
    like = {(day, t): float((m > t).mean()) for day, m in sorted(members.items()) for t in thresholds}
    issued = issued_past(ws, ran.plan, ran.panel, city, thresholds, shared.tables)
    learned: dict[tuple[int, int], list[Past]] = {}
    if ran.model is not None and shared.told is not None:
        hour = ran.plan.cycle.hour
        outputs = _outputs(ran.model, hour, city)
        mine = {at: p for at, p in like.items() if at[0] in outputs}
        learned = held_out_past(ran.model.hours[hour], shared.told, outputs, mine, ran.plan.as_of)
    return [
        record_of(*at, probability, [*learned.get(at, []), *issued.get(at, [])]).to_dict()
        for at, probability in like.items()
    ]


def _held(ws: Workspace, ran: Ran) -> dict[str, int]:
    """Return the highest level of each city's open episodes as earlier cycles left them."""
    with ws.ledger.read() as conn:
        known = open_episodes(conn, ran.plan.world, ran.plan.as_of)
    found: dict[str, int] = {}
    for row in known:
        one = Episode.from_dict(row.details).before(ran.plan.cycle)
        if one is not None and one.now.status == "open":
            found[row.city] = max(found.get(row.city, 0), one.now.level)
    return found


def _outputs(model: Model, hour: int, city: City) -> dict[int, int]:
    """Return the column of each day mean ahead of a city of which a model may speak."""
    if hour not in model.hours:
        return {}
    outputs, usable = model.hours[hour].outputs, model.hours[hour].usable
    mine = [i for i, t in enumerate(outputs.targets) if (t.city, t.role) == (city.id, "reference")]
    found = np.flatnonzero(np.isin(outputs.target, mine[:1]) & usable & np.isin(outputs.day, LEADS))
    return {int(outputs.day[i]): int(i) for i in found}


def _asked(ran: Ran, model: Model) -> Asked:
    """Return the issue as the model saw it."""
    plan = ran.plan
    now = _situation(ran, ran.panel, model)
    said = variant(model, plan.cycle.hour, missing_groups(model, plan.cycle.hour, now)[0])
    return Asked(ran.panel, model.recipe, said, now, plan.cycle, plan.as_of)


def _situation(ran: Ran, panel: AsOfPanel, model: Model) -> npt.NDArray[np.float32]:
    snapshot = None if ran.plan.as_of == ran.plan.cycle else ran.plan.as_of
    return situations_of(panel, model.recipe, np.array([to_ns(ran.plan.cycle)]), snapshot, ran.manner.ahead)


def _without(
    ran: Ran, asked: Asked, model: Model, city: City, thresholds: Sequence[int], members: Members
) -> Without | None:
    """Forecast a city again without the other side's air; None where nothing is in question or known."""
    partner = partner_of(city.id)
    if not partner or not is_open_question(members, thresholds):
        return None
    less = without_air_of(ran.panel, partner)
    left_out = len(ran.panel.known_by(ran.plan.as_of)) - len(less.known_by(ran.plan.as_of))
    if not left_out:
        return None
    hour = ran.plan.cycle.hour
    row = _situation(ran, less, model)
    moved = forecast_without(asked, model.hours[hour], row, missing_groups(model, hour, row)[0], city)
    again, course = moved(members)
    return compared(city, ran.plan.cycle, (partner, left_out), (members, again), course, thresholds)


def issued_past(
    ws: Workspace,
    plan: CyclePlan,
    panel: AsOfPanel,
    city: City,
    thresholds: Sequence[int],
    tables: Tables | None = None,
) -> dict[tuple[int, int], list[Past]]:
    """Return by lead day and threshold what earlier runs of the same hour published, and what came.

    Only runs whose snapshot, and days whose mean, were there at the snapshot count. What is read of a run is
    kept in ``tables``, so that many cities read each file once.
    """
    tables = {} if tables is None else tables
    with ws.ledger.read() as conn:
        listed = predicted_between(conn, plan.world, plan.cycle - LOOK_BACK, plan.cycle, plan.as_of)
    truth = _measured(panel, plan, city)
    found: dict[tuple[int, int], list[Past]] = {}
    for cycle, path in (one for one in listed if one[0].hour == plan.cycle.hour):
        if path not in tables:
            tables[path] = _daily(brought(ws.settings, path))
        for row in tables[path].get(city.id, ()):
            mean = truth.get(row["valid_end"])
            for threshold in thresholds if mean is not None else ():
                probability = row[f"p_gt_{threshold}"]
                if mean is not None and np.isfinite(probability):
                    one = Past(iso(cycle), round(float(probability), 3), mean, mean > threshold, ISSUED)
                    found.setdefault((int(row["lead_day"]), threshold), []).append(one)
    return found


def _daily(path: Path) -> dict[str, list[dict[Any, Any]]]:
    """Return the published day means ahead by city from a run's predictions, a row a lead day."""
    if not path.is_file():
        return {}
    only = [("model", "==", OPERATIONAL), ("target", "==", "daily")]
    rows = pd.read_parquet(path, filters=only)
    found: dict[str, list[dict[Any, Any]]] = {}
    for row in rows[rows["lead_day"].isin(LEADS)].to_dict("records"):
        found.setdefault(str(row["city"]), []).append(row)
    return found


def _measured(panel: AsOfPanel, plan: CyclePlan, city: City) -> dict[pd.Timestamp, float]:
    """Return the day means known at the snapshot, by the instant at which their day ended."""
    start, end = plan.cycle - LOOK_BACK - timedelta(days=1), plan.cycle
    days = day_means(observed_paths(panel, [city], start=start, end=end, as_of=plan.as_of), city)
    means = days["day_mean"].values[0]
    return {
        pd.Timestamp(from_ns(last)): round(float(mean), 1)
        for last, mean in zip(days["valid_end"].values, means, strict=True)
        if np.isfinite(mean)
    }
