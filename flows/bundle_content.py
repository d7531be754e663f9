"""What a bundle of the technology exchange holds of a hindcast: definition, forecasts, scores, data digests.

Measured values are not among it: forecasts are made, scores are means over at least thirty days, and of the
data there are counts and digests alone. Forecasts of persistence would repeat what was measured, so of them
only the scores are told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from flows.bundle_read import FORECAST_COLUMNS
from flows.hindcast import truth_of
from flows.version import code_version
from forecasting.issue import OPERATIONAL
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.ties import SEED
from forecasting.verification.intervals import BLOCK_DAYS, DRAWS, LEVEL
from forecasting.verify import score_predictions
from pipeline.asof import AsOfPanel
from pipeline.data_digests import Span, digest_table
from pipeline.errors import UsageError
from pipeline.ledger.models import ModelRow
from pipeline.names import PM_THRESHOLDS
from pipeline.times import from_ns, iso, parse_instant

SCHEMA: Final = "sameair-hindcast/1"
FEWEST_DAYS: Final = 30
"""Scores of fewer days would let somebody find out what was measured on single ones."""

_DIGITS: Final = {**dict.fromkeys(("mean", *QUANTILE_COLUMNS), 2), **dict.fromkeys(PROBABILITY_COLUMNS, 4)}

KNOWN: Final = (
    "Each issue reads only versions of values that had been received by the instant of the issue.",
    "The model learned only from values received by training.received_by; see effort and leave_out_year.",
    "Days are local days of the city; the mean of a day needs 75 % of its intervals.",
    "D+1 is the first local day that begins after the issue; D+0 is not scored.",
    "What was measured is the reference series of the city in the newest version known.",
    "Errors known by the issue shift and widen the forecast (not frozen).",
)

SCORES: Final = {
    "rmse": "root of the mean squared error of the mean of the forecast distribution [ug m-3]",
    "mae": "mean absolute error of the median [ug m-3]",
    "bias": "mean of forecast mean minus measured mean [ug m-3]",
    "crps": "continuous ranked probability score from the seven quantiles [ug m-3]",
    "coverage_50": "share of days inside the central 50 % of the distribution; also 80 and 90",
    "brier_score": "mean squared error of the probability that the day mean exceeds the threshold",
    "brier_skill_score_climatology": "1 - Brier score / that of climatology, same rows, 90 % interval",
    "brier_skill_score_persistence": "1 - Brier score / that of persistence on the same rows",
    "roc_area": "area under the ROC curve",
    "pod": "hits / (hits + misses) of yes at probability 0.5; far: false alarms / yes; so csi, hss, pss",
}


@dataclass(frozen=True)
class Content:
    """The parts of a bundle that are computed: definition, forecasts, scores, digests of the data."""

    definition: dict[str, Any]
    forecasts: pd.DataFrame
    scores: dict[str, list[dict[str, Any]]]
    data: pd.DataFrame


def content_of(row: ModelRow, days: pd.DataFrame, panel: AsOfPanel, at: datetime) -> Content:
    """Return what a bundle tells of a model.

    Parameters
    ----------
    days : its ``flows.model_evidence.replayed_days``
    panel : the whole series of its world
    at : instant of making

    Raises
    ------
    UsageError
        too few days were replayed and measured
    """
    days = days[days["lead_day"] >= 1]
    ours = forecasts_of(days[(days["model"] == OPERATIONAL) & (days["model_id"] == row.id)])
    if ours.empty:
        raise UsageError(_no_hindcast(row))
    beside = days[(days["model"] != OPERATIONAL) & days["issue_time"].isin(ours["issue_time"])]
    rows = pd.concat([ours.assign(model=OPERATIONAL, model_id=row.id, target="daily"), beside])
    truth = truth_of(panel, rows, row.quantity)
    _check_days(row, rows, truth)
    scores = score_predictions(rows, truth)
    definition = definition_of(row, ours, at)
    return Content(definition, ours, scores, data_of(definition, panel, at))


def forecasts_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return forecasts as they are written, in order, so that scores are of just these numbers."""
    found = rows[list(FORECAST_COLUMNS)].round(_DIGITS)
    return found.sort_values(["city", "issue_time", "lead_day"], ignore_index=True)


def definition_of(row: ModelRow, forecasts: pd.DataFrame, at: datetime) -> dict[str, Any]:
    """Return what somebody needs to make the same hindcast from data of their own."""
    issues = sorted({iso(t.to_pydatetime()) for t in forecasts["issue_time"]})
    weather = "observed" if row.details.get("weather", "observed") == "observed" else "forecast"
    year = row.details.get("leave_out_year")
    cities = sorted({str(city) for city in forecasts["city"]})
    inputs = {str(key) for key in row.details.get("inputs", ())}
    inputs |= {f"{city}.{row.quantity}.reference" for city in cities}
    return {
        "schema": SCHEMA,
        "world": row.world,
        "quantity": row.quantity,
        "cities": cities,
        "issues": issues,
        "leads": sorted({int(day) for day in forecasts["lead_day"]}),
        "thresholds": list(PM_THRESHOLDS),
        "training": {
            "received_by": iso(row.data_until),
            "effort": str(row.details.get("effort", "full")),
            "leave_out_year": None if year is None else int(year),
        },
        "weather": weather,
        "inputs": sorted(inputs),
        "seeds": {"samples": SEED, "resamples": 0},
        "blocks": {"days": BLOCK_DAYS, "draws": DRAWS, "level": LEVEL},
        "known": list(KNOWN),
        "scores": dict(SCORES),
        "data": [_told(span) for span in _spans(row, forecasts, at)],
        "made_by": f"sameair {code_version()}",
    }


def _spans(row: ModelRow, forecasts: pd.DataFrame, at: datetime) -> Iterable[Span]:
    """Yield the stretches of data that are told of: years that were learned from, months of the hindcast."""
    since = parse_instant(str(row.details.get("data_from") or iso(row.data_until)))
    for year in range(since.year, row.data_until.year + 1):
        start = since.replace(year=year, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        end = min(start.replace(year=year + 1), row.data_until)
        if start < end:
            yield Span(f"{year} learned from", start, end, row.data_until)
    first = from_ns(forecasts["issue_time"].to_numpy("datetime64[ns]").min())
    last = from_ns(forecasts["valid_end"].to_numpy("datetime64[ns]").max())
    month = (first - timedelta(days=3)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < last:
        after = (month + timedelta(days=32)).replace(day=1)
        yield Span(f"{month:%Y-%m} forecast", month, after, at)
        month = after


def _told(span: Span) -> dict[str, str]:
    return {"name": span.name, **{n: iso(getattr(span, n)) for n in ("start", "end", "as_of")}}


def data_of(definition: Mapping[str, Any], panel: AsOfPanel, at: datetime) -> pd.DataFrame:
    """Return counts and digests of the data that a definition names, as a panel knows them.

    What was learned from counts as it was known then, what was forecast and measured as it is known ``at``.
    """
    then = definition["training"]["received_by"]
    spans = []
    for told in definition["data"]:
        start, end = parse_instant(told["start"]), parse_instant(told["end"])
        as_of = parse_instant(then) if told["as_of"] == then else at
        spans.append(Span(str(told["name"]), start, end, as_of))
    return digest_table(panel, definition["inputs"], spans)


def score_rows(scores: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return scores in one list, a row for each city, lead, model, measure and threshold.

    >>> entry = {"city": "seoul", "lead": "D+1", "model": "sameair", "target": "daily", "n": 40, "rmse": 9.0}
    >>> score_rows({"continuous": [entry], "exceedance": []})[0]["measure"]
    'rmse'
    """
    keys = ("city", "lead", "model")
    aside = {*keys, "target", "n", "events", "threshold", "quantity"}
    return [
        {
            **{name: entry[name] for name in keys},
            "threshold": entry.get("threshold"),
            "n": entry["n"],
            "events": entry.get("events"),
            "measure": name,
            "value": value,
        }
        for kind in ("continuous", "exceedance")
        for entry in scores[kind]
        for name, value in entry.items()
        if name not in aside
    ]


def written(content: Content) -> dict[str, bytes]:
    """Return the files of the computed parts, always the same for the same parts."""
    return {
        "definition.json": _json(content.definition),
        "forecasts.csv": _csv(content.forecasts),
        "scores.json": _json(content.scores),
        "scores.csv": _csv(pd.DataFrame(score_rows(content.scores))),
        "data.csv": _csv(content.data),
    }


def _json(document: object) -> bytes:
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    return (text + "\n").encode()


def _csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV with instants as this program writes them."""
    shown = table.copy()
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            shown[name] = [iso(t.to_pydatetime()) for t in table[name]]
    return shown.to_csv(index=False, lineterminator="\n").encode()


def _check_days(row: ModelRow, rows: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Refuse to tell scores of so few days that single measurements could be read from them."""
    seen = truth[truth["target"] == "daily"]
    for city, mine in rows.groupby("city"):
        measured = set(seen.loc[seen["city"] == city, "valid_end"]) & set(mine["valid_end"])
        if len(measured) < FEWEST_DAYS:
            raise UsageError(
                f"of {city} only {len(measured)} days were forecast and measured; at least {FEWEST_DAYS} are "
                f"needed, or single measurements could be read from the scores. {_no_hindcast(row)}"
            )


def _no_hindcast(row: ModelRow) -> str:
    day = (row.data_until - timedelta(seconds=1)).date()
    return (
        f"Replay more days with this model: `sameair hindcast --world {row.world} --train-until {day} "
        f"--from {day + timedelta(days=1)} --to DATE --out FOLDER`"
    )
