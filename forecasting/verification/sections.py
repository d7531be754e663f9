"""What a verification report shows, section by section, as short tables with rounded numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from forecasting.verification.combined import verdict_on_use
from forecasting.verification.pairs import DAYS

Tables = Mapping[str, pd.DataFrame]
Table = dict[str, Any]
PERIODS = ("all", "period")


@dataclass(frozen=True)
class Shown:
    """One section: words, names of figures, and tables of a caption, columns and rows of text."""

    title: str
    lines: list[str] = field(default_factory=list)
    figures: tuple[str, ...] = ()
    tables: list[Table] = field(default_factory=list)


def sections_of(
    tables: Tables, thresholds: Mapping[str, int], models: Sequence[str], absent: Sequence[str]
) -> list[Shown]:
    """Return the sections for which there is anything to show, in reading order.

    Parameters
    ----------
    tables : of ``tables.verify``, of one quantity
    thresholds : for every city the threshold shown [ug m-3]
    models : names in order, the subject first
    absent : sentences on what there was nothing of to compare with
    """
    subject = models[0] if models else ""
    against = [TOGETHER, *verdict_on_use(tables.get("combined"), thresholds)]
    found = [
        Shown("Exceedances of day means", figures=("skill",), tables=_exceedances(tables, thresholds)),
        Shown("Concentrations", figures=("error", "coverage"), tables=_continuous(tables)),
        Shown("Calibration", figures=("reliability",), tables=_calibration(tables, thresholds)),
        Shown("Discrimination and value", figures=("roc", "value")),
        Shown("Onsets alone", [ONSET], tables=_onsets(tables, thresholds)),
        Shown("Episodes", [EPISODE], tables=_episodes(tables, thresholds, subject)),
        Shown("Grades", tables=_plain(tables, "grades", _GRADES, part=True)),
        Shown("FAIRMODE", [FAIRMODE], tables=_plain(tables, "fairmode", _FAIRMODE, part=True)),
        Shown("Stretches of days", tables=_plain(tables, "joint", _JOINT)),
        Shown("Hours beside simple forecasts", [HOURS], tables=_hours(tables, thresholds)),
        Shown("Better than the others by", tables=_differences(tables, thresholds)),
        Shown("Reviewed warnings and other agencies", list(absent), tables=_beside(tables)),
        Shown("Together with the forecasts of others", against, tables=_together(tables, thresholds)),
        Shown("Range of the Chinese index", [INDEX], tables=_plain(tables, "index_range", _INDEX, part=True)),
        Shown("One measured truth against another", [CEILING], tables=_plain(tables, "ceiling", _CEILING)),
    ]
    return [s for s in found if s.tables or (s.figures and tables) or (s.lines and s.lines == list(absent))]


ONSET = (
    "Only days after a measured day that was not above the threshold. Persistence scores nothing here by its "
    "nature."
)
EPISODE = (
    "An episode is a stretch of days above the threshold; it is hit when a cycle gave its first day a "
    "probability of at least 0.5 before that day began. Hours of lead are the median over the hits."
)
FAIRMODE = (
    "MQI_f compares the RMSE with that of the last measured day; the objective is met at 1 or less. With the "
    "measurement's uncertainty it is more lenient. MQI is the indicator of assessments, for orientation."
)
HOURS = (
    "Share of the leads at which neither error nor Brier score is worse than that of the best of "
    "persistence, the same hour of the day before and autoregression."
)
TOGETHER = (
    "Day means of stored runs for which others had stated something: our forecast combined with theirs, and "
    "alone, on the same days. A negative difference of CRPS, RMSE or Brier score favours the combined one."
)
INDEX = (
    "Central half of the day mean of PM2.5 as a range of the index of the day (HJ 633): share of days in it "
    "(half, if the probabilities are true), and with a level of the at most two that the range touches."
)
CEILING = (
    "Where a city has two measured series, each could be the truth. How well one would forecast the other is "
    "the ceiling of every score against either."
)

_GRADES = {
    "by": "grade by", "n": "n", "high_days": "high days", "accuracy": "accuracy",
    "high_accuracy": "of high days", "high_pod": "POD high", "high_far": "FAR high",
    "over": "too high", "under": "too low",
}  # fmt: skip
_FAIRMODE = {
    "n": "n", "mqi_f": "MQI_f", "mqi_f_with_uncertainty": "with uncertainty", "mqi": "MQI",
    "fulfilled": "met",
}  # fmt: skip
_JOINT = {
    "event": "event", "n": "n", "events": "events", "score": "score", "score_independent": "independent days",
    "difference": "difference", "low": "from", "high": "to",
}  # fmt: skip
_TOGETHER = {
    "city": "city", "lead": "lead", "measure": "measure", "threshold": "above", "n": "n", "moved": "moved",
    "combined": "combined", "alone": "alone", "difference": "difference",
}  # fmt: skip
_INDEX = {
    "n": "n", "inside": "inside", "level_right": "level right", "below": "below", "above": "above",
    "width": "width",
}  # fmt: skip
_CEILING = {
    "city": "city", "truth": "truth", "other": "other", "threshold": "above", "n": "days", "events": "events",
    "rmse": "RMSE", "bias": "bias", "correlation": "r", "brier_score": "Brier", "pod": "POD", "far": "FAR",
    "csi": "CSI",
}  # fmt: skip


def _together(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    if "combined" not in tables:
        return []
    rows = tables["combined"]
    shown = rows["threshold"].isna() | (rows["threshold"] == rows["city"].map(dict(thresholds)))
    return [_listed("combined and alone", rows[shown], _TOGETHER)]


def _hours(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    """Return one table, by cycle hour and stretches of lead."""
    if "hours" not in tables:
        return []
    rows = tables["hours"]
    rows = rows[rows["threshold"] == rows["city"].map(dict(thresholds))]
    lead = pd.cut(rows["lead_hours"], [0, 3, 6, 12, 24, 48, 72, 96]).astype(str)
    keys = [rows["city"], rows["cycle_hour"], lead.rename("lead")]
    found = rows.groupby(keys, sort=False)[["rmse", "rmse_best", "brier", "brier_best", "no_worse"]].mean()
    columns = {
        "city": "city", "cycle_hour": "issue [UTC]", "lead": "lead [h]", "rmse": "RMSE",
        "rmse_best": "of the best", "brier": "Brier", "brier_best": "Brier of the best",
        "no_worse": "share not worse",
    }  # fmt: skip
    return [_listed("means over the leads", found.reset_index(), columns)] if len(found) else []


def _exceedances(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    columns = {
        "n": "n", "events": "events", "bss_trend": "BSS trend", "bss_season": "BSS season",
        "bss_climatology": "BSS baseline", "bss_persistence": "BSS persistence", "roc_area": "ROC area",
        "pod": "POD", "far": "FAR", "csi": "CSI", "hss": "HSS", "pss": "PSS",
        "pod_at_persistence_far": "POD at pers. FAR",
    }  # fmt: skip
    return _by_city(tables, "exceedance", columns, thresholds)


def _onsets(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    columns = {
        "n": "n", "events": "onsets", "bss_trend": "BSS trend", "pod": "POD", "far": "FAR", "csi": "CSI",
    }  # fmt: skip
    return _by_city(tables, "onset", columns, thresholds)


def _continuous(tables: Tables) -> list[Table]:
    columns = {
        "n": "n", "rmse": "RMSE", "bias": "bias", "mae": "MAE", "correlation": "r", "crps": "CRPS",
        "crps_skill_climatology": "CRPS skill clim.", "coverage_50": "in 50 %", "coverage_80": "in 80 %",
        "coverage_90": "in 90 %",
    }  # fmt: skip
    return _by_city(tables, "continuous", columns, {})


def _calibration(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    columns = {
        "events": "events", "calibration_error": "calibration error", "calibrated_low": "calibrated from",
        "calibrated_high": "to", "within_calibrated": "within", "reliability": "reliability",
        "resolution": "resolution", "uncertainty": "uncertainty",
    }  # fmt: skip
    return _by_city(tables, "calibration", columns, thresholds)


def _by_city(
    tables: Tables, name: str, columns: Mapping[str, str], thresholds: Mapping[str, int]
) -> list[Table]:
    """Return a table for each city and period: leads and models in rows."""
    if name not in tables:
        return []
    rows = tables[name]
    rows = rows[rows["part"].isin(PERIODS)]
    if thresholds:
        rows = rows[rows["threshold"] == rows["city"].map(dict(thresholds))]
    found = []
    for (city, of), part in rows.groupby(["city", "of"], sort=True):
        above = f", above {thresholds[str(city)]} µg/m³" if thresholds else ""
        found.append(_table(f"{city}{above}{', ' + str(of) if of else ''}", part, columns))
    return found


def _table(caption: str, rows: pd.DataFrame, columns: Mapping[str, str]) -> Table:
    kept = {name: label for name, label in columns.items() if name in rows}
    shown = [
        [str(row["lead"]), str(row["model"]), *(with_interval(row, name) for name in kept)]
        for row in rows.to_dict("records")
    ]
    return {"caption": caption, "columns": ["lead", "model", *kept.values()], "rows": shown}


def with_interval(row: Mapping[Any, Any], name: str) -> str:
    """Return a value with its interval, if it has one, as text.

    >>> row = {"csi": 0.5, "csi_low": 0.25, "csi_high": 0.75, "far": None}
    >>> with_interval(row, "csi"), with_interval(row, "far")
    ('0.50 (0.25…0.75)', '–')
    """
    value = as_text(row[name])
    low, high = (row.get(f"{name}_{end}") for end in ("low", "high"))
    if value == "–" or as_text(low) == "–" or name == "calibration_error":
        return value
    return f"{value} ({as_text(low)}…{as_text(high)})"


def as_text(value: Any) -> str:
    """Return a cell as text: numbers short, nothing as a dash.

    >>> [as_text(v) for v in (0.1234, 31.27, 488.0, True, None, float("nan"), "D+1")]
    ['0.12', '31.3', '488', 'yes', '–', '–', 'D+1']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        if value.is_integer() and abs(value) >= 1:
            return f"{value:.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{round(value, 2) + 0.0:.2f}"
    return "–" if value is None else str(value)


def _episodes(tables: Tables, thresholds: Mapping[str, int], subject: str) -> list[Table]:
    if "episodes" not in tables:
        return []
    rows = tables["episodes"]
    rows = rows[rows["threshold"] == rows["city"].map(dict(thresholds))]
    columns = {
        "city": "city", "threshold": "above", "period": "period", "model": "model", "episodes": "episodes",
        "hit": "hit", "late": "late", "missed": "missed", "false_alarms": "false alarms",
        "median_lead_hours": "lead [h]",
    }  # fmt: skip
    found = [_listed("summary", rows, columns)] if len(rows) else []
    listed = tables.get("episode_list", pd.DataFrame())
    if len(listed):
        mine = listed[listed["model"] == subject]
        mine = mine[mine["threshold"] == mine["city"].map(dict(thresholds))]
        columns = {
            "city": "city", "first_day": "first day", "last_day": "last day", "peak": "peak",
            "outcome": "outcome", "first_cycle": "first cycle", "lead_hours": "lead [h]",
        }  # fmt: skip
        found.append(_listed(f"every episode, {subject}", mine, columns))
    return found


def _plain(tables: Tables, name: str, columns: Mapping[str, str], *, part: bool = False) -> list[Table]:
    if name not in tables:
        return []
    rows = tables[name]
    rows = rows[rows["part"].isin(PERIODS)] if part else rows
    extra = [("city", "city"), ("lead", "lead"), ("of", "period"), ("model", "model")]
    before = {key: label for key, label in extra if key in rows and key not in columns}
    return [_listed(name, rows, {**before, **columns})]


def _differences(tables: Tables, thresholds: Mapping[str, int]) -> list[Table]:
    if "difference" not in tables:
        return []
    rows = tables["difference"]
    wanted = rows["threshold"].isna() | (rows["threshold"] == rows["city"].map(dict(thresholds)))
    rows = rows[wanted & (rows["part"] == "all") & rows["target"].isin(DAYS)]
    rows = rows[rows["measure"].isin(["rmse", "crps", "brier_score", "pod", "far", "csi"])]
    columns = {
        "city": "city", "lead": "lead", "model": "model", "other": "minus", "measure": "measure",
        "difference": "difference", "low": "from", "high": "to",
    }  # fmt: skip
    return [_listed("paired differences, on the same resampled days", rows, columns)] if len(rows) else []


def _beside(tables: Tables) -> list[Table]:
    names = {"warnings": "issued warnings", "statements": "agencies' bulletins beside ours, the same days"}
    return [
        _listed(
            caption, tables[name], {str(c): str(c).replace("_", " ") for c in tables[name] if c != "quantity"}
        )
        for name, caption in names.items()
        if name in tables
    ]


def _listed(caption: str, rows: pd.DataFrame, columns: Mapping[str, str]) -> Table:
    kept = {name: label for name, label in columns.items() if name in rows}
    shown = [[with_interval(row, name) for name in kept] for row in rows.to_dict("records")]
    return {"caption": caption, "columns": list(kept.values()), "rows": shown}
