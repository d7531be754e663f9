"""Forecasts of the stations of every city, beside those of the city itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import xarray as xr

from flows.plan import CyclePlan
from flows.workspace import Workspace
from forecasting.issue import IssueForecast
from forecasting.predictions import path_futures
from forecasting.stations import PAST_HOURS, StationPast, city_past, names_of, station_rows
from forecasting.targets import Floats
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.names import QC_FAIL
from pipeline.times import NS_HOUR, to_ns

HOUR = np.timedelta64(1, "h")
EMPTY = ("station", "city", "quantity")


def station_table(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, cities: Sequence[City]
) -> pd.DataFrame:
    """Return the forecasts of all stations that sent enough in the last month, for every quantity.

    Only what had been received by the snapshot is read. The columns are those of the predictions, with
    ``station`` and ``quantity``; where nothing can be forecast the table is empty.
    """
    listed = ws.store.stations(plan.world, plan.as_of)
    parts = []
    for quantity, paths in made.paths.items():
        for city in cities:
            spec = city.spec(quantity, "reference", panel.world)
            names = names_of(listed, city.id, spec.stations if spec else ())
            if names and city.id in paths["city"].values:
                rows = _of_city(ws, plan, panel, city, quantity, paths, names)
                parts.append(rows.assign(quantity=quantity))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(EMPTY))


def _of_city(
    ws: Workspace,
    plan: CyclePlan,
    panel: AsOfPanel,
    city: City,
    quantity: str,
    paths: xr.Dataset,
    names: Sequence[str],
) -> pd.DataFrame:
    issue = to_ns(plan.cycle)
    rows = ws.store.read(
        world=plan.world,
        stations=names,
        quantities=[quantity],
        start=plan.cycle - timedelta(hours=PAST_HOURS),
        end=plan.cycle,
        as_of=plan.as_of,
    )
    rows = rows[rows["qc"] != QC_FAIL]
    values = np.full((len(names), PAST_HOURS), np.nan)
    place = pd.Index(names).get_indexer(pd.Index(rows["station"]))
    age = (issue.astype(np.int64) - rows["time"].to_numpy("M8[ns]").astype(np.int64)) // NS_HOUR
    values[place, PAST_HOURS - 1 - age] = rows["value"].to_numpy(float)
    past = StationPast(tuple(names), values, _city_past(panel, city, quantity, plan, issue))
    futures = path_futures(paths, city, quantity)
    model_id, degraded = str(paths.attrs.get("model_id", "")), str(paths.attrs.get("degraded", ""))
    return station_rows(past, futures, model_id, degraded, int(plan.cycle.timestamp()))


def _city_past(panel: AsOfPanel, city: City, quantity: str, plan: CyclePlan, issue: np.datetime64) -> Floats:
    """Return the city hour by hour: its hourly series where there is one, else its reference."""
    spec = city.spec(quantity, "hourly", panel.world) or city.spec(quantity, "reference", panel.world)
    key = f"{city.id}.{quantity}.{spec.role if spec else 'reference'}"
    if key not in panel:
        return np.full(PAST_HOURS, np.nan)
    times = issue.astype("M8[h]").astype("M8[ns]") - np.arange(PAST_HOURS)[::-1] * HOUR
    known = panel.on_grid(key, times, plan.as_of)
    there = np.isfinite(known)
    return city_past(times[there], known[there], panel[key].interval_hours, issue)
