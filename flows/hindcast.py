"""A hindcast as one job: models, every issue of a period, scores, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.event_rules import events_of
from flows.heavy import heavy_of
from flows.model_records import record_hindcast
from flows.models import Models, train_until
from flows.party_air import without_air_of
from flows.weather import LABELS, STOOD_IN, WeatherMode, table_for, weather_mode
from flows.workspace import Workspace, reporter
from forecasting.hindcast import Tables, end_of_day, hindcast, issues_between
from forecasting.issue import OPERATIONAL, QUANTITIES
from forecasting.saying import knows_ahead
from forecasting.verify import as_of_everything, observed_truth, score_predictions
from forecasting.weather_ahead import AHEAD, Manner, Source, perfect_prognosis
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities, city
from pipeline.errors import UsageError
from pipeline.files import write_atomic, write_with
from pipeline.heavy import Heavy
from pipeline.names import MEASURED
from pipeline.series import load_panel
from pipeline.times import iso, to_ns

Job = tuple[list[datetime], Models, Manner, WeatherMode]

FILES = {"pm2p5": "predictions.parquet", "pm10": "predictions_pm10.parquet"}


@dataclass(frozen=True)
class HindcastPlan:
    """What to replay, with models that learned what.

    Parameters
    ----------
    first, last : UTC days; every issue with ``first`` 00 UTC ≤ issue < ``last`` + 1 day
    cities : ids of the cities whose rows are written; models always pool all cities
    train_until : UTC day by whose end everything learned from had been received; None: no such limit
    leave_out_years : learn anew for every scored year, without that year
    weather : what is read of the weather, see ``flows.weather``
    frozen : let no error that was known by then shift or stretch a forecast
    workers : processes of this machine; 0: where the setting says
    without_air_of : city whose side's PM2.5 and PM10 are neither learned from nor read (``flows.party_air``)
    """

    first: date
    last: date
    cities: tuple[str, ...]
    train_until: date | None
    leave_out_years: bool = False
    world: str = MEASURED
    workers: int = 0
    weather: WeatherMode = "observed"
    frozen: bool = False
    without_air_of: str | None = None

    def caveats(self) -> list[str]:
        """Say in which way the replay knows more than a forecaster could have known."""
        found = [LABELS[self.weather]] if self.weather == "perfect-prognosis" else []
        if self.train_until is None or self.train_until >= self.first:
            found.append("not honest: trained on values after the first issue")
        if self.leave_out_years:
            found.append(
                "every scored year is left out of training, later years are not: skill, not a replay"
            )
        if self.without_air_of:
            found.append(f"without any PM2.5 or PM10 measured on the side of {self.without_air_of}")
        return found


@dataclass(frozen=True)
class Hindcast:
    """What a hindcast found, and the files that it wrote."""

    tables: Tables
    document: dict[str, Any]
    files: dict[str, Path]


def plan_hindcast(  # noqa: PLR0913 - one argument per option
    first: str,
    last: str,
    cities: str,
    train_until: str | None,
    *,
    leave_out_years: bool = False,
    world: str = MEASURED,
    workers: int = 0,
    weather: str = "observed",
    frozen: bool = False,
    without_air_of: str | None = None,
) -> HindcastPlan:
    """Check what was asked for on the command line.

    Raises
    ------
    UsageError
        a date that is none, dates reversed, an unknown city, or nothing said about training

    Examples
    --------
    >>> plan_hindcast("2019-12-01", "2019-11-30", "seoul", "2019-11-30")
    Traceback (most recent call last):
    ...
    pipeline.errors.UsageError: --to 2019-11-30 lies before --from 2019-12-01
    """
    begin, end = _day("--from", first), _day("--to", last)
    if end < begin:
        raise UsageError(f"--to {last} lies before --from {first}")
    if train_until is None and not leave_out_years:
        raise UsageError("say what may be learned from: --train-until DATE, or --leave-out-years")
    ids = tuple(dict.fromkeys(city(part.strip()).id for part in cities.split(",") if part.strip()))
    if not ids:
        raise UsageError(f"--cities names none; there are {', '.join(sorted(all_cities()))}")
    until = None if train_until is None else _day("--train-until", train_until)
    lacking = None if without_air_of is None else city(without_air_of).id
    ids = tuple(i for i in ids if i != lacking)
    if not ids:
        raise UsageError(f"--cities names only {lacking}, whose air is left out")
    mode = weather_mode(weather)
    return HindcastPlan(begin, end, ids, until, leave_out_years, world, workers, mode, frozen, lacking)


def run_hindcast(ws: Workspace, plan: HindcastPlan, out: Path) -> Hindcast:
    """Replay a period; write ``predictions.parquet``, that of PM10, ``events.parquet`` and ``scores.json``.

    Raises
    ------
    UsageError
        the world holds no measurements of the cities
    StorageError
        a file cannot be written
    """
    panel = whole_panel(ws, plan.world)
    known = panel if plan.without_air_of is None else without_air_of(panel, plan.without_air_of)
    tables, used = replay_issues(ws, plan, known)
    document = {"hindcast": facts_of(plan, used, tables), **scores_of(panel, tables)}
    files = {}
    for quantity, rows in tables.items():
        files[FILES[quantity]] = _write_table(rows, out / FILES[quantity])
    operational = {q: rows[rows["model"] == OPERATIONAL] for q, rows in tables.items()}
    files["events.parquet"] = _write_table(events_of(operational), out / "events.parquet")
    truths = {quantity: truth_of(panel, rows, quantity) for quantity, rows in tables.items()}
    if plan.weather != "perfect-prognosis" and not plan.frozen and not plan.without_air_of:
        record_hindcast(ws, plan.world, tables, truths, plan.caveats())
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    files["scores.json"] = write_atomic(out / "scores.json", text.encode())
    return Hindcast(tables, document, files)


def whole_panel(ws: Workspace, world: str) -> AsOfPanel:
    """Return every version of all series of a world; UsageError when there are none."""
    tell = reporter.get()
    tell("reading measurements", 0, 1)
    panel = load_panel(ws.store, all_cities().values(), world)
    tell("reading measurements", 1, 1)
    if not len(panel):
        raise UsageError(
            f"no series of world '{world}' are stored; run `sameair import-archive FOLDER` first"
        )
    return panel


def replay_issues(ws: Workspace, plan: HindcastPlan, panel: AsOfPanel) -> tuple[Tables, list[Models]]:
    """Replay a plan's issues; return the tables of its cities, and the models used."""
    every = list(all_cities().values())
    parts: list[Tables] = []
    used: list[Models] = []
    with heavy_of(ws, plan.workers) as heavy:
        for issues, models, manner, mode in _trained_for(ws, plan, panel, heavy):
            used.append(models)
            made = hindcast(panel, every, issues, models, manner=manner, heavy=heavy, progress=reporter.get())
            note = "" if mode == plan.weather else STOOD_IN
            parts.append({q: _labelled(rows, LABELS[mode], note) for q, rows in made.items()})
    tables = {q: pd.concat([part[q] for part in parts], ignore_index=True) for q in QUANTITIES}
    return {q: _chosen(rows, plan.cities) for q, rows in tables.items()}, used


def _labelled(rows: pd.DataFrame, weather: str, note: str) -> pd.DataFrame:
    """Say of our own rows which weather was read, and what stood in for what."""
    ours = rows["model"] == OPERATIONAL
    said = [f"{note}; {before}" if note and before else note or before for before in rows["degraded"]]
    return rows.assign(degraded=np.where(ours, said, rows["degraded"]), weather=np.where(ours, weather, ""))


def _chosen(rows: pd.DataFrame, cities: tuple[str, ...]) -> pd.DataFrame:
    found = rows[rows["city"].isin(cities)]
    return found.sort_values("issue_time", kind="stable", ignore_index=True)


def _trained_for(ws: Workspace, plan: HindcastPlan, panel: AsOfPanel, heavy: Heavy) -> Iterator[Job]:
    """Yield the issues in groups that share models, how these speak, and which weather they read."""
    issues = issues_between(plan.first, plan.last)
    until = as_of_everything(panel)
    if plan.train_until is not None:
        until = min(until, end_of_day(plan.train_until))
    learn = partial(train_until, ws, panel, until, without_air_of=plan.without_air_of, heavy=heavy)
    if not plan.leave_out_years:
        yield from jobs_of(ws, plan, panel, issues, learn)
        return
    for year, group in groupby(issues, key=lambda issue: issue.year):
        yield from jobs_of(ws, plan, panel, list(group), partial(learn, leave_out_year=year))


def jobs_of(
    ws: Workspace, plan: HindcastPlan, panel: AsOfPanel, issues: list[datetime], learn: Callable[..., Models]
) -> list[Job]:
    """Return what to replay of issues: with weather ahead where it is told, else without."""
    if plan.weather == "observed":
        return [(issues, learn(), Manner(not plan.frozen), plan.weather)]
    models = learn(weather=AHEAD)
    times = np.array([to_ns(issue) for issue in issues])
    ahead: Source = perfect_prognosis
    if plan.weather == "forecast":
        ahead = table_for(ws, panel, models.values(), times)
    told = np.ones(len(times), bool)
    for model in models.values():
        told &= model is None or knows_ahead(model, panel, times, None, ahead)
    known = [issue for issue, is_told in zip(issues, told, strict=True) if is_told]
    others = [issue for issue, is_told in zip(issues, told, strict=True) if not is_told]
    jobs: list[Job] = [(known, models, Manner(not plan.frozen, ahead), plan.weather)] if known else []
    if others:
        jobs.append((others, learn(), Manner(not plan.frozen), "observed"))
    return jobs


def facts_of(plan: HindcastPlan, used: Sequence[Models], tables: Tables) -> dict[str, Any]:
    """Return what a reader of scores must know of how they were made."""
    return {
        "world": plan.world,
        "from": plan.first.isoformat(),
        "to": plan.last.isoformat(),
        "cities": list(plan.cities),
        "issues": len(issues_between(plan.first, plan.last)),
        "train_until": plan.train_until.isoformat() if plan.train_until else None,
        "leave_out_years": plan.leave_out_years,
        "weather": LABELS[plan.weather],
        "frozen": plan.frozen,
        "without_air_of": plan.without_air_of,
        "caveats": plan.caveats(),
        "models": [
            {
                q: None if m is None else {"id": m.model_id, "data_until": iso(m.data_until)}
                for q, m in one.items()
            }
            for one in used
        ],
        "rows": {FILES[q]: len(rows) for q, rows in tables.items()},
    }


def scores_of(panel: AsOfPanel, tables: Tables) -> dict[str, list[dict[str, Any]]]:
    """Score the tables of every quantity against the newest known values; entries name their quantity."""
    tell = reporter.get()
    scores: dict[str, list[dict[str, Any]]] = {"exceedance": [], "continuous": []}
    for done, (quantity, rows) in enumerate(tables.items()):
        tell("scoring", done, len(tables))
        for kind, entries in score_predictions(rows, truth_of(panel, rows, quantity)).items():
            scores[kind] += [{"quantity": quantity, **entry} for entry in entries]
    tell("scoring", len(tables), len(tables))
    return scores


def truth_of(panel: AsOfPanel, rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return what was measured over the span of a table of predictions, as known now."""
    return observed_truth(
        panel,
        list(all_cities().values()),
        start=pd.Timestamp(rows["valid_start"].min()).to_pydatetime(),
        end=pd.Timestamp(rows["valid_end"].max()).to_pydatetime(),
        as_of=as_of_everything(panel),
        quantity=quantity,
    )


def _write_table(rows: pd.DataFrame, path: Path) -> Path:
    return write_with(path, lambda beside: rows.to_parquet(beside, index=False, compression="zstd"))


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no date; write it like 2019-12-01") from None
