"""A joint report as plain data: everything that a period of one world left behind, known at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from alerts.episode_scores import Measured
from alerts.policy import Policy
from alerts.rules import rules_in_force
from flows.assess import policy_of
from flows.exchange_data import received_marks
from flows.health import now_of
from flows.joint_report.cycles import cycles_of, runs_in
from flows.joint_report.episodes import Side, episodes_of, told_of
from flows.joint_report.evidence import LEAD_DAYS, Evidence, Means, caveats_of, evidence_of
from flows.joint_report.findings import findings_of
from flows.joint_report.lead import lead_of
from flows.joint_report.outcome import outcome_of
from flows.joint_report.period import Period, entries_of
from flows.joint_report.quality import quality_of
from flows.joint_report.scores import scores_of, tables_of, thresholds_of
from flows.joint_report.warned import delivery_of, issued_in, warned_by_people, warned_by_policy
from flows.measures import days_with_measures
from flows.workspace import Workspace
from forecasting.verification.score_tables import Options
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.runs import RunRow
from pipeline.names import MEASURED, is_simulated
from pipeline.season import calendar_of
from pipeline.times import iso

Plain = dict[str, Any]
SETTLED: Final = timedelta(days=10)
"""So long after its period a report takes what is known, unless asked for another instant."""

FORMAT: Final = 1


@dataclass(frozen=True)
class Asked:
    """Which report is wanted.

    Parameters
    ----------
    as_of : instant by which all that counts was known; None: ten days after the period, or now if that is
        sooner
    hindcast : folder of a hindcast to take instead of the stored runs
    without : folders of the same hindcast without one party's air, for the lead time gained
    """

    period: Period
    world: str = MEASURED
    as_of: datetime | None = None
    hindcast: Path | None = None
    without: tuple[Path, ...] = ()
    options: Options = Options()  # noqa: RUF009 - frozen, too


def joint_report(ws: Workspace, asked: Asked) -> Plain:
    """Return a report as plain data; the same data and instant give the same report.

    Raises
    ------
    UsageError
        the period has not begun, the instant lies before it, or a hindcast does not fit
    """
    period, world = asked.period, asked.world
    as_of = instant_of(ws, asked)
    evidence = evidence_of(ws, world, period, as_of, asked.hindcast)
    policy, calendar = policy_of(ws), calendar_of(ws.settings.season_file)
    thresholds = thresholds_of(policy, period.last)
    means = evidence.measured()
    tables = tables_of(ws, world, evidence, as_of, asked.options)
    end = min(period.end, as_of)
    runs = runs_in(ws, world, period.start - LEAD_DAYS, end)
    report: Plain = {
        **_head(period),
        "over": as_of >= period.end,
        "world": world,
        "simulated": is_simulated(world),
        "as_of": iso(as_of),
        "parties": sorted({c.party for c in all_cities().values()}),
        "signed": [],
        "source": {"kind": evidence.source, **_facts(evidence)},
        "caveats": caveats_of(world, evidence, period),
        "calendar": {"version": calendar.version, "entries": entries_of(calendar, period)},
        "thresholds": {city: list(values) for city, values in thresholds.items()},
        "outcome": {city: outcome_of(means[city], period, thresholds[city]) for city in thresholds},
        "scores": scores_of(tables, thresholds),
        "draws": asked.options.draws,
        "seed": asked.options.seed,
        "episodes": _episodes(ws, asked, evidence, as_of, policy, runs),
        "warnings": issued_in(ws, world, period.start, end, means, policy),
        "lead": lead_of(ws, world, period, asked.hindcast, asked.without),
        "cycles": cycles_of([r for r in runs if r.cycle >= period.start], period.start, end),
        "deliveries": delivery_of(ws, world, period.start, end),
        "quality": quality_of(ws, world, evidence.panel, period, as_of),
        "rules": _rules(period.last),
        "policy": {"version": policy.version, "agreed_by": list(policy.agreed_by)},
        "credits": _credits(ws),
    }
    return report | {"findings": findings_of(report)}


def _head(period: Period) -> Plain:
    ends = {"first": period.first.isoformat(), "last": period.last.isoformat(), "days": period.days}
    return {"format": FORMAT, "kind": period.kind, "name": period.name, **ends}


def instant_of(ws: Workspace, asked: Asked) -> datetime:
    """Return the instant by which all that counts was known.

    Raises
    ------
    UsageError
        it lies before the period, or in the future
    """
    period, now = asked.period, now_of(ws, asked.world)
    as_of = asked.as_of or min(period.end + SETTLED, now)
    if as_of > max(now, ws.clock()):
        raise UsageError(f"--as-of {iso(as_of)} lies in the future; leave it out, or name an earlier instant")
    if as_of <= period.start:
        raise UsageError(f"by {iso(as_of)} the {period.kind} {period.name} had not begun")
    return as_of


def _facts(evidence: Evidence) -> Plain:
    kept = (
        "runs",
        "live",
        "degraded",
        "from",
        "to",
        "train_until",
        "leave_out_years",
        "weather",
        "without_air_of",
    )
    found: Plain = {k: evidence.facts[k] for k in kept if k in evidence.facts}
    rows = evidence.rows
    if len(rows):
        mine = rows[rows["model"] == "sameair"]
        found["issues"] = int(mine["issue_time"].nunique())
        found["first_issue"] = iso(mine["issue_time"].min().to_pydatetime())
        found["last_issue"] = iso(mine["issue_time"].max().to_pydatetime())
        found["models"] = sorted({str(m) for m in mine["model_id"].dropna()})
    return found


def _episodes(
    ws: Workspace, asked: Asked, evidence: Evidence, as_of: datetime, policy: Policy, runs: Sequence[RunRow]
) -> dict[str, Plain]:
    means, coarse = evidence.measured(), evidence.measured("pm10")
    sides = {city.id: _side(ws, asked, policy, city.id, means, as_of) for city in all_cities().values()}
    if evidence.source == "hindcast":
        warned = warned_by_policy(evidence, policy, means, sides, asked.world)
    else:
        warned = warned_by_people(ws, asked.world, as_of)
    poor = frozenset(r.cycle for r in runs if r.is_current and r.degraded and evidence.source == "runs")
    return {
        name: episodes_of(
            Side(
                side,
                told_of(evidence.rows, name, side.timezone, int(side.threshold)),
                coarse[name],
                poor,
            ),
            asked.period,
            warned,
        )
        for name, side in sides.items()
    }


def _side(ws: Workspace, asked: Asked, policy: Policy, name: str, means: Means, as_of: datetime) -> Measured:
    """Return what was measured of a city from a week before the period to its end."""
    city, period = all_cities()[name], asked.period
    mine: Mapping[date, float] = {
        day: value
        for day, value in means[name].items()
        if period.first - timedelta(days=7) <= day <= period.last
    }
    days = days_with_measures(ws, asked.world, city, as_of)
    gap = policy.persistence.merge_gap_hours
    return Measured(name, city.timezone, policy.thresholds(name)[0], gap, mine, days)


def _rules(day: date) -> list[Plain]:
    return [
        {"id": r.id, "version": r.version, "evidence": r.evidence, "source": r.source, "country": r.country}
        for country in sorted({c.country for c in all_cities().values()})
        for r in rules_in_force(day, country)
    ]


def _credits(ws: Workspace) -> list[Plain]:
    """Return how other parties' data ask to be told, each once."""
    names = ("source", "attribution", "licence", "redistribution")
    found = {tuple(str(mark.get(name, "")) for name in names): None for mark in received_marks(ws)}
    return [dict(zip(names, row, strict=True)) for row in sorted(found)]
