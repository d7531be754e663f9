"""Reading what stands in a received bundle: every number is checked before anything is computed from it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator

from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from pipeline.cities import all_cities
from pipeline.data_digests import COLUMNS as DATA_COLUMNS
from pipeline.errors import BundleRefused
from pipeline.exchange.bundle import Bundle
from pipeline.names import PM_THRESHOLDS, QUANTITIES

MOST_ROWS: Final = 500_000
MOST_SPANS: Final = 200_000
"""So many stretches of series are digested at most when data are compared."""
TIMES: Final = ("issue_time", "valid_start", "valid_end")
NUMBERS: Final = ("mean", *QUANTILE_COLUMNS, *PROBABILITY_COLUMNS)
FORECAST_COLUMNS: Final = ("city", "issue_time", "lead_day", "valid_start", "valid_end", *NUMBERS)
SCORE_COLUMNS: Final = ("city", "lead", "model", "threshold", "n", "events", "measure", "value")
_SCHEMA = resources.files("pipeline") / "exchange" / "definition-1.schema.json"


@dataclass(frozen=True)
class Received:
    """What a bundle tells: definition, forecasts of days (None: left out), scores, digests of the data."""

    definition: dict[str, Any]
    forecasts: pd.DataFrame | None
    scores: pd.DataFrame
    data: pd.DataFrame


def read_bundle(bundle: Bundle) -> Received:
    """Return the content of an opened bundle.

    Raises
    ------
    BundleRefused
        ``malformed``: a file is missing, or holds what its form does not allow
    """
    for name in ("model_card.md", "definition.json", "scores.csv", "data.csv"):
        if name not in bundle.files:
            raise BundleRefused("malformed", f"{name} is missing")
    definition = _definition(bundle.files["definition.json"])
    if definition["world"] != bundle.world:
        raise BundleRefused("malformed", "definition.json is of another world than the manifest")
    forecasts = bundle.files.get("forecasts.csv")
    return Received(
        definition,
        None if forecasts is None else _forecasts(forecasts, definition),
        _scores(bundle.files["scores.csv"]),
        _data(bundle.files["data.csv"]),
    )


def _definition(text: bytes) -> dict[str, Any]:
    """Return a definition that fits its schema, this program's cities and its thresholds."""
    try:
        found: dict[str, Any] = json.loads(text)
        error = next(iter(_validator().iter_errors(found)), None)
    except (ValueError, RecursionError):
        raise BundleRefused("malformed", "definition.json is no JSON") from None
    if error is not None:
        raise BundleRefused("malformed", f"definition.json: {error.json_path[:100]} breaks {error.validator}")
    if len(found["inputs"]) * len(found["data"]) > MOST_SPANS:
        raise BundleRefused("malformed", "definition.json names too many stretches of data")
    _known("city", set(found["cities"]), set(all_cities()))
    _known("threshold", set(found["thresholds"]), set(PM_THRESHOLDS))
    _known("quantity", {found["quantity"]}, set(QUANTITIES))
    for text_of in (*found["issues"], found["training"]["received_by"], *_instants(found)):
        if pd.isna(pd.to_datetime(text_of, utc=True, errors="coerce")):
            raise BundleRefused("malformed", "definition.json: an instant is none")
    return found


def _instants(definition: Mapping[str, Any]) -> list[str]:
    return [span[name] for span in definition["data"] for name in ("start", "end", "as_of")]


def _known(what: str, named: set[Any], known: set[Any]) -> None:
    odd = sorted(map(str, named - known))
    if odd:
        raise BundleRefused("malformed", f"definition.json: this node knows no {what} {', '.join(odd)[:100]}")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text("utf-8")))


def _table(name: str, content: bytes, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV file as text cells with just these columns."""
    try:
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, nrows=MOST_ROWS + 1)
    except (ValueError, pd.errors.ParserError) as error:
        raise BundleRefused("malformed", f"{name} is no table: {str(error)[:100]}") from None
    if tuple(table.columns) != columns or len(table) > MOST_ROWS:
        raise BundleRefused(
            "malformed", f"{name} has other columns than {', '.join(columns)}, or too many rows"
        )
    return table


def _numbers(name: str, cells: pd.Series, low: float, high: float, *, may_miss: bool = False) -> pd.Series:
    """Return cells as finite numbers within bounds; an empty one is unknown where that is allowed."""
    empty = cells == ""
    found = pd.to_numeric(cells.mask(empty), errors="coerce").astype(float)
    broken = (found.isna() & ~empty) | ((found < low) | (found > high)) | np.isinf(found)
    if broken.any() or (empty.any() and not may_miss):
        raise BundleRefused("malformed", f"{name}: {cells.name} holds what is no number in its range")
    return found


def _forecasts(content: bytes, definition: Mapping[str, Any]) -> pd.DataFrame:
    """Return the day forecasts of a definition's issues."""
    name = "forecasts.csv"
    table = _table(name, content, FORECAST_COLUMNS)
    made: dict[str, Any] = {"city": table["city"]}
    for column in TIMES:
        made[column] = pd.to_datetime(table[column], utc=True, errors="coerce").astype("datetime64[ns, UTC]")
        if made[column].isna().any():
            raise BundleRefused("malformed", f"{name}: {column} holds what is no instant")
    made["lead_day"] = _numbers(name, table["lead_day"], 1, 15).astype(np.int64)
    for column in NUMBERS:
        high = 1.0 if column in PROBABILITY_COLUMNS else QUANTITIES[definition["quantity"]].highest
        made[column] = _numbers(name, table[column], 0.0, high)
    issues = pd.to_datetime(pd.Series(definition["issues"]), utc=True)
    found = pd.DataFrame(made)
    if not (found["city"].isin(definition["cities"]) & found["issue_time"].isin(issues)).all():
        raise BundleRefused("malformed", f"{name} holds forecasts that definition.json does not name")
    return found


def _scores(content: bytes) -> pd.DataFrame:
    table = _table("scores.csv", content, SCORE_COLUMNS)
    for column in ("threshold", "n", "events", "value"):
        table[column] = _numbers("scores.csv", table[column], -1e9, 1e9, may_miss=True)
    return table


def _data(content: bytes) -> pd.DataFrame:
    table = _table("data.csv", content, DATA_COLUMNS)
    table["values"] = _numbers("data.csv", table["values"], 0, 1e9).astype(int)
    table["delay_hours"] = _numbers("data.csv", table["delay_hours"], -1e6, 1e6, may_miss=True)
    return table
