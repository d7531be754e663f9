"""Scores that are kept for the forecasters' page: small tables, written once, never changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from forecasting.verification.pairs import DAYS
from pipeline.files import write_atomic, write_with

Tables = Mapping[str, pd.DataFrame]

PARTS: Final = ("all", "period", "season", "mode", "winter")
_KEY: Final = ("city", "lead", "part", "of", "model", "threshold", "n", "events")
_MEASURES: Final = (
    "pod", "far", "csi", "brier_score", "bss_persistence", "bss_climatology", "bss_season", "bss_trend",
)  # fmt: skip
_WITH_ENDS: Final = tuple(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high"))

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "exceedance": (*_KEY, "said", "roc_area", "roc_area_low", "roc_area_high", *_WITH_ENDS, "undefined"),
    "reviewed": (*_KEY, "status", "said", *_WITH_ENDS, "undefined"),
    "reliability": (
        *_KEY, "bin", "mean_probability", "observed_frequency", "band_low", "band_high",
    ),
    "economic_value": ("city", "lead", "part", "of", "model", "threshold", "cost_loss", "pod", "pofd"),
    "episodes": (
        "city", "model", "threshold", "period", "episodes", "hit", "late", "missed", "false_alarms",
        "hit_rate", "median_lead_hours",
    ),
    "episode_list": (
        "city", "model", "threshold", "first_day", "last_day", "days", "peak", "outcome", "first_cycle",
        "lead_hours",
    ),
}  # fmt: skip
"""The tables of ``tables.verify`` that are kept, and what of them; of means of local days alone."""

NEWEST_KEPT: Final = 14
"""How many of the newest stay; of those before them the last of every month."""


@dataclass(frozen=True)
class Kept:
    """One verification that is kept: of what (``runs``, ``hindcast``, ``table``), with issues until when."""

    folder: Path
    source: str
    last_issue: date


def keep(root: Path, source: str, tables: Mapping[str, Tables], facts: Mapping[str, Any]) -> Kept:
    """Write a verification for the page and let go of old ones; the same scores are written once.

    Parameters
    ----------
    root : folder of a world's verifications
    tables : by quantity, of ``tables.verify``
    facts : how they were made; ``last_issue`` names the folder

    Raises
    ------
    StorageError
        a file cannot be written
    """
    text = json.dumps(dict(facts), indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    last = date.fromisoformat(str(facts["last_issue"])[:10])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    made = Kept(root / source / f"{last}-{digest}", source, last)
    for quantity, found in tables.items():
        for name, table in _reduced(found).items():
            write_with(made.folder / f"{quantity}_{name}.parquet", table.to_parquet)
    write_atomic(made.folder / "facts.json", text.encode())
    _forget(root, source, made)
    return made


def kept_verifications(root: Path, source: str) -> list[Kept]:
    """Return what is kept of a source, the newest issues first.

    >>> kept_verifications(Path("there is no such folder"), "runs")
    []
    """
    found = []
    for path in root.glob(f"{source}/*/facts.json"):
        name = path.parent.name
        found.append((name[:10], path.stat().st_mtime_ns, path.parent))
    return [Kept(folder, source, date.fromisoformat(day)) for day, _, folder in sorted(found, reverse=True)]


@lru_cache(maxsize=8)
def facts_of(folder: Path) -> dict[str, Any]:
    """Return how a kept verification was made."""
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text("utf-8"))
    return found


@lru_cache(maxsize=64)
def table_of(folder: Path, quantity: str, name: str) -> pd.DataFrame:
    """Return a table of a kept verification, empty with its columns where it has none of that name."""
    path = folder / f"{quantity}_{name}.parquet"
    columns = list(COLUMNS[name])
    return pd.read_parquet(path).reindex(columns=columns) if path.is_file() else pd.DataFrame(columns=columns)


def _reduced(found: Tables) -> dict[str, pd.DataFrame]:
    """Keep what the page shows of the tables that there are."""
    kept = {}
    for name, columns in COLUMNS.items():
        if name in found:
            rows = found[name]
            if "target" in rows:
                rows = rows[rows["target"].isin(DAYS) & rows["part"].isin(PARTS)]
            kept[name] = rows.reindex(columns=list(columns)).reset_index(drop=True)
    return kept


def _forget(root: Path, source: str, made: Kept) -> None:
    """Remove what is older than the newest but the last of every month, and doubles of the same last day."""
    months: set[str] = set()
    days: set[date] = set()
    for position, one in enumerate(kept_verifications(root, source)):
        month = f"{one.last_issue:%Y-%m}"
        is_kept = one.last_issue not in days and (position < NEWEST_KEPT or month not in months)
        days.add(one.last_issue)
        months.add(month)
        if not is_kept and one.folder != made.folder:
            shutil.rmtree(one.folder, ignore_errors=True)
