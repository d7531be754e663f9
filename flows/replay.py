"""The replay of an episode: which cycle first warned, of what height, beside persistence and what came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from alerts.policy import Policy, load_policy
from flows.hindcast import HindcastPlan, facts_of, plan_hindcast, replay_issues, truth_of, whole_panel
from flows.replay_report import (
    Table,
    alarm_statements,
    day_table,
    height_statements,
    level_of,
    markdown,
    orange_statement,
    shortened,
    signal_table,
)
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from forecasting.signals import PERSISTENCE, PERSISTENCE_ONLY, verdicts
from pipeline.cities import all_cities
from pipeline.files import write_atomic
from pipeline.times import local_date

ISSUE_HOUR = 8
"""The forecast of a day shown beside the measurement is that of 08 UTC (17 KST), the daily decision's."""


@dataclass(frozen=True)
class Replay:
    """What a replay found, as tables and statements for people, as a document, and where it was written."""

    tables: list[Table]
    statements: list[str]
    document: dict[str, Any]
    files: dict[str, Path]


def run_replay(ws: Workspace, first: str, last: str, train_until: str | None, *, workers: int = 0) -> Replay:
    """Replay all cycles of a period with models that learned nothing from it.

    Parameters
    ----------
    first, last : UTC days of the first and last issues
    train_until : UTC day by whose end everything learned from had been received; default: the day before

    Returns
    -------
    the report, also written to ``reports/replay-<first>-<last>.md`` and ``.json`` in the data folder
    """
    plan = plan_hindcast(first, last, ",".join(all_cities()), train_until or first, workers=workers)
    if train_until is None:
        plan = HindcastPlan(
            plan.first, plan.last, plan.cities, plan.first - timedelta(days=1), workers=workers
        )
    policy = load_policy(ws.settings.policy_file)
    panel = whole_panel(ws, plan.world)
    tables, used = replay_issues(ws, plan, panel)
    rows = tables["pm2p5"]
    truth = truth_of(panel, rows, "pm2p5")
    days = forecast_days(rows, truth)
    found = verdicts(rows, truth, {c: policy.thresholds(c) for c in plan.cities}, policy.probability.open)
    statements = [
        *height_statements(days),
        *orange_statement(days),
        *alarm_statements(found),
        *plan.caveats(),
    ]
    document = {
        "replay": {
            **facts_of(plan, used, tables),
            "policy": policy.version,
            "needed": policy.probability.open,
        },
        "statements": statements,
        "signals": [{**v.to_dict(), "level": level_of(policy, v)} for v in found],
        "days": days.to_dict("records"),
    }
    shown = [signal_table(policy, [v for v in found if v.outcome != PERSISTENCE_ONLY]), day_table(days)]
    return Replay(
        [shortened(t) for t in shown], statements, document, _write(ws, plan, policy, shown, document)
    )


def forecast_days(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Put every local day's measurement beside what the 08 UTC cycles said of it, one row per day.

    Returns
    -------
    columns city, day, observed, and for both models and D+0 … D+3 ``<model>_mean_d1``, ``_q90_d1`` … with
    None where no replayed cycle spoke or nothing was measured [ug m-3]
    """
    daily = rows[
        (rows["target"] == "daily")
        & rows["model"].isin((OPERATIONAL, PERSISTENCE))
        & (rows["issue_time"].dt.hour == ISSUE_HOUR)
    ].copy()
    daily["column"] = daily["model"] + "_{}_d" + daily["lead_day"].astype(str)
    wide = [_wide(daily, name) for name in ("mean", "q90")]
    table = pd.concat(wide, axis=1).reset_index()
    measured = truth[truth["target"] == "daily"][["city", "valid_end", "observed"]]
    table = table.merge(measured, on=["city", "valid_end"], how="left")
    zones = {c.id: c.timezone for c in all_cities().values()}
    days = [
        local_date(start.to_pydatetime(), zones[name])
        for start, name in zip(table["valid_start"], table["city"], strict=True)
    ]
    table.insert(1, "day", [d.isoformat() for d in days])
    table = table.drop(columns=["valid_start", "valid_end"]).round(1)
    return table.astype(object).where(table.notna(), None)


def _wide(daily: pd.DataFrame, name: str) -> pd.DataFrame:
    keys = ["city", "valid_start", "valid_end"]
    table = daily.pivot_table(index=keys, columns="column", values=name)
    return table.rename(columns=lambda c: c.format(name))


def _write(
    ws: Workspace, plan: HindcastPlan, policy: Policy, shown: list[Table], document: dict[str, Any]
) -> dict[str, Path]:
    stem = ws.settings.data_dir / "reports" / f"replay-{plan.first}-{plan.last}"
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return {
        "report": write_atomic(stem.with_suffix(".md"), markdown(policy, shown, document).encode()),
        "document": write_atomic(stem.with_suffix(".json"), text.encode()),
    }
