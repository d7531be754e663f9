"""The scores of a period, from the tables of verification: counts, measures with intervals, differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import pandas as pd

from alerts.policy import Policy
from flows.joint_report.evidence import FINE, Evidence
from flows.reviewed_warnings import reviewed_of_runs
from flows.verification_beside import FIRST_HIGH, grades_of, statements_of
from flows.workspace import Workspace
from forecasting.verification.pairs import DAYS, groups
from forecasting.verification.score_tables import OPERATIONAL, Options
from forecasting.verification.tables import Tables, verify
from pipeline.cities import all_cities
from pipeline.names import PM_THRESHOLDS

Plain = dict[str, Any]
EVENT: Final = (
    "pod", "far", "csi", "frequency_bias", "brier_score",
    "bss_climatology", "bss_persistence", "bss_trend", "roc_area",
)  # fmt: skip
CONTINUOUS: Final = ("rmse", "mae", "bias", "crps", "coverage_80", "correlation")
DIFFERENCES: Final = ("brier_score", "rmse")
FIGURES: Final = 4
"""Digits kept behind the point."""


def thresholds_of(policy: Policy, last: date) -> dict[str, tuple[int, ...]]:
    """Return by city the day means that scores are about, the main one first [ug m-3].

    The main one begins the high grades of the city's country; then come the next grade's and those of the
    policy's two lowest levels.

    >>> from alerts.policy import load_policy
    >>> thresholds_of(load_policy(), date(2020, 3, 31))
    {'beijing': (75, 115), 'seoul': (35, 50, 75)}
    """
    found = {}
    for city, grades in grades_of(last).items():
        edges = [int(edge) for edge in grades.edges[FIRST_HIGH - 1 : FIRST_HIGH + 1]]
        more = sorted({*edges[1:], *policy.thresholds(city)[:2]} - {edges[0]})
        found[city] = tuple(t for t in (edges[0], *more) if t in PM_THRESHOLDS)
    return found


def tables_of(
    ws: Workspace, world: str, evidence: Evidence, as_of: datetime, options: Options
) -> dict[str, pd.DataFrame]:
    """Return the tables of verification of the whole period; none where nothing forecast was measured."""
    rows, truth = evidence.rows, evidence.truth
    if rows.empty or truth.empty:
        return {}
    grades = grades_of(rows["valid_start"].max().date())
    said = statements_of(ws, world, FINE, as_of)
    tables: Tables = verify(rows, truth, FINE, grades=grades, statements=said, options=options)
    if evidence.source == "runs":
        lowest = {city: _policy_low(ws, city) for city in all_cities()}
        found = reviewed_of_runs(ws, world, list(groups(rows, truth)), lowest, options)
        tables |= {"reviewed": pd.DataFrame(found)} if found else {}
    return tables


def _policy_low(ws: Workspace, city: str) -> int:
    from flows.assess import policy_of

    return policy_of(ws).thresholds(city)[0]


def scores_of(tables: Mapping[str, pd.DataFrame], thresholds: Mapping[str, Sequence[int]]) -> Plain:
    """Return what a report shows and stores of the tables, as plain rows."""
    return {
        "exceedance": [_event(row) for row in _whole(tables, "exceedance", thresholds)],
        "reviewed": [_event(row) | {"status": row["status"]} for row in _whole(tables, "reviewed", {})],
        "continuous": [_measures(row, CONTINUOUS) for row in _whole(tables, "continuous", {})],
        "difference": [
            _label(row)
            | {"other": row["other"], "measure": row["measure"], **_three(row, "difference", "low", "high")}
            for row in _whole(tables, "difference", {})
            if row["measure"] in DIFFERENCES and _wanted(row, thresholds)
        ],
        "calibration": [
            _label(row) | _numbers(row, ("calibration_error", "calibrated_low", "calibrated_high"))
            for row in _whole(tables, "calibration", thresholds)
        ],
        "reliability": [
            _label(row)
            | _numbers(row, ("mean_probability", "observed_frequency", "band_low", "band_high"))
            | {"bin": int(row["bin"])}
            for row in _whole(tables, "reliability", thresholds)
            if row["model"] == OPERATIONAL
        ],
        "roc": [
            _label(row) | _numbers(row, ("cost_loss", "pod", "pofd"))
            for row in _whole(tables, "economic_value", thresholds)
        ],
        "statements": _statements(tables),
    }


def _whole(
    tables: Mapping[str, pd.DataFrame], name: str, thresholds: Mapping[str, Sequence[int]]
) -> list[Plain]:
    """Return the rows of a table that are of the whole period, and of thresholds that are shown if given."""
    if name not in tables:
        return []
    table = tables[name]
    if "target" in table:
        table = table[table["target"].isin(DAYS) & (table["part"] == "all")]
    return [row for row in _records(table) if not thresholds or _wanted(row, thresholds)]


def _wanted(row: Mapping[str, Any], thresholds: Mapping[str, Sequence[int]]) -> bool:
    at = row.get("threshold")
    return at is None or at != at or at in thresholds.get(str(row["city"]), ())


def _label(row: Mapping[str, Any]) -> Plain:
    found: Plain = {"city": row["city"], "lead": row["lead"], "model": row["model"]}
    at = row.get("threshold")
    return found | ({} if at is None or at != at else {"threshold": int(at)})


def _event(row: Mapping[str, Any]) -> Plain:
    n, events, said = (round(row[name]) for name in ("n", "events", "said"))
    hits = round(row["pod"] * events) if events else 0
    counts = {"n": n, "events": events, "said": said, "hits": hits}
    counts |= {"misses": events - hits, "false": said - hits, "quiet": n - events - said + hits}
    return _measures(row, EVENT) | counts


def _measures(row: Mapping[str, Any], names: Sequence[str]) -> Plain:
    found = _label(row) | {"n": round(row["n"])}
    return found | {name: _three(row, name, f"{name}_low", f"{name}_high") for name in names if name in row}


def _three(row: Mapping[str, Any], *names: str) -> Plain:
    return {key: number(row.get(name)) for key, name in zip(("value", "low", "high"), names, strict=True)}


def _numbers(row: Mapping[str, Any], names: Sequence[str]) -> Plain:
    return {name: number(row.get(name)) for name in names}


def _statements(tables: Mapping[str, pd.DataFrame]) -> list[Plain]:
    if "statements" not in tables:
        return []
    rows = _records(tables["statements"])
    return [{k: number(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def _records(table: pd.DataFrame) -> list[Plain]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def number(value: Any) -> float | None:
    """Return a number that JSON can hold, rounded; None for what is undefined.

    >>> number(0.123456), number(float("nan")), number(None)
    (0.1235, None, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), FIGURES)
