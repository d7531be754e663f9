"""A finished run read back from disk, for whoever judges or shows it; nothing here forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import xarray as xr

from flows.drill_record import is_drill
from flows.plan import CyclePlan
from flows.workspace import Workspace
from pipeline.asof import AsOfPanel
from pipeline.cities import City, linked_cities
from pipeline.errors import UsageError
from pipeline.fields import read_netcdf
from pipeline.ledger.runs import RunRow, current_run, get_run, list_runs, newest_current_run
from pipeline.names import MEASURED, is_simulated
from pipeline.paths import cities_in, join_paths
from pipeline.removed import NOTE, raise_if_removed
from pipeline.series import load_panel
from pipeline.storage.products import brought
from pipeline.times import iso

MANY = 200
"""How many runs are looked through for the world that ran last."""

SHOWN = timedelta(days=10)
"""How far back a page shows; paths begin three local days before the issue."""


@dataclass(frozen=True)
class RunView:
    """A finished run: its plan, its products, and its series as they were known at the snapshot."""

    run: RunRow
    plan: CyclePlan
    forecast: xr.Dataset
    paths: xr.Dataset
    panel: AsOfPanel


def find_run(ws: Workspace, world: str | None, cycle: datetime | None) -> RunRow:
    """Return the current run of a cycle, or of the newest.

    Parameters
    ----------
    world : None for the measured one, if it has a run, else the world that ran last, drills left aside
    cycle : None for the newest

    Raises
    ------
    UsageError
        there is no such run
    """
    with ws.ledger.read() as conn:
        others = (run.world for run in list_runs(conn, limit=MANY) if not is_drill(run.world))
        last = next(others, MEASURED)
        chosen = world or (MEASURED if newest_current_run(conn, MEASURED) else last)
        run = newest_current_run(conn, chosen) if cycle is None else current_run(conn, chosen, cycle)
    if run is None:
        which = f"cycle {iso(cycle)}" if cycle else "no cycle"
        raise UsageError(f"{which} of {chosen} has {'not ' if cycle else ''}run; see `sameair status`")
    return run


def again(run: RunRow) -> str:
    """Return the options with which `sameair run` makes another run of a run's cycle."""
    which = f"--world {run.world}" if is_simulated(run.world) else f"--at {iso(run.cycle)}"
    return f"{which} --again"


def read_run(ws: Workspace, run_id: str, *, whole_past: bool = False) -> RunView:
    """Read a finished run back; raises UsageError if there is none of that id, RemovedByAge if it went.

    Parameters
    ----------
    whole_past : give the panel all the past there is of the cities between which links are examined, and of
        the places around, not only their last days
    """
    with ws.ledger.read() as conn:
        run = get_run(conn, run_id)
    if run is None or run.status != "finished":
        raise UsageError(f"run {run_id} is {run.status if run else 'unknown'}; see `sameair status`")
    plan = CyclePlan.from_dict(dict(run.inputs["plan"]))
    samples = read_netcdf(_product(ws, run, "samples"))
    cities = cities_in(samples)
    panel = _panel(ws, plan, cities, whole_past)
    return RunView(
        run=run,
        plan=plan,
        forecast=read_netcdf(_product(ws, run, "forecast")),
        paths=join_paths(panel, samples, cities),
        panel=panel,
    )


def _product(ws: Workspace, run: RunRow, name: str) -> Path:
    """Return where a product of a run lies; raises RemovedByAge where retention has removed it."""
    path = brought(ws.settings, run.products[name])
    if not path.is_file():
        brought(ws.settings, path.with_name(NOTE), changes=True)
        raise_if_removed(path)
    return path


def _panel(ws: Workspace, plan: CyclePlan, cities: list[City], whole_past: bool) -> AsOfPanel:
    """Return what a run's snapshot knew of its last days, or of all its past where links are examined."""
    read = partial(load_panel, ws.store, world=plan.world, end=plan.as_of, as_of=plan.as_of)
    linked = set(linked_cities()) if whole_past else {city.id for city in cities}
    mine, rest = ([c for c in cities if (c.id in linked) == own] for own in (True, False))
    start = None if whole_past else plan.as_of - SHOWN
    panel = read(cities=mine, start=start)
    if not rest:
        return panel
    last = read(cities=rest, start=plan.as_of - SHOWN, around=False)
    return AsOfPanel({**{k: panel[k] for k in panel}, **{k: last[k] for k in last}}, plan.world)
