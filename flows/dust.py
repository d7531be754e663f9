"""The dust of a run: judged beside its forecast, stored with it, read back for rules, pages and commands."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from flows.live import forecasts_of
from flows.plan import CyclePlan
from flows.workspace import Workspace
from forecasting.issue import IssueForecast
from forecasting.transport.dust import city_particles, days_between
from forecasting.transport.dust_ahead import DayFutures, coarse_chance, day_futures, expected_day
from forecasting.transport.dust_events import LOOK_BACK, coarse_stretches, measured_days
from forecasting.transport.dust_origin import Signs, origin_signs
from forecasting.transport.dust_paths import surrogate_paths
from pipeline.asof import AsOfPanel
from pipeline.bulletins import read_bulletins
from pipeline.cities import City, all_cities
from pipeline.dust_outlook import DustDay, DustOutlook, check_dust_paths, read_outlook
from pipeline.errors import SameairError, UsageError
from pipeline.fields import read_netcdf, write_netcdf
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.paths import cities_in
from pipeline.series import load_panel
from pipeline.storage.products import brought
from pipeline.times import FORECAST_DAYS, iso, local_date, local_day_bounds
from pipeline.trajectory_files import read_trajectories

log = logging.getLogger(__name__)

CAMS: Final = "open_meteo.cams"
PAST_DAYS: Final = 3
"""Local days before that of the issue which a run judges too."""

RECENT: Final = timedelta(days=1)
"""A city in which either quantity was not measured for so long is told nothing of the days ahead."""

LONGEST: Final = timedelta(days=31)
"""How far back advisories are read for the days of a run."""

METHOD: Final = (
    "coarse particles for 3 h or more: PM10 at 150 ug m-3 or above, of which PM2.5 is 40 % or less, or PM10 "
    "less PM2.5 at 250 ug m-3 or above and PM2.5 at 60 % or less; called dust where a sign of origin "
    "supports it; the chances ahead have shown no skill yet"
)


def dust_of(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, trajectories: Path | None
) -> tuple[DustOutlook, xr.Dataset]:
    """Return the dust outlook of a cycle, and its dust paths (``pipeline.dust_outlook.DUST_CONTRACT``).

    Parameters
    ----------
    panel : series of the world as known at the snapshot
    made : the forecast of both quantities
    trajectories : file of the paths back from the cities, or None where there are no winds
    """
    signs = _signs(ws, plan, panel, read_trajectories(trajectories) if trajectories else None)
    days: list[DustDay] = []
    futures: dict[tuple[str, date], DayFutures | None] = {}
    for city in cities_in(made.paths["pm10"]):
        today = local_date(plan.cycle, city.timezone)
        is_told = _is_told(panel, city, plan)
        past = measured_days(signs, city, today - timedelta(PAST_DAYS), today - timedelta(1), plan.as_of)
        days += [replace(d, lead_day=n - PAST_DAYS) for n, d in enumerate(past)]
        for lead in range(FORECAST_DAYS + 1):
            day = today + timedelta(lead)
            found = day_futures(made.paths["pm10"], made.paths["pm2p5"], city, day) if is_told else None
            futures[city.id, day] = found
            days.append(_ahead(found, signs, city, day, lead, plan.as_of))
    degraded = str(made.samples["pm10"].attrs["degraded"])
    method = f"{METHOD}; PM10 forecast degraded: {degraded}" if degraded else METHOD
    outlook = DustOutlook(plan.world, iso(plan.cycle), iso(plan.as_of), method, tuple(days))
    return outlook, _dust_paths(made.paths, outlook, futures)


def write_dust(outlook: DustOutlook, paths: xr.Dataset, folder: Path) -> dict[str, Path]:
    """Write ``dust.json`` and ``dust.nc``; return them by product name."""
    content = json.dumps(outlook.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return {
        "dust": write_atomic(folder / "dust.json", content.encode()),
        "dust_paths": write_netcdf(paths, folder / "dust.nc"),
    }


def dust_of_run(ws: Workspace, run: RunRow) -> DustOutlook | None:
    """Return the dust outlook that a run stored; None where it stored none."""
    return read_outlook(brought(ws.settings, run.products["dust"])) if "dust" in run.products else None


def dust_paths_of_run(ws: Workspace, run: RunRow) -> xr.Dataset | None:
    """Return the dust paths that a run stored; None, with a line in the log, where there are none to read."""
    if "dust_paths" not in run.products:
        return None
    try:
        return check_dust_paths(read_netcdf(brought(ws.settings, run.products["dust_paths"])))
    except (OSError, ValueError, SameairError):
        log.exception("the dust paths of run %s cannot be read", run.id)
        return None


def judged_days(
    ws: Workspace,
    world: str,
    city: City,
    first: date,
    last: date,
    as_of: datetime,
    *,
    by_pressure: bool = False,
) -> tuple[DustDay, ...]:
    """Judge every local day of a city over a stretch, by what was known at an instant.

    Parameters
    ----------
    by_pressure : let paths by the wind that measured sea-level pressure lets one estimate be a sign, too

    Raises
    ------
    UsageError
        the last day is before the first, or nothing is stored of this world
    """
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    if world not in ws.store.worlds():
        raise UsageError(f"nothing is stored of the world {world}; see `sameair status`")
    start = local_day_bounds(first, city.timezone)[0] - LOOK_BACK
    end = local_day_bounds(last, city.timezone)[1]
    panel = load_panel(ws.store, all_cities().values(), world, start=start, end=end, as_of=as_of)
    with ws.ledger.read() as conn:
        stored = read_bulletins(conn, world, as_of=as_of, kind="dust", issued_after=start - LONGEST)
    signs = Signs(panel, bulletins=tuple(s.bulletin for s in stored))
    if by_pressure:
        stretches = coarse_stretches(panel, city, first, last, as_of)
        signs = replace(signs, paths=surrogate_paths(panel, city, stretches, as_of))
    return measured_days(signs, city, first, last, as_of)


def _signs(ws: Workspace, plan: CyclePlan, panel: AsOfPanel, paths: xr.Dataset | None) -> Signs:
    cams = forecasts_of(ws).newest(CAMS, plan.world, plan.as_of)
    since = plan.as_of - LONGEST
    with ws.ledger.read() as conn:
        stored = read_bulletins(conn, plan.world, as_of=plan.as_of, kind="dust", issued_after=since)
    return Signs(panel, paths, cams, tuple(s.bulletin for s in stored))


def _is_told(panel: AsOfPanel, city: City, plan: CyclePlan) -> bool:
    """Tell whether both quantities were measured in the last day before the issue.

    A PM10 forecast that starts from none differs from that of PM2.5 by more than dust would make it.
    """
    found = city_particles(panel, city, plan.cycle - RECENT, plan.cycle, plan.as_of)
    return bool(np.any(np.isfinite(found.pm10) & np.isfinite(found.pm2p5)))


def _ahead(
    found: DayFutures | None, signs: Signs, city: City, day: date, lead: int, as_of: datetime
) -> DustDay:
    """Judge a day from today on; one without a forecast is unknown."""
    if found is None:
        nothing = (None,) * 3
        return DustDay(city.id, day.isoformat(), lead, "unknown", None, 0.0, 0.0, *nothing, observed=False)
    start, end = local_day_bounds(day, city.timezone)
    return expected_day(found, city, day, origin_signs(signs, city, start, end, as_of), lead_day=lead)


def _dust_paths(
    paths: Mapping[str, xr.Dataset],
    outlook: DustOutlook,
    futures: Mapping[tuple[str, date], DayFutures | None],
) -> xr.Dataset:
    pm10, pm2p5 = paths["pm10"], paths["pm2p5"]
    ids = [str(c) for c in pm10["city"].values]
    cities = [all_cities()[i] for i in ids]
    days = _all_days(futures)
    dusty = np.zeros((pm10.sizes["realization"], len(ids), len(days)), dtype=np.int8)
    verdict = np.full((len(ids), len(days)), "unknown", dtype=object)
    for (name, day), found in futures.items():
        judged = outlook.day(name, day.isoformat())
        at = ids.index(name), days.index(day)
        verdict[at] = judged.verdict if judged else "unknown"
        if found is not None:
            dusty[:, at[0], at[1]] = found.dusty()
    for judged in (d for d in outlook.days if d.observed):
        at = ids.index(judged.city), days.index(date.fromisoformat(judged.day))
        verdict[at] = judged.verdict
        dusty[:, at[0], at[1]] = judged.verdict in ("dust", "pm10_event")
    told = {name for (name, _), found in futures.items() if found is not None}
    nothing = np.zeros(pm10.sizes["time"])
    coarse = np.stack([coarse_chance(pm10, pm2p5, c) if c.id in told else nothing for c in cities])
    return check_dust_paths(
        xr.Dataset(
            {
                "pm10": pm10["pm10"],
                "is_observed": pm10["is_observed"],
                "coarse": (("city", "time"), coarse),
                "dusty": (("realization", "city", "day"), dusty),
                "verdict": (("city", "day"), verdict),
            },
            {"day": np.array(days, dtype="M8[D]").astype("M8[ns]")},
            {"world": str(pm10.attrs["world"])},
        )
    )


def _all_days(futures: Mapping[tuple[str, date], DayFutures | None]) -> Sequence[date]:
    ahead = [day for _, day in futures]
    return days_between(min(ahead) - timedelta(PAST_DAYS), max(ahead))
