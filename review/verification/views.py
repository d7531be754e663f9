"""What the verification page shows of the kept scores: rows of models, figures, episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from forecasting.verification.kept import table_of
from forecasting.verification.reviewed import REVIEWED
from review.figures import XY, BarChart, Bars, XYChart
from review.texts import Texts
from review.verification.choice import Choice, Options

SUBJECT: Final = "sameair"
ROLES: Final = {SUBJECT: "forecast", "persistence": "persistence", "climatology": "climatology"}
SHOWN: Final = ("pod", "far", "csi", "bss_persistence", "bss_climatology", "bss_trend", "roc_area")
SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
BETWEEN: Final = ", "
FEW: Final = 10
"""With fewer events or days than this, a measure says more of chance than of skill."""
FIRST_EPISODES: Final = 60

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Score:
    """One measure with its interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def text(self) -> str:
        """Return the value as text, a dash where there is none."""
        return "–" if self.value is None else f"{self.value:.2f}".replace("-", "−")

    @property
    def range(self) -> str:
        """Return the interval as text, empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.2f}…{self.high:.2f}".replace("-", "−")


@dataclass(frozen=True)
class Line:
    """The scores of one model; ``status`` says which reviewed warnings are meant."""

    model: str
    status: str
    n: int
    events: int
    said: int
    scores: Mapping[str, Score]

    @property
    def has_intervals(self) -> bool:
        """Tell whether there were days enough for an interval of any measure."""
        return any(one.range for one in self.scores.values())


def number(value: Any) -> float | None:
    """Return a number, None for one that is missing or no number."""
    return None if value is None or not math.isfinite(value) else float(value)


def score(row: Row, name: str) -> Score:
    """Return a measure of a row with its interval."""
    return Score(number(row[name]), number(row[f"{name}_low"]), number(row[f"{name}_high"]))


def lines(folder: Path, choice: Choice) -> list[Line]:
    """Return the scores of what was chosen: the model first, baselines, then what people issued."""
    rows = _of(table_of(folder, choice.quantity, "exceedance"), choice)
    found = [_line(row, "") for row in _rows(rows)]
    reviewed = _of(table_of(folder, choice.quantity, "reviewed"), choice)
    reviewed = reviewed[reviewed["model"] == REVIEWED]
    found += [_line(row, str(row["status"])) for row in _rows(reviewed)]
    return sorted(found, key=lambda line: (line.model != SUBJECT, line.model == REVIEWED, line.model))


def by_lead(folder: Path, choice: Choice, options: Options, t: Texts) -> BarChart:
    """Return the chosen measure by lead, a bar for each model."""
    wide = _beside(folder, choice)
    rows = [_of(wide, choice, lead=lead) for lead in options.leads]
    return _bars("by-lead", t("verification.by_lead"), list(options.leads), rows, choice, t)


def by_season(folder: Path, choice: Choice, options: Options, t: Texts) -> BarChart | None:
    """Return the chosen measure by season at the chosen lead; None where there is but one season."""
    there = [name for name in SEASONS if name in options.periods]
    wide = _beside(folder, choice)
    rows = [_of(wide, choice, of=name) for name in there]
    names = [t(f"verification.of_{name}") for name in there]
    if len(there) < len(SEASONS) // 2:
        return None
    return _bars("by-season", t("verification.by_season", lead=choice.lead), names, rows, choice, t)


def reliability(folder: Path, choice: Choice, t: Texts) -> XYChart | None:
    """Return how often the event followed each probability; None where there are no events."""
    rows = _of(table_of(folder, choice.quantity, "reliability"), choice)
    series = []
    for model in _models(rows):
        mine = rows[rows["model"] == model].sort_values("bin")
        low, high = (mine[name].tolist() if model == SUBJECT else [] for name in ("band_low", "band_high"))
        said, seen = mine["mean_probability"].tolist(), mine["observed_frequency"].tolist()
        counts = [int(n) for n in mine["n"]]
        series.append(XY(_named(model, t), said, seen, _role(model), low, high, counts))
    if not series:
        return None
    return XYChart(
        "reliability",
        t("verification.reliability"),
        t("verification.probability"),
        t("verification.frequency"),
        series,
        diagonal=True,
        note=t("verification.reliability_note"),
    )


def roc(folder: Path, choice: Choice, t: Texts) -> XYChart | None:
    """Return POD against the probability of false detection, and what was issued as single points."""
    rows = _of(table_of(folder, choice.quantity, "economic_value"), choice)
    series = []
    for model in _models(rows):
        mine = rows[rows["model"] == model].sort_values("cost_loss", ascending=False)
        false, hit = ([0.0, *mine[name].tolist(), 1.0] for name in ("pofd", "pod"))
        series.append(XY(_named(model, t), false, hit, _role(model)))
    if not series:
        return None
    issued = [line for line in lines(folder, choice) if line.model == REVIEWED]
    series += [_point(line, t) for line in issued if line.scores["pod"].value is not None]
    return XYChart(
        "roc",
        t("verification.roc"),
        t("verification.pofd"),
        t("verification.pod"),
        series,
        diagonal=True,
        note=t("verification.roc_note"),
    )


def episodes(folder: Path, choice: Choice, until: str = "") -> tuple[list[Row], list[Row]]:
    """Return a summary by model and the episodes of the forecast, newest first.

    Parameters
    ----------
    until : no episode that begins on a later day is told; empty: all
    """
    summary = table_of(folder, choice.quantity, "episodes")
    period = choice.of if choice.of in ("2020", "without 2020") else "all"
    here = (summary["city"] == choice.city) & (summary["threshold"] == choice.threshold)
    listed = table_of(folder, choice.quantity, "episode_list")
    mine = (listed["city"] == choice.city) & (listed["threshold"] == choice.threshold)
    told = listed[mine & (listed["model"] == SUBJECT)].sort_values("first_day", ascending=False)
    if until:
        told = told[told["last_day"] <= until]
    models = _rows(summary[here & (summary["period"] == period)])
    return sorted(models, key=lambda row: row["model"] != SUBJECT), _rows(told.head(FIRST_EPISODES))


def _beside(folder: Path, choice: Choice) -> pd.DataFrame:
    """Return the scores of the models, and below them those of what was issued, its status in the name."""
    ours = table_of(folder, choice.quantity, "exceedance")
    reviewed = table_of(folder, choice.quantity, "reviewed")
    issued = reviewed[reviewed["model"] == REVIEWED]
    if not len(issued):
        return ours
    named = issued.assign(model=issued["model"] + BETWEEN + issued["status"].astype(str))
    return pd.concat([ours, named], ignore_index=True)


def _of(rows: pd.DataFrame, choice: Choice, *, lead: str = "", of: str | None = None) -> pd.DataFrame:
    period = choice.of if of is None else of
    wanted = (rows["city"] == choice.city) & (rows["threshold"] == choice.threshold)
    wanted &= (rows["lead"] == (lead or choice.lead)) & (rows["of"].fillna("") == period)
    found: pd.DataFrame = rows[wanted]
    return found


def _rows(table: pd.DataFrame) -> list[Row]:
    return [
        {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]


def _line(row: Row, status: str) -> Line:
    scores = {name: score(row, name) for name in SHOWN if name in row}
    counts = (int(row["n"] or 0), int(row["events"] or 0), int(row["said"] or 0))
    return Line(
        str(row["model"]),
        status,
        *counts,
        scores,
    )


def _bars(
    name: str, title: str, categories: list[str], rows: Sequence[pd.DataFrame], choice: Choice, t: Texts
) -> BarChart:
    series = []
    for model in _models(pd.concat(list(rows))) if rows else []:
        found = [next(iter(_rows(part[part["model"] == model])), None) for part in rows]
        scores = [score(row, choice.measure) if row else Score(None, None, None) for row in found]
        if all(one.value is None for one in scores):
            continue
        series.append(
            Bars(
                _named(model, t),
                [one.value for one in scores],
                _role(model),
                [one.low for one in scores],
                [one.high for one in scores],
                [int(row["n"] or 0) if row else 0 for row in found],
            )
        )
    named = f"{t(f'verification.measure_{choice.measure}')}: {title}"
    return BarChart(name, named, "", categories, series, note=t(f"verification.is_{choice.measure}"))


def _point(line: Line, t: Texts) -> XY:
    """Return what was issued as a point; its share of false detections follows from its counts."""
    pod, far = line.scores["pod"].value or 0.0, line.scores["far"].value or 0.0
    pofd = far * line.said / max(line.n - line.events, 1)
    return XY(_named(f"{REVIEWED}{BETWEEN}{line.status}", t), [pofd], [pod], "reviewed", counts=[line.n])


def _models(rows: pd.DataFrame) -> list[str]:
    return sorted({str(name) for name in rows["model"]}, key=lambda name: (name != SUBJECT, name))


def _named(model: str, t: Texts) -> str:
    if model.startswith(REVIEWED):
        status = model.removeprefix(REVIEWED).removeprefix(BETWEEN)
        key = f"verification.status_{status}"
        return f"{t('verification.model_reviewed')} ({t(key) if t.has(key) else status})"
    key = f"verification.model_{model}"
    return t(key) if t.has(key) else model


def _role(model: str) -> str:
    return "reviewed" if model.startswith(REVIEWED) else ROLES.get(model, "previous")
