"""Where a verification reads from: a table, the folder of a hindcast, or the runs that are stored."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.verification_others import both_forecasts
from flows.workspace import Workspace
from forecasting.predictions import COLUMNS
from forecasting.weather_ahead import NOT_ATTAINABLE
from pipeline.errors import UsageError
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.storage.products import brought

PRODUCTS = {"pm2p5": "predictions", "pm10": "predictions_pm10"}
"""Names of the tables of predictions: files of a hindcast, products of a run."""

TOLD = ("from", "to", "train_until", "leave_out_years", "weather", "without_air_of")
"""What a reader of scores must know of a hindcast."""

LIVE_WITHIN = timedelta(hours=6)
"""A run begun later than this after its cycle is a replay, whose inputs were not all there at the cycle."""


@dataclass(frozen=True)
class Source:
    """Predictions by quantity, where they come from, and what a reader of their scores must know.

    ``both`` are the forecasts combined with those of others and those of our model alone, of stored runs.
    """

    tables: dict[str, pd.DataFrame]
    facts: dict[str, Any]
    caveats: list[str]
    both: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_file(path: Path) -> Source:
    """Read one table of predictions; PM10 if its name ends in ``_pm10``.

    Forecasts that were told the weather of the days forecast carry that sentence with them, row by row.

    Raises
    ------
    UsageError
        no such file, or not a table of predictions
    """
    quantity = "pm10" if path.stem.endswith("_pm10") else "pm2p5"
    table = _read(path)
    told = "weather" in table and bool((table["weather"] == NOT_ATTAINABLE).any())
    return Source({quantity: table}, {"predictions": str(path)}, [NOT_ATTAINABLE] * told)


def read_hindcast(folder: Path) -> Source:
    """Read what ``sameair hindcast`` wrote, with what it says about how honest it is.

    Raises
    ------
    UsageError
        the folder holds no predictions
    """
    files = {q: folder / f"{name}.parquet" for q, name in PRODUCTS.items()}
    there = {q: path for q, path in files.items() if path.is_file()}
    if not there:
        raise UsageError(
            f"{folder} holds no predictions.parquet; `sameair hindcast --out {folder}` writes it"
        )
    said: dict[str, Any] = {}
    if (folder / "scores.json").is_file():
        said = json.loads((folder / "scores.json").read_text("utf-8")).get("hindcast", {})
    return Source(
        {q: _read(path) for q, path in there.items()},
        {"hindcast": str(folder), **{k: said[k] for k in TOLD if k in said}},
        list(said.get("caveats", [])),
    )


def read_runs(ws: Workspace, world: str, first: date | None = None, last: date | None = None) -> Source:
    """Read the predictions of the current run of every cycle of a world, live or replayed.

    Parameters
    ----------
    first, last : UTC days of the first and last cycle; None: no limit

    Raises
    ------
    UsageError
        there is no run with predictions
    """
    with ws.ledger.read() as conn:
        rows = [row for row in list_runs(conn, world, limit=1_000_000) if row.is_current]
    rows = [
        row
        for row in rows
        if (first is None or row.cycle.date() >= first) and (last is None or row.cycle.date() <= last)
    ]
    tables = {q: _of_runs(ws, rows, name) for q, name in PRODUCTS.items()}
    tables = {q: table for q, table in tables.items() if len(table)}
    if not tables:
        days = f" of {first or 'any day'} to {last or 'any day'}" if first or last else ""
        raise UsageError(f"no run of the world '{world}' is stored{days}; `sameair run` makes one")
    live = sum(row.begun_at - row.cycle <= LIVE_WITHIN for row in rows)
    caveats = (
        [] if live == len(rows) else [f"{len(rows) - live} of {len(rows)} runs were made after the time"]
    )
    degraded = sum(bool(row.degraded) for row in rows)
    facts = {"runs": len(rows), "live": live, "degraded": degraded, "world": world}
    return Source(tables, facts, caveats, both_forecasts(ws, rows))


def _of_runs(ws: Workspace, rows: list[RunRow], product: str) -> pd.DataFrame:
    paths = [brought(ws.settings, row.products[product]) for row in rows if product in row.products]
    parts = [_read(path) for path in paths if path.is_file()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no Parquet table: {str(error)[:100]}") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UsageError(f"{path} is no table of predictions: {', '.join(missing[:3])} missing")
    return table
