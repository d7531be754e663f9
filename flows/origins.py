"""Where the air of the cities comes from at their expected peak: paths back from there, and what they say.

A run goes on without winds: its panel then says that there were none.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr

from flows.plan import CyclePlan
from flows.runview import again, find_run
from flows.winds import winds_for
from flows.workspace import Workspace
from forecasting.transport.origin import Question, origin_panel, panel_without_winds
from forecasting.transport.origin_starts import (
    HOURS_BACK,
    Expected,
    expected_peak,
    join_starts,
    past_arrivals,
    starts_of,
)
from forecasting.transport.trajectories import Method, Starts, trajectories
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import ContractError, UsageError
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.origin_panel import OriginPanel
from pipeline.paths import cities_in
from pipeline.storage.products import brought
from pipeline.times import from_ns, iso
from pipeline.trajectory_files import write_trajectories

log = logging.getLogger(__name__)

NO_WINDS = "no gridded winds are stored of these days; paths are drawn from forecast winds only"
VERTICAL_MOTION = ("lagrangian_tendency_of_air_pressure", "upward_air_velocity")


def origins_of(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, paths: xr.Dataset
) -> tuple[OriginPanel, xr.Dataset | None]:
    """Return the origin panel of a cycle, and the trajectories that it rests on where there are winds.

    Parameters
    ----------
    panel : series of the world as known at the snapshot
    paths : joint paths of the run, after ``pipeline.schema.check_paths``

    Returns
    -------
    panel, trajectories
        the latter after TRAJECTORY_CONTRACT with ``city``, ``member``, ``purpose`` (``expected``, or
        ``past`` for arrivals every six hours of the past day)
    """
    cities = cities_in(paths)
    peaks = {city.id: expected_peak(paths, city) for city in cities}
    asked = Question(plan.cycle, plan.as_of, cities)
    back = timedelta(hours=HOURS_BACK)
    past = past_arrivals(plan.cycle)
    ends = [from_ns(p.arrivals[-1]) for p in peaks.values() if p is not None] or [plan.cycle]
    winds = winds_for(
        ws, plan.world, start=from_ns(past[0]) - back, end=max(*ends, plan.cycle), as_of=plan.as_of
    )
    if winds is None:
        return panel_without_winds(plan.world, asked, NO_WINDS), None
    reached = {city_id: _within(winds, peak) for city_id, peak in peaks.items()}
    groups = [starts_of(winds, city, past, "past") for city in cities]
    groups += [starts_of(winds, city, peak.arrivals, "expected") for city, peak in _there(cities, reached)]
    found = _paths(winds, join_starts(groups))
    asked = replace(
        asked,
        drawn={city.id: peak.peak for city, peak in _there(cities, reached)},
        missing={c.id: _why(winds, peaks[c.id]) for c in cities if reached[c.id] is None},
    )
    ahead = found.isel(trajectory=np.flatnonzero(found["purpose"].to_numpy() == "expected"))
    return origin_panel(ahead, panel, asked), found


def write_origins(panel: OriginPanel, paths: xr.Dataset | None, folder: Path) -> dict[str, Path]:
    """Write ``origins.json`` and, where there are paths, ``trajectories.nc``; return them by product name."""
    content = json.dumps(panel.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    products = {"origins": write_atomic(folder / "origins.json", content.encode())}
    if paths is not None:
        products["trajectories"] = write_trajectories(_as_float32(paths), folder / "trajectories.nc")
    return products


def origins_of_run(ws: Workspace, run: RunRow) -> OriginPanel | None:
    """Return the origin panel that a run stored; None where it stored none, or none that can be read."""
    if "origins" not in run.products:
        return None
    path = brought(ws.settings, run.products["origins"])
    try:
        return OriginPanel.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, AttributeError, ContractError):
        log.exception("the origins of run %s cannot be read", run.id)
        return None


def _as_float32(paths: xr.Dataset) -> xr.Dataset:
    """Return paths at half the size: 10 m are more than is known of them."""
    points = [name for name, values in paths.data_vars.items() if values.dims == ("trajectory", "age")]
    return paths.assign({name: paths[name].astype("float32") for name in points})


def asked_origins(ws: Workspace, world: str | None, cycle: datetime | None) -> tuple[RunRow, OriginPanel]:
    """Return the current run of a cycle, or of the newest, and its origin panel.

    Parameters
    ----------
    world, cycle : as for ``flows.runview.find_run``

    Raises
    ------
    UsageError
        there is no such run, or it stored no origins
    """
    run = find_run(ws, world, cycle)
    panel = origins_of_run(ws, run)
    if panel is None:
        raise UsageError(
            f"run {run.id} stored no origins; `sameair run {again(run)}` makes a run of its cycle that does"
        )
    return run, panel


def _paths(winds: xr.Dataset, starts: Starts) -> xr.Dataset:
    """Return paths back in time, with vertical motion where the winds hold it, else at constant height."""
    has_motion = any(name in winds for name in VERTICAL_MOTION)
    method = Method(vertical="model" if has_motion else "constant height")
    return trajectories(winds, starts, -HOURS_BACK, method=method)


def _within(winds: xr.Dataset, peak: Expected | None) -> Expected | None:
    """Return the arrivals of a peak that the winds reach, None where they reach none."""
    if peak is None:
        return None
    arrivals = peak.arrivals[peak.arrivals <= winds["time"].to_numpy()[-1]]
    return replace(peak, arrivals=arrivals) if len(arrivals) else None


def _there(cities: Sequence[City], peaks: Mapping[str, Expected | None]) -> list[tuple[City, Expected]]:
    return [(city, peak) for city in cities if (peak := peaks[city.id]) is not None]


def _why(winds: xr.Dataset, peak: Expected | None) -> str:
    if peak is None:
        return "no day ahead could be forecast"
    end = iso(from_ns(winds["time"].to_numpy()[-1]))
    return f"the stored winds end at {end}, before the day of the expected peak"
