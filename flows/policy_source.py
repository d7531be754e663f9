"""Stored predictions and measured days as the policy is played over them, or chosen from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alerts.assessment import CityAssessment, RunFacts
from alerts.content import DayOutlook
from alerts.policy_play import Cycle
from flows.verification import truth_panel, whole_truth
from flows.verification_sources import Source, read_hindcast, read_runs
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from forecasting.verification.pairs import day_means_by_number
from pipeline.cities import City, all_cities
from pipeline.errors import UsageError
from pipeline.names import PM_THRESHOLDS
from pipeline.times import iso, local_date

PAST_DAYS: Final = 3
"""Measured days before the issue that a cycle still looks at, so that an episode keeps its onset."""

FORECAST_COLUMNS: Final = (
    "lead_day",
    "mean",
    "q10",
    "q90",
    "observed_share",
    *(f"p_gt_{t}" for t in PM_THRESHOLDS),
)

Means = Mapping[str, Mapping[date, float]]


@dataclass(frozen=True)
class Asked:
    """Which issues of which world, from the folder of a hindcast or, without, from the stored runs."""

    world: str
    first: date
    last: date
    hindcast: Path | None = None


def predictions_of(ws: Workspace, asked: Asked) -> tuple[Source, pd.DataFrame]:
    """Return the daily rows of the operational model of the issues asked for."""
    if asked.last < asked.first:
        raise UsageError(f"--to {asked.last} lies before --from {asked.first}; exchange them")
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


def measured_means(ws: Workspace, world: str, until: pd.Timestamp) -> Means:
    """Return the measured day means of every city by local day [ug m-3], as known today."""
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


def cycles_of(rows: pd.DataFrame, means: Means, world: str) -> Iterator[Cycle]:
    """Yield every issue as a run saw it: days forecast, and the last measured ones before."""
    ordered = rows.sort_values(["issue_time", "city", "lead_day"])
    columns = ("issue_time", "city", "model_id", *FORECAST_COLUMNS)
    records = ({str(k): v for k, v in row.items()} for row in ordered[list(columns)].to_dict("records"))
    for stamp, issue in groupby(records, key=itemgetter("issue_time")):
        at = stamp.to_pydatetime()
        by_city = {name: list(days) for name, days in groupby(issue, key=itemgetter("city"))}
        model = str(next(iter(by_city.values()))[0]["model_id"])
        run = RunFacts(iso(at), world, "replay", at, at, model)
        yield run, tuple(_seen(city, by_city.get(city.id, []), means, at) for city in all_cities().values())


def _seen(city: City, coming: list[dict[str, Any]], means: Means, at: datetime) -> CityAssessment:
    today = local_date(at, city.timezone)
    days = [_forecast(row, today) for row in coming]
    past = _past(means[city.id], today) if days else []
    blind = "" if days else "no prediction is stored"
    return CityAssessment(city.id, city.party, city.timezone, (*past, *days), not_assessable=blind)


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
