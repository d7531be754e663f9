"""The air on its way to each city: made at every issue from the winds and readings known then, and kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from flows.live import forecasts_of
from flows.winds import winds_for
from flows.workspace import Workspace
from forecasting.targets import to_level
from forecasting.transport.arriving import KnownWinds, Times, arriving
from forecasting.transport.arriving_readings import readings_of
from forecasting.transport.arriving_winds import winds_of_fields, winds_of_runs
from forecasting.transport.point_winds import has_winds_aloft
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.forecast_store import PREVIOUS_RUNS
from pipeline.names import QC_PASS
from pipeline.series import load_panel
from pipeline.surroundings import ARRIVING, arriving_id
from pipeline.times import FORECAST_DAYS, HOUR, cycles_between, from_ns, horizon_end, to_ns

SOURCE: Final = ARRIVING
"""Source of what is kept: made of measurements elsewhere, not measured."""

READ_BACK: Final = timedelta(days=2)
EACH: Final = 4
"""So many last issues are made each from the newest forecast that it knew, those before them together from
previous runs."""

DAYS: Final = tuple(range(FORECAST_DAYS + 1))


def keep_arriving(ws: Workspace, world: str, issue: datetime) -> int:
    """Make what is on its way at an issue, and at those before it that lack it; return the rows stored.

    For each issue only winds and readings that had been received by it count, so it does not matter when it
    is made. Nothing is made where no forecast winds are stored, as of archives. Repeating it adds nothing.
    """
    lacking = _lacking(ws, world, issue)
    early, late = lacking[:-EACH], lacking[-EACH:]
    stored = _from_runs(ws, world, early) if early else 0
    return stored + sum(_from_forecast(ws, world, one) for one in late)


def _lacking(ws: Workspace, world: str, issue: datetime) -> list[datetime]:
    """Return the issues up to one, after those that something is kept of and since winds are stored."""
    listed = forecasts_of(ws).listed(world, as_of=issue)
    if not listed:
        return []
    stations = [f"{SOURCE}:{arriving_id(city, day)}" for city in all_cities() for day in DAYS]
    rows = ws.store.versions(world=world, stations=stations, quantities=["pm2p5"], as_of=issue)
    first = min(one.received_at for one in listed)
    if len(rows):
        first = max(first, from_ns(rows["received_at"].to_numpy().max()) + HOUR)
    return cycles_between(first, issue + HOUR)


def _from_runs(ws: Workspace, world: str, issues: list[datetime]) -> int:
    """Make many issues from previous runs that hold winds aloft, where such are stored."""
    store = forecasts_of(ws)
    listed = [one for one in store.listed(world, as_of=issues[-1]) if one.kind == PREVIOUS_RUNS]
    months = [m for m in map(store.read, listed) if has_winds_aloft(m)]
    if not months:
        return 0
    return _store(ws, world, issues, winds_of_runs(months))


def _from_forecast(ws: Workspace, world: str, issue: datetime) -> int:
    """Make one issue from the newest forecast that it knew."""
    end = max(horizon_end(issue, city.timezone) for city in all_cities().values())
    winds = winds_for(ws, world, start=issue - 3 * HOUR, end=end, as_of=issue)
    return 0 if winds is None else _store(ws, world, [issue], winds_of_fields(winds))


def _store(ws: Workspace, world: str, issues: list[datetime], winds: KnownWinds) -> int:
    cities = list(all_cities().values())
    panel = load_panel(ws.store, cities, world, start=issues[0] - READ_BACK, end=issues[-1], as_of=issues[-1])
    rows = _rows(panel, winds, np.array([to_ns(i) for i in issues], "M8[ns]"))
    done = ws.store.append(rows, source=SOURCE, world=world, assumed_delay=HOUR)
    return done.rows_written


def _rows(panel: AsOfPanel, winds: KnownWinds, issues: Times) -> pd.DataFrame:
    """Return what is on its way as observations of the hour before each issue, received at the issue."""
    readings = readings_of(panel, issues)
    parts = []
    for city in all_cities().values():
        logs = arriving(winds, readings, issues, city, DAYS)
        for day in DAYS:
            known = np.isfinite(logs[:, day])
            hour = np.timedelta64(1, "h").astype("m8[ns]")
            parts.append(
                pd.DataFrame(
                    {
                        "station": f"{SOURCE}:{arriving_id(city.id, day)}",
                        "quantity": "pm2p5",
                        "time": issues[known] - hour,
                        "value": np.asarray(to_level(logs[known, day]), np.float64),
                        "qc": np.full(int(known.sum()), QC_PASS, np.int8),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
