"""Why a forecast says what it says: what it would say if one group of inputs had been ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.features import FeatureTable, feature_table
from forecasting.linear import LEAD_COLUMN
from forecasting.model import LEVEL_COLUMN, Model
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.times import FORECAST_DAYS, local_date, local_day_bounds, to_utc

GROUPS = {
    "air of the city itself": ("own", "own newest"),
    "air of the other city": ("other city",),
    "weather of the city": ("own weather",),
    "weather of the other city": ("other weather",),
    "upwind stations": ("upwind",),
}
"""What a reader is told about, and the column groups of a feature table behind it."""


def explain(
    panel: AsOfPanel,
    model: Model,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    lead_day: int = 1,
) -> pd.DataFrame:
    """Tell by how much each group of inputs moved the median of a local day.

    The effect of a group is the day's median with all inputs less that with the group's columns at their
    medians of training; effects need not add up, for groups act together. It describes the model, not the
    atmosphere.

    Returns
    -------
    table with ``city``, ``group``, ``median`` and ``effect`` [ug m-3], largest effect first within a city; a
    city whose air was unknown for 72 h has no rows
    """
    if not 0 <= lead_day <= FORECAST_DAYS:
        raise ValueError(f"lead_day {lead_day} is not in 0 … {FORECAST_DAYS}")
    table, owner = _day_rows(panel, model, cities, issue_time, as_of, lead_day)
    median = model.marginals(table, np.array([0.5]))[:, 0]
    rows = []
    for group, prefixes in GROUPS.items():
        columns = _columns(model, prefixes)
        if not len(columns) or not np.isfinite(table.values[:, columns]).any():
            continue
        changed = table.values.copy()
        changed[:, columns] = model.typical[columns]
        ordinary = model.marginals(replace(table, values=changed), np.array([0.5]))[:, 0]
        for city in dict.fromkeys(owner):
            here = owner == city
            rows.append((city, group, median[here].mean(), (median - ordinary)[here].mean()))
    found = pd.DataFrame(rows, columns=["city", "group", "median", "effect"])
    order = found.assign(size=-found["effect"].abs()).sort_values(["city", "size"], kind="stable").index
    return found.loc[order].reset_index(drop=True)


def _columns(model: Model, prefixes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the columns of some groups, without those on which the model's arithmetic rests."""
    starts = tuple(f"{p}:" for p in prefixes)
    found = [i for i, n in enumerate(model.layout.names) if n.startswith(starts)]
    return np.array([i for i in found if i not in (LEAD_COLUMN, LEVEL_COLUMN)], np.int64)


def _day_rows(
    panel: AsOfPanel,
    model: Model,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    lead_day: int,
) -> tuple[FeatureTable, npt.NDArray[np.object_]]:
    """Return the feature rows of the references' intervals of one local day, and the city of each."""
    issue, zones = to_utc(issue_time), {c.id: c.timezone for c in cities}
    periods: list[npt.NDArray[np.int64]] = []
    for target in model.layout.targets:
        zone = zones[target.city]
        day = pd.Timestamp(local_date(issue, zone)) + pd.Timedelta(days=lead_day)
        start, end = (int((b - issue).total_seconds() // 3600) for b in local_day_bounds(day.date(), zone))
        hours = np.arange(max(start, 0) + 1, end + 1)
        wanted = (issue.hour + hours) % target.interval_hours == 0
        periods.append(hours[wanted] if target.role == "reference" else hours[:0])
    table = feature_table(panel, model.layout, issue, as_of, periods)
    seen = table.has_state[table.target]
    kept = replace(table, target=table.target[seen], period=table.period[seen], values=table.values[seen])
    owner = np.array([model.layout.targets[i].city for i in kept.target], object)
    return kept, owner
