"""What a verification says of forecasts combined with those of others, and of ranges of the Chinese index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from alerts.aqi import iaqi, level_number
from alerts.rules import Rule, rule
from flows.combine_past import COMBINED, PRODUCT
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from forecasting.verification.combined import ALONE, TOGETHER, combined_rows
from forecasting.verification.pairs import Floats, Ints, groups
from forecasting.verification.ranges import range_rows
from forecasting.verification.score_tables import Options
from pipeline.errors import PolicyError
from pipeline.ledger.runs import RunRow
from pipeline.storage.products import brought

Tables = dict[str, pd.DataFrame]


def both_forecasts(ws: Workspace, runs: Iterable[RunRow]) -> pd.DataFrame:
    """Return the day rows of runs for which others had stated something: combined, and our model alone.

    Whichever of the two was published, ``model`` is ``combined`` or ``alone``.
    """
    found = [part for run in runs if PRODUCT in run.products for part in _of_run(ws, run)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _of_run(ws: Workspace, run: RunRow) -> Iterator[pd.DataFrame]:
    paths = [brought(ws.settings, run.products.get(name, "-")) for name in ("predictions", PRODUCT)]
    if not all(path.is_file() for path in paths):
        return
    published, beside = (pd.read_parquet(path, filters=[("target", "==", "daily")]) for path in paths)
    is_combined = bool((beside["model"] == COMBINED).all())
    ours = published[published["model"] == OPERATIONAL]
    for rows, name in (
        (ours, ALONE if is_combined else TOGETHER),
        (beside, TOGETHER if is_combined else ALONE),
    ):
        yield rows[rows["lead_day"] >= 1].assign(model=name)


def others_tables(rows: pd.DataFrame, both: pd.DataFrame, truth: pd.DataFrame, options: Options) -> Tables:
    """Return the tables ``combined`` and ``index_range`` of PM2.5, those that have rows.

    Parameters
    ----------
    rows : predictions of any number of models
    both : of ``both_forecasts``
    truth : what was measured
    """
    found: dict[str, list[dict[str, Any]]] = {
        "combined": combined_rows(both, truth, options),
        "index_range": range_rows(groups(rows, truth), index_of_days, level_of_days, options),
    }
    return {
        name: pd.DataFrame([{"quantity": "pm2p5", **row} for row in part])
        for name, part in found.items()
        if part
    }


def index_of_days(means: Floats, day: Ints) -> Floats:
    """Return the Chinese index of day means of PM2.5, each in the version of its day.

    >>> index_of_days(np.array([75.0, 75.0]), np.array([20512, 20513])).tolist()
    [100.0, 114.0]
    """
    return _by_version(day, lambda table, at: iaqi(means[at], "pm2p5", table))


def level_of_days(index: Floats, day: Ints) -> Ints:
    """Return the level of an index, each in the version of its day; 0 is excellent, -1 none.

    >>> level_of_days(np.array([50.0, 201.0]), np.array([20512, 20513])).tolist()
    [0, 4]
    """
    found = _by_version(day, lambda table, at: level_number(index[at], table).astype(np.float64))
    return np.nan_to_num(found, nan=-1.0).astype(np.int64)


def _by_version(day: Ints, value: Callable[[Rule, Ints], Floats]) -> Floats:
    """Return a value by the version of the rule in force on each day; NaN before there was one."""
    found = np.full(len(day), np.nan)
    by_table: dict[str, tuple[Rule, list[int]]] = {}
    for number in np.unique(day).tolist():
        table = _table(number)
        if table is not None:
            by_table.setdefault(table.version, (table, []))[1].append(number)
    for table, numbers in by_table.values():
        at = np.flatnonzero(np.isin(day, numbers))
        found[at] = value(table, at)
    return found


@cache
def _table(day: int) -> Rule | None:
    try:
        return rule("cn.aqi", date.fromisoformat(str(np.datetime64(day, "D"))))
    except PolicyError:
        return None
