"""A verification as one job: predictions, what was measured, tables, figures, and one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alerts.policy import load_policy
from flows.reviewed_warnings import reviewed_of_runs
from flows.verification_beside import ceiling_rows, grades_of, statements_of, warning_rows
from flows.verification_others import others_tables
from flows.verification_sources import Source, read_file, read_hindcast, read_runs
from flows.workspace import Workspace, reporter
from forecasting.verification.pairs import day_means_by_number, day_number, groups
from forecasting.verification.plots import figures
from forecasting.verification.report import Page, render
from forecasting.verification.score_tables import Options
from forecasting.verification.tables import Tables, verify
from forecasting.verify import as_of_everything, observed_truth
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.files import write_atomic
from pipeline.names import MEASURED, is_simulated
from pipeline.series import load_panel
from pipeline.times import from_ns, iso

SHOWN: Final = {
    "pm2p5": {"seoul": 35, "beijing": 75},
    "pm10": {"seoul": 75, "beijing": 150},
}
"""Day means whose exceedance the page shows [ug m-3]; the tables hold every threshold."""

PAGES: Final = {"pm2p5": "report.html", "pm10": "report_pm10.html"}


@dataclass(frozen=True)
class Request:
    """What to verify: a table, the folder of a hindcast, or, with neither, the stored runs of a world.

    Parameters
    ----------
    first, last : UTC days of the first and last issue; None: no limit
    options : subject, seed and number of resamples
    """

    predictions: Path | None = None
    hindcast: Path | None = None
    world: str = MEASURED
    first: date | None = None
    last: date | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Verification:
    """What was found: tables by quantity, the facts of how they were made, and the files written."""

    tables: dict[str, Tables]
    facts: dict[str, Any]
    files: dict[str, Path]


def run_verification(ws: Workspace, request: Request, out: Path) -> Verification:
    """Score predictions against what was measured and write tables, figures and a page.

    Raises
    ------
    UsageError
        no such predictions, nothing measured, or no row of both
    StorageError
        a file cannot be written
    """
    found = scored(ws, request)
    return replace(found, files=_write(out, found.tables, found.facts))


def scored(ws: Workspace, request: Request) -> Verification:
    """Score predictions against what was measured and write nothing.

    Raises
    ------
    UsageError
        no such predictions, nothing measured, or no row of both
    """
    source = _within(_source(ws, request), request)
    tell = reporter.get()
    tell("reading measurements", 0, 1)
    panel = truth_panel(ws, request.world)
    if not len(panel):
        raise UsageError(
            f"no series of the world '{request.world}' are stored, so there is nothing to verify by"
        )
    tell("reading measurements", 1, 1)
    tables: dict[str, Tables] = {}
    for done, quantity in enumerate(source.tables):
        tell("scoring", done, len(source.tables))
        tables[quantity] = _scored(ws, request, panel, source, quantity)
    tell("scoring", len(source.tables), len(source.tables))
    if not any("continuous" in found for found in tables.values()):
        raise UsageError("no forecast of these predictions was measured yet, so there is nothing to score")
    return Verification(tables, _facts(source, request, panel, tables), {})


def truth_panel(ws: Workspace, world: str, as_of: datetime | None = None) -> AsOfPanel:
    """Return the reference series of the cities alone, with all their versions received by ``as_of``."""
    cities = [
        replace(c, series=tuple(s for s in c.series if s.role == "reference")) for c in all_cities().values()
    ]
    return load_panel(ws.store, cities, world, around=False, as_of=as_of)


def whole_truth(panel: AsOfPanel, quantity: str, until: pd.Timestamp) -> pd.DataFrame:
    """Return all that was measured of the cities up to an instant; days that are not over are left out."""
    keys = [key for key in panel if key.endswith(f".{quantity}.reference")]
    if not keys:
        return pd.DataFrame(columns=["city", "target", "valid_end", "observed"])
    first = min(panel[key].times[0] for key in keys if len(panel[key].times))
    as_of = as_of_everything(panel)
    truth = observed_truth(
        panel,
        list(all_cities().values()),
        start=from_ns(first),
        end=until.to_pydatetime(),
        as_of=as_of,
        quantity=quantity,
    )
    return truth[truth["valid_end"] <= pd.Timestamp(as_of)].reset_index(drop=True)


def _source(ws: Workspace, request: Request) -> Source:
    if request.predictions is not None and request.hindcast is not None:
        raise UsageError("give --predictions or --hindcast, not both")
    if request.predictions is not None:
        return read_file(request.predictions)
    if request.hindcast is not None:
        return read_hindcast(request.hindcast)
    return read_runs(ws, request.world, request.first, request.last)


def _within(source: Source, request: Request) -> Source:
    """Keep the issues of the days asked for."""
    tables = {}
    for quantity, rows in source.tables.items():
        day = rows["issue_time"].dt.tz_convert("UTC").dt.date
        kept = pd.Series(True, rows.index)
        if request.first is not None:
            kept &= day >= request.first
        if request.last is not None:
            kept &= day <= request.last
        tables[quantity] = rows[kept]
    tables = {q: rows for q, rows in tables.items() if len(rows)}
    if not tables:
        raise UsageError("no issue of these predictions lies between --from and --to")
    return replace(source, tables=tables)


def _scored(ws: Workspace, request: Request, panel: AsOfPanel, source: Source, quantity: str) -> Tables:
    as_of, rows = ws.clock(), source.tables[quantity]
    truth = whole_truth(panel, quantity, rows["valid_end"].max())
    graded = quantity == "pm2p5"
    grades = grades_of(rows["valid_start"].max().date()) if graded else {}
    statements = statements_of(ws, request.world, quantity, as_of)
    tables = verify(rows, truth, quantity, grades=grades, statements=statements, options=request.options)
    if graded and len(truth):
        beside = {
            "warnings": warning_rows(ws, request.world, _spoken_of(rows, truth), _lowest(ws)),
            "ceiling": ceiling_rows(ws, request.world, as_of),
        }
        if "runs" in source.facts:
            parted = list(groups(rows, truth))
            beside["reviewed"] = reviewed_of_runs(ws, request.world, parted, _lowest(ws), request.options)
        tables |= {name: pd.DataFrame(found) for name, found in beside.items() if found}
        tables |= others_tables(rows, source.both, truth, request.options)
    return tables


def _spoken_of(rows: pd.DataFrame, truth: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the measured means of the days that the predictions speak of, by city and day number."""
    found = {}
    daily = rows[rows["target"] == "daily"]
    for city, mine in daily.groupby("city"):
        days = day_number(mine["valid_start"], all_cities()[str(city)].timezone)
        found[str(city)] = day_means_by_number(truth, str(city)).reindex(sorted(set(days.tolist())))
    return found


def _lowest(ws: Workspace) -> dict[str, int]:
    policy = load_policy(ws.settings.policy_file)
    return {city: policy.thresholds(city)[0] for city in all_cities()}


def _facts(
    source: Source, request: Request, panel: AsOfPanel, tables: Mapping[str, Tables]
) -> dict[str, Any]:
    every = pd.concat(list(source.tables.values()))
    return {
        **source.facts,
        "world": request.world,
        "issues": int(every["issue_time"].nunique()),
        "first_issue": iso(every["issue_time"].min().to_pydatetime()),
        "last_issue": iso(every["issue_time"].max().to_pydatetime()),
        "models": _order(every["model"].unique().tolist(), request.options.subject),
        "model_ids": sorted(
            {str(m) for m in every.loc[every["model"] == request.options.subject, "model_id"]}
        ),
        "measured_as_of": iso(as_of_everything(panel)),
        "subject": request.options.subject,
        "seed": request.options.seed,
        "draws": request.options.draws,
        "caveats": caveats_of(request.world, source.caveats),
        "absent": _absent(tables, runs="runs" in source.facts),
        "rows": {q: {name: len(table) for name, table in found.items()} for q, found in tables.items()},
    }


def caveats_of(world: str, said: Sequence[str]) -> list[str]:
    """Return what a page says before its first figure: of an invented world first that it is one.

    >>> caveats_of("simulated-5", ["trained late"]), caveats_of("measured", [])
    (['SIMULATED world: scores there say nothing about real skill', 'trained late'], [])
    """
    return [*(["SIMULATED world: scores there say nothing about real skill"] * is_simulated(world)), *said]


def _order(models: Sequence[str], subject: str) -> list[str]:
    return sorted(models, key=lambda name: (name != subject, name))


def _absent(tables: Mapping[str, Tables], *, runs: bool) -> list[str]:
    """Say what there was nothing of to compare with."""
    sentences = {"combined": "In no stored run had others stated anything of these days."} if runs else {}
    sentences |= {
        "warnings": "No issued warning lies in the ledger, so reviewed warnings are not compared.",
        "statements": "No bulletin of another agency speaks of these days, so none is compared.",
        "joint": "The predictions hold no joint probabilities of several days.",
    }
    return [text for name, text in sentences.items() if not any(name in found for found in tables.values())]


def _write(out: Path, tables: Mapping[str, Tables], facts: Mapping[str, Any]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for quantity, found in tables.items():
        models = [str(name) for name in facts["models"]]
        shown = figures(found, SHOWN[quantity], models)
        for name, table in found.items():
            stem = out / "tables" / f"{quantity}_{name}"
            write_atomic(stem.with_suffix(".csv"), table.to_csv(index=False).encode())
            write_atomic(
                stem.with_suffix(".json"), table.to_json(orient="records", force_ascii=False).encode()
            )
        for name, png in shown.items():
            write_atomic(out / "figures" / f"{quantity}_{name}.png", png)
        page = Page(
            title=f"Verification of {QUANTITY_NAMES[quantity]} forecasts",
            summary=_summary(facts),
            caveats=facts["caveats"],
            tables=found,
            figures=shown,
            thresholds=SHOWN[quantity],
            models=models,
            absent=facts["absent"],
        )
        files[PAGES[quantity]] = write_atomic(out / PAGES[quantity], render(page).encode())
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    files["verification.json"] = write_atomic(out / "verification.json", text.encode())
    return files


QUANTITY_NAMES: Final = {"pm2p5": "PM2.5", "pm10": "PM10"}


def _summary(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['issues']} issues from {facts['first_issue']} to {facts['last_issue']} of the world "
        f"{facts['world']}; models: {', '.join(facts['models'])}; measured values as known at "
        f"{facts['measured_as_of']}; seed {facts['seed']}, {facts['draws']} resamples."
    )
