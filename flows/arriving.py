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
from pipeline.observations import ObservationStore
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


def keep_arriving(ws: Workspace, world: str, issue: datetime, snapshot: datetime | None = None) -> int:
    """Make what is on its way at an issue, and at those before it that lack it; return the rows stored.

    For each issue only winds and readings that had been received by it count, so it does not matter when it
    is made. Nothing is made where no forecast winds are stored, as of archives. Repeating it adds nothing.

    Parameters
    ----------
    snapshot : instant of the snapshot of a cycle that runs now: what had come by then makes another version
        for the issue, received at the snapshot
    """
    lacking = _lacking(ws, world, issue)
    early, late = lacking[:-EACH], lacking[-EACH:]
    stored = _from_runs(ws, world, early) if early else 0
    stored += sum(_from_forecast(ws, world, one, one) for one in late)
    return stored + (_from_forecast(ws, world, issue, snapshot) if snapshot and snapshot > issue else 0)


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
    rows = _rows(_panel(ws, world, issues[0], issues[-1]), winds_of_runs(months), issues)
    return ws.store.append(rows, source=SOURCE, world=world, assumed_delay=HOUR).rows_written


def _from_forecast(ws: Workspace, world: str, issue: datetime, known: datetime) -> int:
    """Make one issue from the newest forecast and the readings that were known at an instant."""
    end = max(horizon_end(issue, city.timezone) for city in all_cities().values())
    winds = winds_for(ws, world, start=issue - 3 * HOUR, end=end, as_of=known)
    if winds is None:
        return 0
    rows = _rows(_panel(ws, world, issue, known), winds_of_fields(winds), [issue])
    if known == issue:
        return ws.store.append(rows, source=SOURCE, world=world, assumed_delay=HOUR).rows_written
    store = ObservationStore(ws.store.root, ws.ledger, clock=lambda: known)
    return store.append(rows, source=SOURCE, world=world).rows_written


def _panel(ws: Workspace, world: str, first: datetime, known: datetime) -> AsOfPanel:
    """Return the readings around the cities from before an issue on, as known at an instant."""
    cities = list(all_cities().values())
    return load_panel(ws.store, cities, world, start=first - READ_BACK, end=known, as_of=known)


def _rows(panel: AsOfPanel, winds: KnownWinds, when: list[datetime]) -> pd.DataFrame:
    """Return what is on its way as observations of the hour before each issue."""
    issues: Times = np.array([to_ns(i) for i in when], "M8[ns]")
    readings = readings_of(panel, issues, snapshot=len(when) == 1)
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
