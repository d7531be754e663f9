"""The scripted air of a drill as stored readings and as a run like any other, where the real chain goes on.

What is scripted are day means; everything behind them (rules, episodes, proposals) is judged as always.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from alerts.drill_scenarios import CYCLE_HOURS, Scenario, Step
from flows.plan import CyclePlan
from flows.simulated import SNAPSHOT
from flows.version import code_version
from flows.workspace import Workspace
from forecasting.exceedance import summarise
from pipeline.cities import City, all_cities, linked_cities
from pipeline.fields import write_netcdf
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.paths import join_paths
from pipeline.schema import MINIMUM_MEMBERS, SAMPLE_DIMS, check_samples
from pipeline.series import load_panel
from pipeline.storage.products import keep_files
from pipeline.times import from_ns, horizon_end, hour_range, iso, local_date, to_ns

MODEL: Final = "scripted-drill"
"""What stands for a model in everything that a drill says."""

SOURCE: Final = "drill"
NOTE: Final = "scripted reading of an exercise"
PAST_DAYS: Final = 5
"""How many days before the first cycle have readings."""

PUBLISHED: Final = timedelta(minutes=10)
"""How long after its end an hour counts as received."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DrillWorld:
    """One drill's air: the scenario, the name of its world and the instant of its first cycle."""

    scenario: Scenario
    world: str
    first: datetime

    def instant(self, step: Step) -> datetime:
        """Return when a step happens in the drill's own time; a cycle's snapshot comes later."""
        return self.first + timedelta(hours=step.hours)

    def plan(self, step: Step) -> CyclePlan:
        """Return the cycle of a step."""
        cycle = self.instant(step)
        return CyclePlan(self.world, cycle, cycle + SNAPSHOT, "simulated", drill=True)


def begin_world(ws: Workspace, drill: DrillWorld) -> None:
    """Store the stations of a drill and the readings of the days before it."""
    rows = [
        {
            "station": _station(city),
            "name": f"drill {city.id}",
            "latitude": city.latitude,
            "longitude": city.longitude,
            "altitude": float("nan"),
            "city": city.id,
            "interval_hours": 1,
            "note": NOTE,
        }
        for city in played_cities()
    ]
    ws.store.append_stations(pd.DataFrame(rows), source=SOURCE, world=drill.world)
    start = drill.first - timedelta(days=PAST_DAYS)
    hours = hour_range(start, drill.first - timedelta(hours=CYCLE_HOURS))
    _store(ws, drill, hours, {name: (mean,) for name, mean in drill.scenario.before.items()})


def scripted_run(ws: Workspace, drill: DrillWorld, step: Step, since: datetime) -> str:
    """Enter the run of a scripted cycle, with the readings since the one before, and return its id."""
    plan, cities = drill.plan(step), played_cities()
    _store(ws, drill, hour_range(since, plan.cycle), step.means)
    panel = load_panel(ws.store, cities, plan.world, end=plan.as_of, as_of=plan.as_of)
    samples = _samples(drill, step, cities)
    with ws.ledger.write() as conn:
        run_id = begin_run(
            conn,
            world=plan.world,
            cycle=plan.cycle,
            as_of=plan.as_of,
            code_version=code_version(),
            at=ws.clock(),
        )
    folder = ws.run_folder(plan.world, iso(plan.cycle), run_id)
    paths = join_paths(panel, samples, cities)
    products = {
        "forecast": write_netcdf(summarise(samples, paths, cities), folder / "forecast.nc"),
        "samples": write_netcdf(samples, folder / "samples.nc", exact=True),
    }
    keep_files(ws.settings, products.values())
    with ws.ledger.write() as conn:
        finish_run(
            conn,
            run_id,
            at=ws.clock(),
            model_id=MODEL,
            inputs={"batches": [], "used": [], "missing": [], "models": {}, "plan": plan.to_dict()},
            degraded="",
            products={name: str(path.relative_to(ws.settings.data_dir)) for name, path in products.items()},
        )
        make_current(conn, run_id, expected=None)
    return run_id


def _samples(drill: DrillWorld, step: Step, cities: list[City]) -> xr.Dataset:
    """Return joint samples whose day means lie around the scripted ones [ug m-3], always alike."""
    issue = drill.instant(step)
    last = max(horizon_end(issue, c.timezone) for c in cities)
    times = hour_range(issue, last)
    rng = np.random.default_rng(zlib.crc32(f"{drill.scenario.id}|{step.hours}".encode()))
    days = len(next(iter(step.means.values())))
    shared = rng.standard_normal((MINIMUM_MEMBERS, days))
    values = np.full((MINIMUM_MEMBERS, len(cities), len(times)), np.nan)
    for i, city in enumerate(cities):
        own = rng.standard_normal((MINIMUM_MEMBERS, days))
        factor = np.exp(step.spread * (0.8 * shared + 0.6 * own))
        at = _days_ahead(times, issue, city)
        known = at < days
        means = np.asarray(step.means[city.id])
        values[:, i, known] = (means * factor)[:, at[known]] * _course(times[known], city)
    samples = xr.Dataset(
        {"pm2p5": (SAMPLE_DIMS, values, {"units": "ug m-3"})},
        coords={
            "realization": np.arange(MINIMUM_MEMBERS),
            "city": [c.id for c in cities],
            "forecast_period": ("forecast_period", np.arange(1, len(times) + 1), {"units": "hours"}),
            "issue_time": to_ns(issue),
            "as_of": to_ns(issue + SNAPSHOT),
        },
        attrs={
            "world": drill.world,
            "model_id": MODEL,
            "inputs_used": "",
            "inputs_missing": "",
            "degraded": "",
        },
    )
    return check_samples(samples)


def _store(
    ws: Workspace, drill: DrillWorld, hours: npt.NDArray[np.datetime64], means: dict[str, tuple[float, ...]]
) -> None:
    """Store the readings of some hours at the level of the day that the script tells first [ug m-3]."""
    parts = [
        pd.DataFrame(
            {
                "station": _station(city),
                "quantity": "pm2p5",
                "value": means[city.id][0] * _course(hours, city),
                "time": hours.astype("datetime64[ns]"),
                "qc": np.zeros(len(hours), "int8"),
            }
        )
        for city in played_cities()
    ]
    rows = pd.concat(parts, ignore_index=True)
    ws.store.append(rows, source=SOURCE, world=drill.world, assumed_delay=PUBLISHED)


def played_cities() -> list[City]:
    """Return the cities that a drill plays: those of which joint warnings may speak."""
    return [all_cities()[name] for name in linked_cities()]


def _station(city: City) -> str:
    """Return the station that stands for a city, of the network that its simulated series read."""
    spec = city.spec("pm2p5", "reference", "simulated")
    network = spec.network if spec is not None else ""
    return f"{network}:drill-{city.id}"


def _days_ahead(times: npt.NDArray[np.datetime64], issue: datetime, city: City) -> npt.NDArray[np.int64]:
    """Return the local day of each interval end, counted from that of the issue."""
    today = local_date(issue, city.timezone)
    ends = [from_ns(t) - timedelta(seconds=1) for t in times]
    return np.array([(local_date(end, city.timezone) - today).days for end in ends])


def _course(times: npt.NDArray[np.datetime64], city: City) -> Floats:
    """Return a mild daily course whose mean over a day is one."""
    hours = times.astype("datetime64[h]").astype("int64") + round(city.longitude / 15)
    course: Floats = 1 + 0.1 * np.cos(2 * np.pi * (hours - 9) / 24)
    return course
