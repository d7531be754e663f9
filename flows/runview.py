"""A finished run read back from disk, for whoever judges or shows it; nothing here forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import xarray as xr

from flows.drill_record import is_drill
from flows.plan import CyclePlan
from flows.workspace import Workspace
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.fields import read_netcdf
from pipeline.ledger.runs import RunRow, current_run, get_run, list_runs, newest_current_run
from pipeline.names import MEASURED, is_simulated
from pipeline.paths import join_paths
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
    """Read a finished run back; raises UsageError if there is none of that id.

    Parameters
    ----------
    whole_past : give the panel all the past there is, not only its last days
    """
    with ws.ledger.read() as conn:
        run = get_run(conn, run_id)
    if run is None or run.status != "finished":
        raise UsageError(f"run {run_id} is {run.status if run else 'unknown'}; see `sameair status`")
    plan = CyclePlan.from_dict(dict(run.inputs["plan"]))
    cities = list(all_cities().values())
    panel = load_panel(
        ws.store,
        cities,
        plan.world,
        start=None if whole_past else plan.as_of - SHOWN,
        end=plan.as_of,
        as_of=plan.as_of,
    )
    samples = read_netcdf(brought(ws.settings, run.products["samples"]))
    return RunView(
        run=run,
        plan=plan,
        forecast=read_netcdf(brought(ws.settings, run.products["forecast"])),
        paths=join_paths(panel, samples, cities),
        panel=panel,
    )
