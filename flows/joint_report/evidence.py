"""What a report rests on: forecasts of its days, and what was measured, both as known at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from flows.joint_report.period import Period
from flows.verification import truth_panel, whole_truth
from flows.verification_sources import Source, read_hindcast, read_runs
from flows.workspace import Workspace
from forecasting.verification.pairs import DAYS, day_means_by_number, day_number
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.names import is_simulated

LEAD_DAYS: Final = timedelta(days=6)
"""An issue so long before a day may still speak of it."""

FINE: Final = "pm2p5"
Means = dict[str, dict[date, float]]


@dataclass(frozen=True)
class Evidence:
    """Predictions of day means, day means measured, and where the predictions come from.

    Parameters
    ----------
    source : ``runs``, ``hindcast``, or ``none`` where nothing was forecast of these days
    rows : rows of ``forecasting.predictions`` of day means of PM2.5 that lie in the period
    truth : rows of ``forecasting.verify.observed_truth``, as far back as anything was measured
    """

    source: str
    facts: dict[str, Any]
    rows: pd.DataFrame
    truth: pd.DataFrame
    panel: AsOfPanel

    def measured(self, quantity: str = FINE) -> Means:
        """Return the day means known of every city by local day [ug m-3]."""
        truth = self.truth if quantity == FINE else whole_truth(self.panel, quantity, self._until)
        if truth.empty:
            return {city: {} for city in all_cities()}
        epoch = date(1970, 1, 1)
        found: Means = {}
        for city in all_cities():
            means = day_means_by_number(truth, city)
            pairs = zip(means.index.tolist(), means.tolist(), strict=True)
            found[city] = {epoch + timedelta(days=n): float(v) for n, v in pairs}
        return found

    @property
    def _until(self) -> pd.Timestamp:
        return pd.Timestamp(self.facts["until"])


def evidence_of(
    ws: Workspace, world: str, period: Period, as_of: datetime, hindcast: Path | None = None
) -> Evidence:
    """Read forecasts and measurements of a period as known at an instant.

    Raises
    ------
    UsageError
        the folder holds no hindcast, or one of another world
    """
    source = _source(ws, world, period, hindcast)
    panel = truth_panel(ws, world, as_of)
    until = pd.Timestamp(min(period.end, as_of))
    truth = whole_truth(panel, FINE, until)
    facts: dict[str, Any] = {"until": until.isoformat()}
    if source is None or FINE not in source.tables:
        return Evidence("none", facts, pd.DataFrame(), truth, panel)
    rows = _of_days(source.tables[FINE], period, as_of)
    told = {k: v for k, v in source.facts.items() if k != "hindcast"}
    name = "hindcast" if hindcast is not None else "runs"
    return Evidence(name if len(rows) else "none", facts | told, rows, truth, panel)


def _source(ws: Workspace, world: str, period: Period, hindcast: Path | None) -> Source | None:
    if hindcast is not None:
        found = read_hindcast(hindcast)
        told = found.facts.get("world", world)
        if told != world:
            raise UsageError(f"{hindcast} is of the world '{told}', not '{world}'; name it with --world")
        return found
    try:
        return read_runs(ws, world, (period.start - LEAD_DAYS).date(), period.end.date())
    except UsageError:
        return None


def _of_days(rows: pd.DataFrame, period: Period, as_of: datetime) -> pd.DataFrame:
    """Keep day means of the days of the period that were issued by an instant."""
    rows = rows[rows["target"].isin(DAYS) & (rows["issue_time"] <= pd.Timestamp(as_of))]
    ends = [int(np.datetime64(day, "D").astype(np.int64)) for day in (period.first, period.last)]
    parts = []
    for name, part in rows.groupby("city", observed=True):
        number = day_number(part["valid_start"], all_cities()[str(name)].timezone)
        parts.append(part[(number >= ends[0]) & (number <= ends[1])])
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0]


def caveats_of(world: str, evidence: Evidence, period: Period) -> list[str]:
    """Return what must be known before the first figure, as keys of the words."""
    facts = evidence.facts
    found = ["simulated"] * is_simulated(world)
    if evidence.source == "none":
        return [*found, "nothing_forecast"]
    if evidence.source == "hindcast":
        found.append("from_hindcast")
        found += _told_of_training(facts, period)
    elif facts.get("live", 0) < facts.get("runs", 0):
        found.append("replayed")
    return found


def _told_of_training(facts: Mapping[str, Any], period: Period) -> list[str]:
    until, first = facts.get("train_until"), str(facts.get("from", period.first))
    found = ["trained_late"] * (not until or str(until) >= first)
    found += ["year_left_out"] * bool(facts.get("leave_out_years"))
    found += ["perfect_weather"] * (facts.get("weather") == "perfect-prognosis")
    return found + ["lacks_air"] * bool(facts.get("without_air_of"))
