"""The hindcast of a received bundle made again: from this node's data, by this node's program.

What the giver forecast and what is forecast here is scored by this node's measurements on the same issues and
days, so that a difference is one of the forecasts and not of the days or of the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import pandas as pd

from flows.bundle_content import data_of, forecasts_of
from flows.bundle_read import Received
from flows.heavy import heavy_of
from flows.hindcast import HindcastPlan, jobs_of, truth_of, whole_panel
from flows.models import train_until
from flows.weather import weather_mode
from flows.workspace import Workspace, reporter
from forecasting.day_losses import day_rows
from forecasting.hindcast import hindcast
from forecasting.issue import OPERATIONAL
from forecasting.rerun_scores import paired_scores
from forecasting.verification.score_tables import Options
from forecasting.verify import as_of_everything
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.data_digests import differing
from pipeline.errors import UsageError
from pipeline.times import iso, parse_instant

STATED: Final = {"rmse": "rmse", "crps": "crps", "brier": "brier_score"}
"""Our names of measures, and those in a bundle's scores."""


@dataclass(frozen=True)
class Rerun:
    """What came of making a hindcast again.

    Parameters
    ----------
    rows : entries of ``forecasting.rerun_scores`` with ``stated``, the giver's own figure of the same
    data : spans of series in which the data of both nodes differ, see ``pipeline.data_digests.differing``
    spans : how many spans of series were compared
    issues, of : issues that could be made again, of those of the bundle
    notes : what a reader of the differences must know
    """

    rows: list[dict[str, Any]]
    data: pd.DataFrame
    spans: int
    issues: int
    of: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        data = self.data.to_dict("records")
        told = {"issues": self.issues, "of": self.of, "notes": list(self.notes), "scores": self.rows}
        return {**told, "data": {"compared": self.spans, "differing": data}}


def rerun(ws: Workspace, received: Received, world: str = "", *, workers: int = 0) -> Rerun:
    """Make the hindcast of a bundle again and compare.

    Parameters
    ----------
    world : whose data are read here; empty: the world of the bundle
    workers : processes of this machine; 0: where the setting says

    Raises
    ------
    UsageError
        nothing is stored of the world, or too little to learn from
    """
    definition = received.definition
    panel = whole_panel(ws, world or definition["world"])
    ours = _made_again(ws, definition, panel, workers)
    if ours.empty:
        raise UsageError(
            f"no model could be trained from what is stored of the world {panel.world} until "
            f"{definition['training']['received_by']}; take in more of the past"
        )
    data = data_of(definition, panel, ws.clock())
    differing_spans = differing(data, received.data)
    rows = _compared(received, ours, panel)
    issues = int(ours["issue_time"].nunique())
    notes = _notes(received, issues, rows, differing_spans)
    return Rerun(rows, differing_spans, len(data), issues, len(definition["issues"]), notes)


def _made_again(ws: Workspace, definition: Mapping[str, Any], panel: AsOfPanel, workers: int) -> pd.DataFrame:
    """Return our own forecasts of the issues of a definition, rounded like those of a bundle."""
    training, quantity = definition["training"], definition["quantity"]
    until = min(as_of_everything(panel), parse_instant(training["received_by"]))
    learn = partial(
        train_until,
        ws,
        panel,
        until,
        quantities=[quantity],
        effort=training["effort"],
        leave_out_year=training["leave_out_year"],
    )
    issues = sorted(parse_instant(text) for text in definition["issues"])
    plan = _plan(definition, issues, panel.world)
    parts = []
    with heavy_of(ws, workers) as heavy:
        for some, models, manner, _ in jobs_of(ws, plan, panel, issues, partial(learn, heavy=heavy)):
            if models.get(quantity) is None:
                continue
            made = hindcast(
                panel,
                list(all_cities().values()),
                some,
                models,
                quantities=[quantity],
                manner=manner,
                heavy=heavy,
                progress=reporter.get(),
            )
            parts.append(made[quantity])
    return _days(pd.concat(parts, ignore_index=True), definition) if parts else pd.DataFrame()


def _plan(definition: Mapping[str, Any], issues: list[datetime], world: str) -> HindcastPlan:
    first, last = issues[0].astimezone(UTC).date(), issues[-1].astimezone(UTC).date()
    mode = weather_mode(definition["weather"])
    return HindcastPlan(first, last, tuple(definition["cities"]), None, world=world, weather=mode)


def _days(rows: pd.DataFrame, definition: Mapping[str, Any]) -> pd.DataFrame:
    """Return the day forecasts of our model of the cities and leads of a definition."""
    keep = (rows["model"] == OPERATIONAL) & (rows["target"] == "daily")
    keep &= rows["city"].isin(definition["cities"]) & rows["lead_day"].isin(definition["leads"])
    return _as_rows(forecasts_of(rows[keep]))


def _compared(received: Received, ours: pd.DataFrame, panel: AsOfPanel) -> list[dict[str, Any]]:
    """Return the paired scores; without the giver's forecasts its stated figures beside ours alone."""
    definition = received.definition
    truth = truth_of(panel, ours, definition["quantity"])
    mine = day_rows(ours, truth)
    theirs = mine if received.forecasts is None else day_rows(_as_rows(received.forecasts), truth)
    rows = paired_scores(theirs, mine, definition["thresholds"], Options(draws=definition["blocks"]["draws"]))
    if received.forecasts is None:
        rows = [{**row, **dict.fromkeys(("theirs", "difference", "low", "high"))} for row in rows]
    return [{**row, "stated": _stated(received.scores, row)} for row in rows]


def _as_rows(forecasts: pd.DataFrame) -> pd.DataFrame:
    return forecasts.assign(target="daily", model=OPERATIONAL)


def _stated(scores: pd.DataFrame, row: Mapping[str, Any]) -> float | None:
    """Return what the giver states of a city, lead, measure and threshold."""
    keep = (scores["city"] == row["city"]) & (scores["lead"] == f"D+{row['lead_day']}")
    keep &= (scores["measure"] == STATED[row["measure"]]) & (scores["model"] == OPERATIONAL)
    if row["threshold"] is not None:
        keep &= scores["threshold"] == row["threshold"]
    found = scores.loc[keep, "value"].dropna()
    return float(found.iloc[0]) if len(found) else None


def _notes(
    received: Received, issues: int, rows: list[dict[str, Any]], data: pd.DataFrame
) -> tuple[str, ...]:
    """Return what a reader of the differences must know."""
    definition = received.definition
    missing = len(definition["issues"]) - issues
    late = parse_instant(max(definition["issues"])) + timedelta(days=max(definition["leads"]) + 1)
    found = [f"{missing} of {len(definition['issues'])} issues could not be made again here"] * bool(missing)
    if received.forecasts is None:
        found.append("the bundle holds no day forecasts: its stated scores are of its own measurements")
    if not rows:
        found.append(f"nothing measured here up to {iso(late)} is of the days of the bundle")
    if data.empty:
        found.append("the data of both nodes are the same: differences are of program or model alone")
    else:
        found.append("the data differ: differences may come from them, not from program or model")
    return tuple(found)
